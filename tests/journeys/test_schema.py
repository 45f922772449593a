"""The whole document of the API, held against the API: no 5xx, no undocumented answer, whoever calls."""

import json
import time
import tracemalloc
import uuid
from functools import partial
from io import StringIO
from urllib.parse import urlencode

import orjson
import pyotp
import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from rest_framework.test import APIClient

from tests.accounts.authenticator import Authenticator
from tests.accounts.factors import add_passkey, add_totp, code_of
from tokens.issuer import get_issuer
from tokens.scopes import SERVICES
from tokens.verification import cache
from wire.demo import ADMIN, ALICE, PASSWORD
from wire.json import MAX_DEPTH, MAX_ELEMENTS

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
hypothesis = pytest.importorskip("hypothesis", reason="hypothesis is not installed")

from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi import checks  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sorted(SERVICES) != settings.SERVICES, reason="needs all services in one process"),
]

MAX_CPU, MAX_MEMORY, MAX_ANSWER = 0.1, 20_000_000, 64 * 1024
"""Seconds and bytes that any request may cost, and bytes of the answer to a wrong one."""
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
ORDER_ID = "11111111-1111-4111-8111-111111111111"

SCHEMA = schemathesis.openapi.from_wsgi("/api/schema/", get_wsgi_application())
OPERATIONS = {operation.ok().label: operation.ok() for operation in SCHEMA.get_all_operations()}
API = [label for label in OPERATIONS if " /api/" in label]
"""The others are OAuth's and its documents, which tests/accounts/test_oauth.py and test_documents.py have succeed."""
COMPONENTS = SCHEMA.raw_schema["components"]["schemas"]
MODES = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]


@pytest.fixture(autouse=True)
def issuer(settings):
    settings.TOKEN_ISSUER = "accounts.issuing.local_issuer.LocalIssuer"
    get_issuer.cache_clear()
    cache.clear()
    yield get_issuer()
    get_issuer.cache_clear()
    cache.clear()


class Shop:
    """The demo's shop, and the ways into it."""

    def __init__(self):
        from accounts.models import User
        from orders.models import Order
        from products.models import Product

        call_command("demo", stdout=StringIO())
        self.product = Product.objects.filter(active=True, stock__on_hand__gte=20).order_by("sku").first()
        self.orders = {order.status: order for order in Order.objects.all()}
        self.admin = User.objects.get(pk=ADMIN.id)

    def log_in(self, person):
        """A fresh session: the pair of tokens."""
        answer = APIClient().post("/api/token/", {"email": person.email, "password": PASSWORD})
        return answer.json()

    def bearer(self, label):
        """Whoever may do what an operation does."""
        if label == "DELETE /api/accounts/me/":
            return self.log_in(ALICE)["access"]  # The last who may manage accounts stays.
        return self.client() if "/reservations/" in label else self.log_in(ADMIN)["access"]

    def client(self):
        """The token of the orders service."""
        from accounts.issuing.tokens import issue_client_access
        from accounts.models import Client
        from accounts.oauth import clients
        from wire.events import SYSTEM

        client = Client(client_id="schema", scopes=["stock:reserve"], audience=["products"])
        clients.register_client(client, by=SYSTEM)
        return issue_client_access(client, "stock:reserve", client.audience)

    def order_for(self, label):
        """An order that the action of an operation suits."""
        action = label.rstrip("/").rsplit("/", 1)[-1]
        before = {"deliver": "shipped", "ship": "paid", "return": "delivered"}.get(action, "placed")
        return self.orders.get(before) or next(iter(self.orders.values()))

    def paths(self, label):
        """Path parameters that lead to something."""
        from accounts.models import Passkey, Session

        if "/reservations/" in label:
            return {"order_id": ORDER_ID}
        session = Session.objects.order_by("-created_at").values_list("pk", flat=True).first()
        known = {"order_id": self.order_for(label).pk, "product_id": self.product.pk, "sid": session, "number": 0}
        known |= {"id": getattr(Passkey.objects.first(), "pk", ORDER_ID)}
        return {name: str(known[name]) for name in known if f"{{{name}}}" in label}

    def reserve(self, order_id):
        from products import reservations

        return reservations.reserve(uuid.UUID(order_id), [reservations.RequestedLine(self.product.pk, 1)])


@pytest.fixture
def shop(db, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.DEBUG = True  # The demo's people are for development alone.
    shop = Shop()
    settings.DEBUG = False
    return shop


def explore(operation, token, paths, examples):
    """Call an operation with made-up data and hold every answer against the document."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    for mode in MODES:
        cases = operation.as_strategy(generation_mode=mode, path_parameters=paths or None)

        @hypothesis.settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(case=cases)
        def call(case):
            response = case.call(headers=headers)
            case.validate_response(response, checks=CHECKS)

        try:
            call()
        except (hypothesis.errors.Unsatisfiable, schemathesis.errors.SerializationNotPossible):
            continue  # Nothing can be wrong with an operation that takes nothing.


@pytest.mark.parametrize("label", OPERATIONS)
def test_nobody_gets_a_documented_answer(shop, label):
    explore(OPERATIONS[label], None, {}, examples=5)


@pytest.mark.parametrize("label", OPERATIONS)
def test_a_customer_gets_a_documented_answer(shop, label):
    access = shop.log_in(ALICE)["access"]

    explore(OPERATIONS[label], access, {}, examples=10)
    explore(OPERATIONS[label], access, shop.paths(label), examples=10)


@pytest.mark.parametrize("label", OPERATIONS)
def test_who_may_gets_a_documented_answer(shop, label):
    explore(OPERATIONS[label], shop.bearer(label), shop.paths(label), examples=15)


def bodies(shop, pair):
    """For each operation that takes a body, one that it takes."""
    line = {"product": str(shop.product.pk), "quantity": 1}
    return {
        "PATCH /api/accounts/me/": {"name": "Ada"},
        "DELETE /api/accounts/me/": {"current_password": PASSWORD},
        "POST /api/accounts/me/email/": {"current_password": PASSWORD, "email": "ada@example.com"},
        "POST /api/accounts/me/password/": {"current_password": PASSWORD, "new_password": "correct horse battery"},
        "POST /api/accounts/register/": {"email": "eve@example.com", "password": "correct horse battery", "name": "E"},
        "POST /api/orders/": {"lines": [line], "ship_to": "Here"},
        "POST /api/orders/{order_id}/pay/": {"reference": "A-1"},
        "POST /api/products/": {"sku": "NEW-1", "name": "New", "price": "1.50", "currency": "EUR", "category": "New"},
        "PATCH /api/products/{product_id}/": {"price": "2.50"},
        "PUT /api/products/reservations/{order_id}/": {"lines": [line]},
        "POST /api/token/": {"email": ALICE.email, "password": PASSWORD},
        "POST /api/token/blacklist/": {"refresh": pair["refresh"]},
        "POST /api/token/refresh/": {"refresh": pair["refresh"]},
        "POST /api/token/verify/": {"token": pair["access"]},
    }


def proofs():
    """For each operation that takes what only its caller's session, device or mailbox has: what makes its body."""
    return {
        "POST /api/accounts/factors/passkeys/": new_passkey,
        "POST /api/accounts/factors/totp/": first_code,
        "PATCH /api/accounts/factors/passkeys/{id}/": lambda admin: (
            add_passkey(admin, by=own_session(admin)) and {"name": "Pad"}
        ),
        "DELETE /api/accounts/factors/passkeys/{id}/": lambda admin: add_passkey(admin, by=own_session(admin)) and {},
        "POST /api/accounts/factors/recovery-codes/": lambda admin: add_totp(admin, by=own_session(admin)) and {},
        "DELETE /api/accounts/factors/totp/": lambda admin: add_totp(admin, by=own_session(admin)) and {},
        "POST /api/accounts/me/email/verify/": mailed_token,
        "POST /api/token/passkey/": passkey_answer,
        "POST /api/token/second-factor/": second_factor,
    }


def own_session(user):
    """A user in their latest session."""
    from accounts.models import Session
    from wire.events import Named

    return Named(user.sub, "api", str(Session.objects.filter(user=user).latest("created_at").pk))


def new_passkey(admin):
    from accounts.factors import passkeys

    made = Authenticator().make(json.loads(passkeys.adding_options(admin)))
    return {"name": "Phone", "credential": made}


def first_code(admin):
    from accounts.factors import totp

    setup = totp.begin(admin)
    return {"setup": setup.signed, "code": pyotp.TOTP(setup.secret).now()}


def mailed_token(admin):
    from accounts.people import email_addresses
    from accounts.people.links import email_tokens

    email_addresses.set_pending(admin, "admin@example.org", by=own_session(admin))
    return {"token": email_tokens.make_token(admin)}


def passkey_answer(admin):
    device = add_passkey(admin)
    options = APIClient().post("/api/token/passkey/options/").json()["publicKey"]
    return {"credential": device.answer(options)}


def second_factor(admin):
    app = add_totp(admin)
    refused = APIClient().post("/api/token/", {"email": admin.email, "password": PASSWORD}).json()
    return {"challenge": refused["challenge"], "code": code_of(app)}


QUERIES = {"GET /api/token/verify/": {"audience": "accounts"}}


def prepare(shop, label):
    """Bring about the state that an operation asks for."""
    if label.endswith(("/fulfil/", "/take-back/")) or label.startswith("DELETE /api/products/reservations"):
        shop.reserve(ORDER_ID)
    if label.endswith("/take-back/"):
        from products import reservations

        reservations.fulfil(uuid.UUID(ORDER_ID))


@pytest.mark.parametrize("accept", ["application/json", "application/problem+json", ""])
@pytest.mark.parametrize("label", API)
def test_every_operation_can_succeed(shop, label, accept):
    pair, bearer = shop.log_in(ALICE), shop.bearer(label)
    prepare(shop, label)
    headers = {"Authorization": f"Bearer {bearer}", "Idempotency-Key": f'"{uuid.uuid4()}"', "Accept": accept}
    fields = request_schema(OPERATIONS[label]).get("properties", {})
    body = bodies(shop, pair).get(label, dict.fromkeys(fields, "text"))
    if label in proofs():
        body = proofs()[label](shop.admin)
    case = OPERATIONS[label].Case(path_parameters=shop.paths(label), headers=headers, query=QUERIES.get(label, {}))
    if body:
        case.body, case.media_type = body, "application/json"

    response = case.call()

    case.validate_response(response, checks=CHECKS)
    assert response.status_code < 300, response.content


def request_schema(operation):
    """What an operation takes, as the document says; nothing, if it takes nothing."""
    content = operation.definition.raw.get("requestBody", {}).get("content", {})
    name = content["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1] if content else ""
    return COMPONENTS[name] if name else {}


def heavy_values(operation):
    """The longest, widest and deepest values, in each field of an operation, and where no field is."""
    names, many = list(request_schema(operation).get("properties", {})), MAX_ELEMENTS - 10
    lists = [[{}] * 50, [{}] * many, [0] * many, [{"product": "x" * 500, "quantity": "x", "price": "x"}] * 50]
    values = ["x" * 60_000, '"\\' * 10_000, "é" * 4000, nest(MAX_DEPTH - 1), 10**19, *lists]
    yield from ({name: value} for name in [*names, "surplus"] for value in values)
    yield from (dict.fromkeys(names, "x" * 4000), {str(number): 0 for number in range(many)}, {"x" * 60_000: 0})


def nest(depth):
    return [nest(depth - 1)] if depth else []


def heavy_bodies(operation):
    """Bodies that the bounds of an operation let through, or all but do."""
    most = operation.definition.raw.get("x-max-body", 64 * 1024)
    shapes = [b"{},", b"[[]],", b'{"a":', b"[", b'"",', b"1,", b'"\\"', b"\xff"]
    bodies = [*map(orjson.dumps, heavy_values(operation)), *((b'{"lines":[' + shape * most)[:most] for shape in shapes)]
    return [body for body in bodies if len(body) <= most]


def measure(call):
    """Seconds of CPU, the least of three tries, bytes at the peak, and the answer."""
    seconds = []
    for _ in range(3):
        started = time.process_time()
        call()
        seconds.append(time.process_time() - started)
    tracemalloc.start()
    response = call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return min(seconds), peak, response


@pytest.mark.parametrize("label", API)
def test_no_body_costs_much(shop, label):
    operation, caller = OPERATIONS[label], APIClient()
    path = operation.path.format(**shop.paths(label))
    headers = {"Authorization": f"Bearer {shop.bearer(label)}", "Idempotency-Key": str(uuid.uuid4())}
    send = partial(caller.generic, operation.method, path, content_type="application/json", headers=headers)
    costly = []
    for body in heavy_bodies(operation):
        seconds, peak, response = measure(partial(send, body))
        answer = 0 if response.status_code < 400 else len(response.content)
        if seconds > MAX_CPU or peak > MAX_MEMORY or answer > MAX_ANSWER or response.status_code >= 500:
            costly.append((body[:60], seconds, peak, answer, response.status_code))

    assert costly == []


@pytest.mark.parametrize("label", [label for label in API if label.startswith("GET")])
def test_no_query_costs_much(shop, label):
    operation, caller = OPERATIONS[label], APIClient()
    path = operation.path.format(**shop.paths(label))
    send = partial(caller.get, headers={"Authorization": f"Bearer {shop.bearer(label)}"})
    names = [*(parameter.name for parameter in operation.query), "surplus"]
    values = ["x" * 8000, "a " * 4000, "%" * 50 + "_" * 50, "ﷺ" * 100, "9" * 8000, "a " * 50]
    costly = []
    for query in [*({name: value} for name in names for value in values), {name: ["x"] * 4000 for name in names}]:
        seconds, peak, response = measure(partial(send, f"{path}?{urlencode(query, doseq=True)}"))
        if seconds > MAX_CPU or peak > MAX_MEMORY or len(response.content) > MAX_ANSWER or response.status_code >= 500:
            costly.append((str(query)[:60], seconds, peak, len(response.content), response.status_code))

    assert costly == []


@pytest.mark.parametrize("name", [name for name in COMPONENTS if name.endswith("Request")])
def test_every_list_and_text_that_comes_in_is_bounded(name):
    bounds = {"array": {"maxItems"}, "string": {"maxLength", "enum", "format", "pattern"}}

    for field, schema in COMPONENTS[name].get("properties", {}).items():
        unbounded = [kind for kind in bounds if kind in schema.get("type", "") and not bounds[kind] & schema.keys()]
        assert unbounded == [], field
