"""django-ninja with ninja-jwt, stateless."""

from datetime import timedelta

from benchmarks.peers.settings import *  # noqa: F403
from benchmarks.peers.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "ninja_extra", "ninja_jwt", "benchmarks.peers.drf.apps.Peer"]
ROOT_URLCONF = "benchmarks.peers.ninja.urls"
NINJA_JWT = {"ACCESS_TOKEN_LIFETIME": timedelta(minutes=10)}
NINJA_PAGINATION_PER_PAGE = 20
