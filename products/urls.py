"""The addresses of products."""

from django.urls import path

from products import pages, views

app_name = "products"
urlpatterns = [
    path("api/products/", views.Products.as_view()),
    path("api/products/<uuid:product_id>/", views.Product.as_view()),
    path("api/products/reservations/", views.Reservations.as_view()),
    path("api/products/reservations/offers/", views.Offers.as_view()),
    path("api/products/reservations/<uuid:order_id>/", views.OneReservation.as_view()),
    path("api/products/reservations/<uuid:order_id>/fulfil/", views.Fulfilment.as_view()),
    path("api/products/reservations/<uuid:order_id>/take-back/", views.TakingBack.as_view()),
    path("products/", pages.show_products),
    path("products/<uuid:product_id>/", pages.show_product),
]
