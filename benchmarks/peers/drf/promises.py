"""Orders that promise what Tessera's do: one order for each `Idempotency-Key`, whatever is sent again; an order that
is pending until its goods are held, and is finished after a crash; prices kept with what is held; a ledger of it;
events; and limits of what one customer may have unpaid, or order in a day, which two orders at once cannot pass.

Written as the documentation of Django and DRF has it: serializers, `transaction.atomic`, `select_for_update`,
constraints that the database keeps, `get_or_create`, `bulk_create`, `F()`.
"""

import hashlib
import json
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, F, Q, Sum
from django.utils import timezone
from rest_framework import exceptions, generics, serializers, status
from rest_framework.response import Response

from benchmarks.peers.tables import (
    Customer,
    Event,
    IdempotencyKey,
    Movement,
    Product,
    PromisedLine,
    PromisedOrder,
    Reservation,
    Stock,
)


class Refused(exceptions.APIException):
    """Nothing is held for these lines, now and whenever they are sent again."""

    status_code = 409


class OutOfStock(Refused):
    default_detail = "Not enough in stock."


class PriceChanged(Refused):
    default_detail = "A price is not the one that was seen."


class MixedCurrencies(Refused):
    default_detail = "These products are sold in different currencies."


class TooManyUnpaid(exceptions.APIException):
    status_code = 409
    default_detail = "You have too much ordered that is not paid yet."


class TooManyOrders(exceptions.APIException):
    status_code = 429
    default_detail = "You have ordered very often within a day."


class OtherOrder(exceptions.APIException):
    status_code = 422
    default_detail = "The Idempotency-Key was used for another order."


class LineSerializer(serializers.ModelSerializer):
    product = serializers.PrimaryKeyRelatedField(queryset=Product.objects.filter(active=True))
    quantity = serializers.IntegerField(min_value=1)

    class Meta:
        model = PromisedLine
        fields = ["product", "sku", "name", "quantity", "price", "unit_price"]
        read_only_fields = ["sku", "name", "unit_price"]
        extra_kwargs = {"price": {"required": False}}


class EventSerializer(serializers.ModelSerializer):
    class Meta:
        model = Event
        fields = ["name", "customer", "facts", "created_at"]


class OrderSerializer(serializers.ModelSerializer):
    lines = LineSerializer(many=True)
    events = EventSerializer(many=True, read_only=True)

    class Meta:
        model = PromisedOrder
        fields = [
            "id",
            "number",
            "customer",
            "customer_name",
            "customer_email",
            "ship_to",
            "status",
            "currency",
            "total",
            "created_at",
            "lines",
            "events",
        ]
        read_only_fields = ["number", "customer", "customer_name", "customer_email", "status", "currency", "total"]

    def validate_lines(self, lines):
        if len({line["product"] for line in lines}) < len(lines):
            raise serializers.ValidationError("A product stands there twice.")
        return lines


class Orders(generics.GenericAPIView):
    serializer_class = OrderSerializer

    def post(self, request):
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            raise exceptions.ValidationError({"Idempotency-Key": "This header is required."})
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        claim = claim_key(request, key, **serializer.validated_data)
        if claim.status is None:
            settle(claim)
        return Response(claim.answer, status=claim.status)


def claim_key(request, key, *, lines, ship_to=""):
    """The key with its order: a new one that is pending, or the one that was made before."""
    customer = str(request.user.id)
    fingerprint = hashlib.sha256(json.dumps(request.data, sort_keys=True).encode()).hexdigest()
    try:
        with transaction.atomic():
            order = PromisedOrder.objects.create(
                customer=customer,
                customer_name=request.auth.get("name", ""),
                customer_email=request.auth.get("email", ""),
                ship_to=ship_to,
            )
            claim = IdempotencyKey.objects.create(customer=customer, key=key, fingerprint=fingerprint, order=order)
            check_limits(order, lines)
            PromisedLine.objects.bulk_create(PromisedLine(order=order, **line) for line in lines)
            Event.objects.create(order=order, name="opened", customer=customer)
            return claim
    except IntegrityError:
        claim = IdempotencyKey.objects.select_related("order").get(customer=customer, key=key)
    if claim.fingerprint != fingerprint:
        raise OtherOrder
    return claim


def check_limits(order, lines):
    """Refuse an order with which its customer has too much; until its transaction ends nobody else orders for them."""
    Customer.objects.select_for_update().get_or_create(sub=order.customer)
    others = PromisedOrder.objects.filter(customer=order.customer).exclude(pk=order.pk)
    day = others.filter(created_at__gt=timezone.now() - timedelta(days=1)).aggregate(
        begun=Count("pk"), rejected=Count("pk", filter=Q(status=PromisedOrder.Status.REJECTED))
    )
    if day["begun"] >= settings.ORDERS_PER_DAY or day["rejected"] >= settings.REJECTED_ORDERS_PER_DAY:
        raise TooManyOrders

    unpaid = others.exclude(status=PromisedOrder.Status.REJECTED).aggregate(
        orders=Count("pk", distinct=True), units=Sum("lines__quantity", default=0)
    )
    units = unpaid["units"] + sum(line["quantity"] for line in lines)
    if unpaid["orders"] >= settings.UNPAID_ORDERS or units > settings.UNPAID_UNITS:
        raise TooManyUnpaid


def settle(claim):
    """Hold the goods of a pending order, and say what came of it; safe to repeat, as after a crash."""
    try:
        hold(claim.order)
    except Refused as error:
        reject(claim, str(error))
    else:
        confirm(claim)


@transaction.atomic
def hold(order):
    """Reserve all lines or none, each with its movement; once for each order."""
    reservation, is_new = Reservation.objects.get_or_create(order=order)
    if not is_new:
        return

    lines = list(order.lines.select_related("product"))
    check_lines(lines)
    # At this price they are held, whatever it is when the order is confirmed, as after a crash.
    for line in lines:
        line.sku, line.name, line.unit_price = line.product.sku, line.product.name, line.product.price
    PromisedLine.objects.bulk_update(lines, ["sku", "name", "unit_price"])
    wanted = {line.product_id: line.quantity for line in lines}
    # In the same order everywhere, so that no two wait for each other.
    rows = Stock.objects.select_for_update().filter(pk__in=wanted).order_by("pk")
    for stock in rows:
        if stock.on_hand - stock.reserved < wanted[stock.pk]:
            raise OutOfStock
        Stock.objects.filter(pk=stock.pk).update(reserved=F("reserved") + wanted[stock.pk])
    Movement.objects.bulk_create(
        Movement(reservation=reservation, stock_id=product, quantity=quantity) for product, quantity in wanted.items()
    )


def check_lines(lines):
    if any(line.price not in (None, line.product.price) for line in lines):
        raise PriceChanged
    if len({line.product.currency for line in lines}) > 1:
        raise MixedCurrencies


@transaction.atomic
def confirm(claim):
    order = PromisedOrder.objects.select_for_update().get(pk=claim.order_id)
    if order.status == PromisedOrder.Status.PENDING:
        lines = list(order.lines.select_related("product"))
        order.status, order.total = PromisedOrder.Status.PLACED, sum(line.unit_price * line.quantity for line in lines)
        order.currency = lines[0].product.currency
        order.save(update_fields=["status", "total", "currency"])
        Event.objects.create(order=order, name="placed", customer=order.customer, facts={"total": str(order.total)})
    keep_answer(claim, order, status.HTTP_201_CREATED)


@transaction.atomic
def reject(claim, reason):
    order = PromisedOrder.objects.select_for_update().get(pk=claim.order_id)
    if order.status == PromisedOrder.Status.PENDING:
        order.status = PromisedOrder.Status.REJECTED
        order.save(update_fields=["status"])
        Event.objects.create(order=order, name="rejected", customer=order.customer, facts={"reason": reason})
    keep_answer(claim, order, status.HTTP_409_CONFLICT)


def keep_answer(claim, order, code):
    """Note what is answered, now and to whoever sends the key again."""
    claim.status, claim.answer = code, OrderSerializer(order).data
    claim.save(update_fields=["status", "answer"])


def finish_pending(before):
    """What a periodic job of such a shop runs: settle orders that a crash left pending."""
    for claim in IdempotencyKey.objects.filter(
        order__status=PromisedOrder.Status.PENDING, order__created_at__lt=before
    ).select_related("order"):
        settle(claim)
