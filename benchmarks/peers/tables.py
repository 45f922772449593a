"""Tessera's tables as the models of a Django peer, which neither makes nor changes them."""

from django.db import models


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
