"""A list of products: Schema, @paginate."""

from decimal import Decimal
from uuid import UUID

from django.urls import path
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError
from ninja.pagination import PageNumberPagination, paginate
from ninja_jwt.authentication import JWTTokenUserAuth
from pydantic import field_serializer

from benchmarks.peers.tables import for_sale


class ProductOut(Schema):
    id: UUID
    sku: str
    name: str
    category: str
    price: Decimal
    currency: str
    available: int
    active: bool

    @field_serializer("price")
    def write_price(self, price):
        return f"{price:.2f}"


api = NinjaAPI()


@api.get("/products/", response=list[ProductOut], auth=JWTTokenUserAuth())
@paginate(PageNumberPagination, page_size=20)
def products(request):
    if "products:read" not in request.auth.token.get("scope", "").split():
        raise HttpError(403, "The token does not carry the scope.")
    return for_sale()


urlpatterns = [path("api/", api.urls)]
