"""The addresses of orders."""

from django.urls import path

from orders import views
from orders.pages import checkout, own_orders

app_name = "orders"
urlpatterns = [
    path("api/orders/", views.Orders.as_view()),
    path("api/orders/<uuid:order_id>/", views.Order.as_view()),
    path("api/orders/<uuid:order_id>/cancel/", views.Cancel.as_view()),
    path("api/orders/<uuid:order_id>/pay/", views.Pay.as_view()),
    path("api/orders/<uuid:order_id>/ship/", views.Ship.as_view()),
    path("api/orders/<uuid:order_id>/deliver/", views.Deliver.as_view()),
    path("api/orders/<uuid:order_id>/return/", views.Return.as_view()),
    path("basket/", checkout.show_basket),
    path("basket/review/", checkout.show_review),
    path("orders/", own_orders.orders),
    path("orders/<uuid:order_id>/", own_orders.order),
    path("orders/<uuid:order_id>/print/", own_orders.print_order),
    path("orders/<uuid:order_id>/order-again/", own_orders.order_again),
    path("orders/<uuid:order_id>/<slug:action>/", own_orders.order_action),
]
