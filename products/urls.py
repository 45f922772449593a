"""The addresses of products."""

from django.urls import path

from products import pages

app_name = "products"
urlpatterns = [
    path("products/", pages.browse),
    path("products/<uuid:product_id>/", pages.read),
]
