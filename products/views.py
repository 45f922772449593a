"""The catalogue over the API, and the stock that orders holds."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from products import catalogue, reservations
from products.models import Reservation
from products.presenters import product_etag, write_held_order, write_holding, write_listed_product, write_product
from products.serializers import (
    HeldOrder,
    HoldingList,
    OrderState,
    ProductFields,
    ProductList,
    SearchQuery,
    WantedLines,
    WholeProduct,
    read_requested_lines,
    read_search,
)
from tokens.permissions import InsufficientScope
from tokens.user import current_user
from wire.etags import expected_versions, is_known
from wire.keyset import Ordering, paginate
from wire.page_links import read_limit, write_page
from wire.problems import Problem, ProblemType
from wire.schema import IF_NONE_MATCH, PAGE, UNCHANGED
from wire.serializers import Nothing, read
from wire.views import View

BY_ORDER_ID = Ordering("order", ("order_id",))
STATE = OpenApiParameter("state", str, enum=["held"], default="held")
ETAG = OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=[200, 201], description="The version and stock.")


class Products(View):
    """What there is."""

    scopes = {"GET": "products:read", "POST": "products:write"}
    problems = {"POST": (409,)}

    @extend_schema(operation_id="products_list", parameters=[SearchQuery, *PAGE], responses=ProductList)
    def get(self, request: Request) -> Response:
        """Search the catalogue, page by page. A list carries no descriptions."""
        search, staff = read_search(request.GET), may_write(request)
        if search.active is not True and not staff:
            raise InsufficientScope("products:write")

        page = catalogue.search_products(search, cursor=request.GET.get("cursor"), limit=read_limit(request))
        results = [write_listed_product(row, staff=staff) for row in page.rows]
        return Response(write_page(request, page, results))

    @extend_schema(
        operation_id="products_create", request=ProductFields, parameters=[ETAG], responses={201: WholeProduct}
    )
    def post(self, request: Request) -> Response:
        """Add a product, with nothing on hand. Its sku must be new."""
        fields = read(ProductFields, request.data)
        product = catalogue.create_product(fields, by=current_user(request))
        response = answer_product(request, product.pk, status=201)
        response["Location"] = request.build_absolute_uri(f"{request.path}{product.pk}/")
        return response


class Product(View):
    """One product, for sale or retired."""

    scopes = {"GET": "products:read", "PATCH": "products:write"}
    problems = {"PATCH": (409, 412)}

    @extend_schema(
        operation_id="products_read",
        parameters=[ETAG, IF_NONE_MATCH],
        responses={200: WholeProduct, 304: UNCHANGED},
    )
    def get(self, request: Request, product_id: UUID) -> Response:
        """Read a product."""
        return answer_product(request, product_id)

    @extend_schema(operation_id="products_change", request=ProductFields, parameters=[ETAG], responses=WholeProduct)
    def patch(self, request: Request, product_id: UUID) -> Response:
        """Change a product; `{"active": false}` retires it."""
        versions = expected_versions(request)
        fields = read(ProductFields, request.data, partial=True)
        catalogue.change_product(product_id, fields, by=current_user(request), versions=versions)
        return answer_product(request, product_id)


class Reservations(View):
    """What is held, for the service that asked for it."""

    scopes = {"GET": "stock:reserve"}

    @extend_schema(operation_id="reservations_list", parameters=[STATE, *PAGE], responses=HoldingList)
    def get(self, request: Request) -> Response:
        """List every order that something is held for."""
        if request.GET.get("state", "held") != "held":
            raise Problem(ProblemType(400, "invalid", "state is held."))

        rows: Any = Reservation.objects.held().values("order_id")
        page = paginate(rows, BY_ORDER_ID, cursor=request.GET.get("cursor"), limit=read_limit(request), filters="held")
        quantities = reservations.quantities_of(row["order_id"] for row in page.rows)
        return Response(write_page(request, page, [write_holding(*pair) for pair in quantities.items()]))


class OneReservation(View):
    """What is held for one order. Every verb may be repeated."""

    scopes = {"PUT": "stock:reserve", "DELETE": "stock:reserve"}
    problems = {"PUT": (409, 410), "DELETE": (410,)}

    @extend_schema(operation_id="reservations_reserve", request=WantedLines, responses=HeldOrder)
    def put(self, request: Request, order_id: UUID) -> Response:
        """Hold every line or none. A repeat answers the same prices."""
        lines = reservations.reserve(order_id, read_requested_lines(request.data))
        return Response(write_held_order(order_id, reservations.state_of(order_id), lines))

    @extend_schema(operation_id="reservations_release", request=None, responses={204: None})
    def delete(self, request: Request, order_id: UUID) -> Response:
        """Let go of what is held; nothing can be held for this order from then on."""
        reservations.release(order_id)
        return Response(status=204)


class ReservationStep(View):
    """A step of the goods of one order."""

    scopes = {"POST": "stock:reserve"}
    problems = {"POST": (410,)}

    def answer(self, request: Request, order_id: UUID, verb: Callable[[UUID], str]) -> Response:
        read(Nothing, request.data)
        return Response({"order": order_id, "state": verb(order_id)})


class Fulfilment(ReservationStep):
    """The goods leave."""

    @extend_schema(operation_id="reservations_fulfil", request=Nothing, responses=OrderState)
    def post(self, request: Request, order_id: UUID) -> Response:
        """Hand over what is held."""
        return self.answer(request, order_id, reservations.fulfil)


class TakingBack(ReservationStep):
    """The goods return."""

    @extend_schema(operation_id="reservations_take_back", request=Nothing, responses=OrderState)
    def post(self, request: Request, order_id: UUID) -> Response:
        """Put what was handed over back on hand."""
        return self.answer(request, order_id, reservations.take_back)


def may_write(request: Request) -> bool:
    """Whether the caller sees stock behind `available`, and retired products in lists."""
    return current_user(request).may("products:write")


def answer_product(request: Request, product_id: UUID, status: int = 200) -> Response:
    """A product with its ETag; without a body, if a reader knows it."""
    row = catalogue.read_product(product_id)
    etag = product_etag(row)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if is_known(request, etag):
        return Response(status=304, headers=headers)

    return Response(write_product(row, staff=may_write(request)), status, headers=headers)
