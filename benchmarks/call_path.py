"""How many files of orders one `POST /api/orders/` runs through, and how often it goes from one to another.

`python -m benchmarks.call_path` makes a shop of its own, places three orders, and counts the calls of the third.
"""

import collections
import io
import itertools
import os
import sys
import tempfile
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OWN = "orders/"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DATABASE_URL": f"sqlite:///{folder}/shop.sqlite3", "LOG_LEVEL": "ERROR"}
        files = trace_order()
    own = [file for file in files if file.startswith(OWN)]
    for file, calls in collections.Counter(own).items():
        print(f"{calls:4} calls  {file}")
    print(f"{OWN}: {describe(own)}; all packages: {describe(files)}")


def trace_order() -> list[str]:
    """The file of each function of ours that is called while an order is placed, in turn."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

    from django.core.management import call_command
    from django.test import Client

    call_command("migrate", verbosity=0)
    call_command("demo", stdout=io.StringIO())
    client = Client(SERVER_NAME="localhost")
    login = client.post("/api/token/", {"email": "alice@example.com", "password": "tessera-demo"}, "application/json")
    bearer = {"Authorization": f"Bearer {login.json()['access']}"}
    product = client.get("/api/products/?q=rooibos", headers=bearer).json()["results"][0]["id"]
    files: list[str] = []

    def note(frame, event, argument):
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT) and ".venv" not in path.parts:
            files.append(str(path.relative_to(ROOT)))

    for profile in (None, None, note):
        body, headers = {"lines": [{"product": product, "quantity": 1}]}, {"Idempotency-Key": str(uuid.uuid4())}
        sys.setprofile(profile)
        answer = client.post("/api/orders/", body, "application/json", headers=bearer | headers)
        sys.setprofile(None)
        assert answer.status_code == 201, answer.content
    return files


def describe(files: list[str]) -> str:
    switches = sum(before != after for before, after in itertools.pairwise(files))
    return f"{len(set(files))} files, {switches} switches"


if __name__ == "__main__":
    main()
