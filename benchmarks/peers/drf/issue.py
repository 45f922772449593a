"""Print refresh tokens of SimpleJWT, as its log-in makes them: `python -m benchmarks.peers.drf.issue 100`."""

import json
import os
import sys

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.drf.settings"

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.db import transaction  # noqa: E402
from rest_framework_simplejwt.tokens import RefreshToken  # noqa: E402

if __name__ == "__main__":
    users = list(User.objects.order_by("id"))
    with transaction.atomic():
        tokens = [str(RefreshToken.for_user(users[number % len(users)])) for number in range(int(sys.argv[1]))]
    json.dump(tokens, sys.stdout)
