from django.urls import path
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from benchmarks.peers.drf import views

urlpatterns = [
    path("api/products/", views.Products.as_view()),
    path("api/orders/", views.Orders.as_view()),
    path("api/token/", TokenObtainPairView.as_view()),
    path("api/token/refresh/", TokenRefreshView.as_view()),
]
