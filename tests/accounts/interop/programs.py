"""What tests of foreign programs share: code from our pages, the program or library they need, a real server."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import threading
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
import requests
from django.conf import settings

from accounts.issuing.tokens import AccessToken
from accounts.login import sessions
from accounts.models import Client, Session
from accounts.oauth import clients
from products import catalogue, stock
from tests.accounts.conftest import PASSWORD, forget
from tokens import encryption
from wire.events import SYSTEM

INTEROP = settings.BASE_DIR / "tests" / "interop"


def block(page, heading, language):
    """The first code of a language under a heading of a page in docs."""
    text = (settings.BASE_DIR / "docs" / page).read_text()
    section = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##+ |\Z)", text, re.MULTILINE | re.DOTALL)
    return re.search(rf"^```{language}\n(.*?)^```", section[1], re.MULTILINE | re.DOTALL)[1]


def needs(program="", module="", package=""):
    """A mark that skips by name what is not installed here."""
    missing = (
        (program and not shutil.which(program))
        or (module and not importlib.util.find_spec(module))
        or (package and not (INTEROP / "node_modules" / package).exists())
    )
    return pytest.mark.skipif(bool(missing), reason=f"{program or module or package} is not installed")


def run(command, folder=None, **own):
    """What a program says in its last line, as JSON."""
    done = subprocess.run(
        command, cwd=folder, env=os.environ | own, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def place_order(shop):
    """Alice buys tea."""
    tea = catalogue.create_product({"sku": "TEA", "name": "Tea", "price": Decimal("8.40")}, by=SYSTEM)
    stock.correct(tea.pk, 10, reason="delivered", by=SYSTEM)
    form = {"email": "alice@example.com", "password": PASSWORD}
    token = requests.post(f"{shop}/api/token/", json=form, timeout=20).json()["access"]
    lines = {"lines": [{"product": str(tea.pk), "quantity": 1}]}
    answer = requests.post(
        f"{shop}/api/orders/",
        json=lines,
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": '"k"'},
        timeout=20,
    )
    assert answer.status_code == 201, answer.text


def register(client_id, origin, *, back="/", **columns):
    """An app that people may log in to; its secret."""
    columns = {
        "redirect_uris": f"{origin}{back}",
        "logout_uris": f"{origin}/",
        "app_scopes": ["orders:read"],
        **columns,
    }
    return clients.register_client(Client(client_id=client_id, name="My orders", **columns), by=SYSTEM)


def end_app(client_id):
    """As the person does on the account page."""
    sessions.end(Session.objects.filter(client_id=client_id), reason="ended", by=SYSTEM)
    forget()


@contextmanager
def serving_files(folder, tls=None):
    """A web server of another origin, with TLS if there is a certificate for it; the origin."""
    handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def visiting(chromium):
    """A page of a browser of its own, with what its console complained of."""
    context = chromium.new_context()
    context.set_default_timeout(30_000)
    page, complaints = context.new_page(), []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.complaints = complaints
    yield page
    context.close()


def log_in_and_allow(page):
    """Alice at her browser, whom an app has sent here."""
    page.fill("input[name=email]", "alice@example.com")
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]:has-text('Log in')")
    page.click("button[value=allow]")


def changed(token, **claims):
    """A token of ours, signed, that says otherwise."""
    other = AccessToken()
    other.payload = claims_of(token) | claims
    return str(other)


def claims_of(token):
    return jwt.decode(encryption.decrypt(token), options={"verify_signature": False})
