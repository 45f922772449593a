"""Orders over the API."""

from typing import Any, ClassVar, Final
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from orders import checkout, models, queries, transitions
from orders.lifecycle import scopes_for
from orders.presenters import REASONS, present_order, present_outcome
from orders.serializers import (
    KEY,
    MAX_KEY,
    NewOrder,
    OrderList,
    OrderQuery,
    Payment,
    Refund,
    Shipment,
    WholeOrder,
    read_order_request,
)
from tokens.user import current_user
from wire.api.etags import expected_versions, is_known, write_etag
from wire.api.problems import Problem, ProblemType
from wire.api.serializers import Nothing, read
from wire.api.views import IF_NONE_MATCH, UNCHANGED, View, operation
from wire.json import PROBLEM_TYPE
from wire.page_links import write_page

RETRY = 5
"""Seconds after which it is worth asking for a pending order again."""
WRONG_STATUS = ProblemType(409, "wrong-status", "The order does not allow this as it is now: see order.")

HEADER: Final = OpenApiParameter.HEADER
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": f"^({KEY})$", "minLength": 1, "maxLength": MAX_KEY},
    HEADER,
    required=True,
    description="A new one per order, the same one per retry; remembered for 24 hours.",
)
ETAG = OpenApiParameter("ETag", str, HEADER, response=[200], description="The version.")
LOCATION = OpenApiParameter("Location", OpenApiTypes.URI, HEADER, response=[201, 202])
RETRY_AFTER = OpenApiParameter("Retry-After", int, HEADER, response=[202, 409], description="Seconds.")
WAS_REPLAYED = "`true` where the order was placed or refused before this request."
REPLAYED = OpenApiParameter("Idempotent-Replayed", str, HEADER, response=[201, 409], description=WAS_REPLAYED)


class Orders(View):
    """One's own orders; everyone's for order managers."""

    scopes = {"GET": "orders:read orders:manage", "POST": "orders:write"}
    queries = {"GET": OrderQuery}
    problems = {
        "POST": (
            *REASONS,
            "idempotency-key-missing",
            "idempotency-key-malformed",
            "idempotency-key-in-use",
            "idempotency-key-reused",
            "too-many-unpaid",
            429,
        )
    }

    @operation(operation_id="orders_list", responses=OrderList)
    def get(self, request: Request) -> Response:
        """List orders, newest first. Their events are with each order alone."""
        caller = current_user(request)
        customer_id = None if caller.may("orders:manage") else caller.sub
        page = queries.list_orders(customer_id=customer_id, **self.query)
        return Response(write_page(request, page, [present_order(row, caller=caller) for row in page.rows]))

    @operation(
        operation_id="orders_place",
        request=NewOrder,
        parameters=[IDEMPOTENCY_KEY, LOCATION, RETRY_AFTER, REPLAYED],
        responses={201: WholeOrder, 202: WholeOrder},
    )
    def post(self, request: Request) -> Response:
        """Place an order: 201 placed, 409 refused with the facts per line, or 202 while it is pending.

        A 202 is not final: the same key answers 202 until the order is placed or refused, and from
        then on that.
        """
        outcome = checkout.place_order(read_order_request(request))
        status, body = present_outcome(outcome, caller=current_user(request))
        response = Response(body, status, content_type=PROBLEM_TYPE if status == 409 else None)
        if status != 409:
            response["Location"] = request.build_absolute_uri(f"{request.path}{outcome.details.order.pk}/")
        if status == 202:
            response["Retry-After"] = str(RETRY)
        if outcome.is_replayed:
            response["Idempotent-Replayed"] = "true"
        return response


class Order(View):
    """One order."""

    scopes = {"GET": "orders:read orders:manage"}

    @operation(
        operation_id="orders_read", parameters=[ETAG, IF_NONE_MATCH], responses={200: WholeOrder, 304: UNCHANGED}
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        """Read an order."""
        return answer_order(request, queries.find_order(order_id, caller=current_user(request)))


class Change(View):
    """Moves an order on. What was done already is not done again, and is answered alike."""

    action: ClassVar[str]
    body: ClassVar[type[Serializer[Any]]] = Nothing
    problems = {"POST": ("wrong-status", 412)}

    @operation(request=None, parameters=[ETAG], responses=WholeOrder)
    def post(self, request: Request, order_id: UUID) -> Response:
        caller, versions, facts = current_user(request), expected_versions(request), read(self.body, request.data)
        try:
            order = transitions.take_action(order_id, self.action, by=caller, versions=versions, **facts)
        except transitions.WrongStatus as error:
            now = present_order(queries.get_details(error.order).row(), caller=caller)
            raise Problem(WRONG_STATUS, order=now) from error
        return answer_order(request, order)


class Cancel(Change):
    """Cancel an order; what was held for it goes back. Once it is paid, only an order manager may."""

    action = "cancel"
    stated = {"operation_id": "orders_cancel"}
    scopes = {"POST": scopes_for(action)}


class Pay(Change):
    """Report an order as paid. Nobody pays for themselves here: it takes a payment's reference."""

    action = "pay"
    stated = {"operation_id": "orders_pay", "request": Payment}
    body = Payment
    scopes = {"POST": scopes_for(action)}


class Ship(Change):
    """Report an order as shipped; its products leave the stock. The customer sees `tracking` and `note`."""

    action = "ship"
    stated = {"operation_id": "orders_ship", "request": Shipment}
    body = Shipment
    scopes = {"POST": scopes_for(action)}


class Deliver(Change):
    """Report an order as delivered."""

    action = "deliver"
    stated = {"operation_id": "orders_deliver"}
    scopes = {"POST": scopes_for(action)}


class Return(Change):
    """Take an order back; its products go back into stock. `refund` says what was paid back for it."""

    action = "return"
    stated = {"operation_id": "orders_return", "request": Refund}
    body = Refund
    scopes = {"POST": scopes_for(action)}


def answer_order(request: Request, order: models.Order) -> Response:
    """An order with its ETag; without a body, if a reader knows it."""
    etag = write_etag(order.version)
    if is_known(request, etag):
        return Response(status=304, headers={"ETag": etag})

    body = present_order(queries.get_details(order).row(), caller=current_user(request))
    return Response(body, headers={"ETag": etag})
