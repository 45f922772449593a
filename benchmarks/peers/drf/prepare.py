"""The tables that SimpleJWT's default needs beside Tessera's: users, and the blacklist of refresh tokens."""

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.drf.settings"

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.db import connection  # noqa: E402
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken  # noqa: E402

from benchmarks.peers.tables import PROMISED, Order, OrderLine  # noqa: E402

PASSWORD = "tessera-demo"


def main() -> None:
    with connection.schema_editor() as editor:
        for model in (User, OutstandingToken, BlacklistedToken, Order, OrderLine, *PROMISED):
            editor.create_model(model)
    User.objects.bulk_create(User(username=f"customer{number}", password="!") for number in range(1000))
    user = User.objects.get(username="customer0")
    user.set_password(PASSWORD)
    user.save()


if __name__ == "__main__":
    main()
