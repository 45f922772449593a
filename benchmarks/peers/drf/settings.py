"""DRF with SimpleJWT; PEER_STATELESS says whether the token's user is looked up."""

import os
from datetime import timedelta

from benchmarks.peers.settings import *  # noqa: F403
from benchmarks.peers.settings import DATABASES, INSTALLED_APPS

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
if "PEER_PROMISES" in os.environ and DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # What the documentation has for several writers ("Database is locked" errors, "Transactions behavior").
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;",
    }
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
}
# What one customer may have unpaid and order in a day: as high as Tessera's are here.
ORDERS_PER_DAY = REJECTED_ORDERS_PER_DAY = UNPAID_ORDERS = 1_000_000
UNPAID_UNITS = 100_000_000
