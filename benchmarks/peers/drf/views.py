"""A list of products: ModelSerializer, ListAPIView, PageNumberPagination."""

from rest_framework import generics, permissions, serializers

from benchmarks.peers.tables import Product, for_sale


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
