"""Tessera's tables as the models of a Django peer, which neither makes nor changes them."""

import uuid

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.crypto import get_random_string


class Product(models.Model):
    id = models.UUIDField(primary_key=True)
    sku = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    category = models.CharField(max_length=64)
    price = models.DecimalField(max_digits=15, decimal_places=3)
    currency = models.CharField(max_length=3)
    active = models.BooleanField()
    search_key = models.CharField(max_length=300)

    class Meta:
        managed = False
        db_table = "products_product"
        app_label = "peers"

    @property
    def available(self):
        return self.stock.on_hand - self.stock.reserved


class Stock(models.Model):
    product = models.OneToOneField(Product, primary_key=True, on_delete=models.PROTECT, related_name="stock")
    on_hand = models.BigIntegerField()
    reserved = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "products_stock"
        app_label = "peers"


def for_sale():
    return Product.objects.filter(active=True).select_related("stock").order_by("search_key", "id")


class Order(models.Model):
    """An order of the peer's own."""

    customer = models.CharField(max_length=64)
    total = models.DecimalField(max_digits=15, decimal_places=2)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "peers"


class OrderLine(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()
    unit_price = models.DecimalField(max_digits=15, decimal_places=2)

    class Meta:
        app_label = "peers"


def new_number():
    return get_random_string(8, "0123456789ABCDEFGHJKMNPQRSTVWXYZ")


class Customer(models.Model):
    """Whose row is locked while their orders are counted, so that each order sees those before it."""

    sub = models.CharField(max_length=64, unique=True)

    class Meta:
        app_label = "peers"


class PromisedOrder(models.Model):
    """An order of the peer that promises what Tessera does."""

    class Status(models.TextChoices):
        PENDING = "pending"
        PLACED = "placed"
        REJECTED = "rejected"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    number = models.CharField(max_length=8, unique=True, default=new_number)
    customer = models.CharField(max_length=64)
    customer_name = models.CharField(max_length=200, blank=True)
    customer_email = models.CharField(max_length=254, blank=True)
    ship_to = models.TextField(max_length=1000, blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.PENDING)
    currency = models.CharField(max_length=3, blank=True)
    total = models.DecimalField(max_digits=15, decimal_places=2, null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "peers"
        indexes = [
            models.Index(fields=["customer", "created_at"], name="promised_orders_of_customer"),
            models.Index(fields=["created_at"], condition=models.Q(status="pending"), name="promised_orders_pending"),
        ]


class PromisedLine(models.Model):
    order = models.ForeignKey(PromisedOrder, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()
    price = models.DecimalField(max_digits=15, decimal_places=2, null=True, help_text="What the buyer saw.")
    sku = models.CharField(max_length=64, blank=True)
    name = models.CharField(max_length=200, blank=True)
    unit_price = models.DecimalField(max_digits=15, decimal_places=2, null=True)

    class Meta:
        app_label = "peers"
        constraints = [models.UniqueConstraint(fields=["order", "product"], name="one_promised_line_for_each_product")]


class IdempotencyKey(models.Model):
    """A key of a customer, the order that it made, and the answer, once there is one."""

    customer = models.CharField(max_length=64)
    key = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64)
    order = models.ForeignKey(PromisedOrder, on_delete=models.CASCADE, related_name="+")
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.JSONField(null=True, encoder=DjangoJSONEncoder)

    class Meta:
        app_label = "peers"
        constraints = [models.UniqueConstraint(fields=["customer", "key"], name="one_order_for_each_key")]


class Reservation(models.Model):
    """What is held for an order; made once, however often it is asked for."""

    order = models.OneToOneField(PromisedOrder, on_delete=models.CASCADE, related_name="reservation")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "peers"


class Movement(models.Model):
    """The ledger: each change of what is reserved."""

    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, related_name="movements")
    stock = models.ForeignKey(Stock, on_delete=models.PROTECT, related_name="+")
    quantity = models.IntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "peers"
        constraints = [models.UniqueConstraint(fields=["reservation", "stock"], name="one_movement_for_each_product")]


class Event(models.Model):
    """What happened to an order."""

    order = models.ForeignKey(PromisedOrder, on_delete=models.CASCADE, related_name="events")
    name = models.CharField(max_length=32)
    customer = models.CharField(max_length=64)
    facts = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "peers"


PROMISED = (Customer, PromisedOrder, PromisedLine, IdempotencyKey, Reservation, Movement, Event)
