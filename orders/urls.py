"""The addresses of orders."""

from django.urls import path

from orders import pages, views

app_name = "orders"
urlpatterns = [
    path("api/orders/", views.Orders.as_view()),
    path("api/orders/<uuid:order_id>/", views.Order.as_view()),
    path("api/orders/<uuid:order_id>/cancel/", views.Cancel.as_view()),
    path("api/orders/<uuid:order_id>/pay/", views.Pay.as_view()),
    path("api/orders/<uuid:order_id>/ship/", views.Ship.as_view()),
    path("api/orders/<uuid:order_id>/deliver/", views.Deliver.as_view()),
    path("api/orders/<uuid:order_id>/return/", views.Return.as_view()),
    path("orders/", pages.orders),
    path("orders/<uuid:order_id>/", pages.order),
    path("orders/<uuid:order_id>/<slug:action>/", pages.order_action),
]
