import os

from django.urls import path
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from benchmarks.peers.drf import promises, views

urlpatterns = [
    path("api/products/", views.Products.as_view()),
    path("api/orders/", (promises if "PEER_PROMISES" in os.environ else views).Orders.as_view()),
    path("api/token/", TokenObtainPairView.as_view()),
    path("api/token/refresh/", TokenRefreshView.as_view()),
]
