"""The catalogue over the API, and the stock that orders holds."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from products import catalogue, reservations
from products.catalogue import Search
from products.models import Reservation
from products.presenters import (
    product_etag,
    write_held_order,
    write_holding,
    write_listed_product,
    write_offer,
    write_product,
)
from products.serializers import (
    HeldOrder,
    HoldingList,
    HoldingQuery,
    OfferList,
    OfferQuery,
    OrderState,
    ProductFields,
    ProductList,
    SearchQuery,
    WantedLines,
    WholeProduct,
    read_requested_lines,
)
from products.stock_turns import stock_turn
from tokens.permissions import lack_of
from tokens.user import current_user
from wire.api.etags import expected_versions, is_known
from wire.api.serializers import Nothing, read
from wire.api.views import IF_NONE_MATCH, UNCHANGED, View, operation
from wire.keyset import Ordering, paginate
from wire.page_links import write_page

BY_ORDER_ID = Ordering("order", ("order_id",))
ETAG = OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=[200, 201], description="The version and stock.")


class Products(View):
    """What there is."""

    scopes = {"GET": "products:read", "POST": "products:write"}
    open_if = "PUBLIC_CATALOGUE"
    queries = {"GET": SearchQuery}
    problems = {"POST": ("already-exists",)}

    @operation(operation_id="products_list", responses=ProductList)
    def get(self, request: Request) -> Response:
        """Search the catalogue, page by page. A list carries no descriptions."""
        cursor, limit, staff = self.query.pop("cursor", None), self.query.pop("limit"), may_write(request)
        search = Search(**self.query)
        if search.active is not True and not staff:
            raise lack_of("products:write", current_user(request))

        page = catalogue.search_products(search, cursor=cursor, limit=limit)
        results = [write_listed_product(row, staff=staff) for row in page.rows]
        return Response(write_page(request, page, results))

    @operation(operation_id="products_create", request=ProductFields, parameters=[ETAG], responses={201: WholeProduct})
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
    open_if = "PUBLIC_CATALOGUE"
    problems = {"PATCH": ("already-exists", 412)}

    @operation(
        operation_id="products_read",
        parameters=[ETAG, IF_NONE_MATCH],
        responses={200: WholeProduct, 304: UNCHANGED},
    )
    def get(self, request: Request, product_id: UUID) -> Response:
        """Read a product."""
        return answer_product(request, product_id)

    @operation(operation_id="products_change", request=ProductFields, parameters=[ETAG], responses=WholeProduct)
    def patch(self, request: Request, product_id: UUID) -> Response:
        """Change a product; `{"active": false}` retires it."""
        versions = expected_versions(request)
        fields = read(ProductFields, request.data, partial=True)
        catalogue.change_product(product_id, fields, by=current_user(request), versions=versions)
        return answer_product(request, product_id)


class Reservations(View):
    """What is held, for the service that asked for it."""

    scopes = {"GET": "stock:reserve"}
    queries = {"GET": HoldingQuery}

    @operation(operation_id="reservations_list", responses=HoldingList)
    def get(self, request: Request) -> Response:
        """List every order that something is held for by this client."""
        rows: Any = Reservation.objects.held().of_client(current_user(request).client_id).values("order_id")
        cursor, limit = self.query.get("cursor"), self.query["limit"]
        page = paginate(rows, BY_ORDER_ID, cursor=cursor, limit=limit, filters="held")
        quantities = reservations.quantities_of(row["order_id"] for row in page.rows)
        return Response(write_page(request, page, [write_holding(*pair) for pair in quantities.items()]))


class Offers(View):
    """What products could be had for, for the service that takes orders."""

    scopes = {"GET": "stock:reserve"}
    queries = {"GET": OfferQuery}

    @operation(operation_id="offers_list", responses=OfferList)
    def get(self, request: Request) -> Response:
        """Say what some products are sold for now, and how much of each there is. Nothing is held."""
        offers = catalogue.list_offers(self.query.get("products", []))
        return Response({"results": [write_offer(*pair) for pair in offers.items()]})


class OneReservation(View):
    """What is held for one order. Every verb may be repeated; what another client holds is gone for this one."""

    scopes = {"PUT": "stock:reserve", "DELETE": "stock:reserve"}
    problems = {
        "PUT": (
            "insufficient-stock",
            "price-changed",
            "unknown-product",
            "retired-product",
            "mixed-currencies",
            "other-lines",
            "too-many-held",
            "gone",
            "stock-busy",
        ),
        "DELETE": ("gone", "stock-drift", "stock-busy"),
    }

    @operation(operation_id="reservations_reserve", request=WantedLines, responses=HeldOrder)
    def put(self, request: Request, order_id: UUID) -> Response:
        """Hold every line or none. A repeat answers the same prices."""
        wanted, client_id = read_requested_lines(request.data), current_user(request).client_id
        with stock_turn("reserve", [line.product for line in wanted]):
            lines = reservations.reserve(order_id, wanted, client_id=client_id)
        return Response(write_held_order(order_id, reservations.state_of(order_id), lines))

    @operation(operation_id="reservations_release", request=None, responses={204: None})
    def delete(self, request: Request, order_id: UUID) -> Response:
        """Let go of what is held; nothing can be held for this order from then on."""
        with stock_turn("release"):
            reservations.release(order_id, client_id=current_user(request).client_id)
        return Response(status=204)


class ReservationStep(View):
    """A step of the goods of one order."""

    scopes = {"POST": "stock:reserve"}
    problems = {"POST": ("gone", "stock-drift", "stock-busy")}

    def answer(self, request: Request, order_id: UUID, verb: Callable[..., str]) -> Response:
        read(Nothing, request.data)
        with stock_turn(verb.__name__):
            state = verb(order_id, client_id=current_user(request).client_id)
        return Response({"order": order_id, "state": state})


class Fulfilment(ReservationStep):
    """The goods leave."""

    @operation(operation_id="reservations_fulfil", request=Nothing, responses=OrderState)
    def post(self, request: Request, order_id: UUID) -> Response:
        """Hand over what is held."""
        return self.answer(request, order_id, reservations.fulfil)


class TakingBack(ReservationStep):
    """The goods return."""

    @operation(operation_id="reservations_take_back", request=Nothing, responses=OrderState)
    def post(self, request: Request, order_id: UUID) -> Response:
        """Put what was handed over back on hand."""
        return self.answer(request, order_id, reservations.take_back)


def may_write(request: Request) -> bool:
    """Whether the caller sees stock behind `available`, and retired products in lists."""
    return current_user(request).may("products:write")


def answer_product(request: Request, product_id: UUID, status: int = 200) -> Response:
    """A product with its ETag; without a body, if a reader knows it."""
    row = catalogue.read_product(product_id)
    if not current_user(request).is_authenticated:
        # An ETag holds the counters of the stock, which are not for everybody.
        return Response(write_product(row, staff=False), status, headers={"Cache-Control": "no-store"})

    etag = product_etag(row)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if is_known(request, etag):
        return Response(status=304, headers=headers)

    return Response(write_product(row, staff=may_write(request)), status, headers=headers)
