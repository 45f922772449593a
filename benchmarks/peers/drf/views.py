"""A list of products: ModelSerializer, ListAPIView, PageNumberPagination; and orders under select_for_update."""

from django.db import transaction
from rest_framework import exceptions, generics, permissions, serializers

from benchmarks.peers.tables import Order, OrderLine, Product, Stock, for_sale


class HasScope(permissions.IsAuthenticated):
    def has_permission(self, request, view):
        return super().has_permission(request, view) and "products:read" in request.auth.get("scope", "").split()


class ProductSerializer(serializers.ModelSerializer):
    price = serializers.DecimalField(max_digits=15, decimal_places=2)
    available = serializers.IntegerField()

    class Meta:
        model = Product
        fields = ["id", "sku", "name", "category", "price", "currency", "available", "active"]


class Products(generics.ListAPIView):
    serializer_class = ProductSerializer
    permission_classes = [HasScope]

    def get_queryset(self):
        return for_sale()


class OutOfStock(exceptions.APIException):
    status_code = 409


class LineSerializer(serializers.ModelSerializer):
    product = serializers.PrimaryKeyRelatedField(queryset=Product.objects.all())

    class Meta:
        model = OrderLine
        fields = ["product", "quantity", "unit_price"]
        read_only_fields = ["unit_price"]


class OrderSerializer(serializers.ModelSerializer):
    lines = LineSerializer(many=True)

    class Meta:
        model = Order
        fields = ["id", "customer", "total", "created_at", "lines"]
        read_only_fields = ["customer", "total"]

    @transaction.atomic
    def create(self, validated_data):
        lines = validated_data.pop("lines")
        total = sum(line["product"].price * line["quantity"] for line in lines)
        order = Order.objects.create(total=total, **validated_data)
        for line in lines:
            stock = Stock.objects.select_for_update().get(pk=line["product"].pk)
            if stock.on_hand - stock.reserved < line["quantity"]:
                raise OutOfStock("Not enough in stock.")
            stock.reserved += line["quantity"]
            stock.save()
            OrderLine.objects.create(order=order, unit_price=line["product"].price, **line)
        return order


class Orders(generics.CreateAPIView):
    serializer_class = OrderSerializer

    def perform_create(self, serializer):
        serializer.save(customer=str(self.request.user.id))
