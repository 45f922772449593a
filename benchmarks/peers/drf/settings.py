"""DRF with SimpleJWT; PEER_STATELESS says whether the token's user is looked up."""

import os
from datetime import timedelta

from benchmarks.peers.settings import *  # noqa: F403
from benchmarks.peers.settings import INSTALLED_APPS

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "benchmarks.peers.drf.apps.Peer",
]
ROOT_URLCONF = "benchmarks.peers.drf.urls"
AUTHENTICATION = "JWTStatelessUserAuthentication" if os.environ.get("PEER_STATELESS") else "JWTAuthentication"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [f"rest_framework_simplejwt.authentication.{AUTHENTICATION}"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "PAGE_SIZE": 20,
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
}
