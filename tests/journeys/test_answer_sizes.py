"""No answer is longer than the document says, however much there is and however long its words are."""

import uuid
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import orjson
import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from tests.conftest import Person
from tokens.scopes import SCOPES, SERVICES
from wire.page_links import MAX_ANSWER

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.database,
    pytest.mark.skipif(sorted(SERVICES) != settings.SERVICES, reason="needs all services in one process"),
]

MANY = 120
WIDE = "\N{GRINNING FACE}"
"""Four bytes, the most that a character has."""
LISTS = {"/api/accounts/sessions/", "/api/orders/", "/api/products/", "/api/products/reservations/"}


@pytest.fixture
def people():
    return {
        "everything": Person("root", " ".join(SCOPES)),
        "orders": Person("orders", "stock:reserve", sub="orders", aud=["products"], sid="none", client_id="orders"),
    }


def fill_sessions(user):
    from accounts.models import Session, TokenStatus

    for _ in range(MANY):
        fields = {"device": WIDE * 200, "client_id": "c" * 255, "expires_at": timezone.now() + timedelta(days=9)}
        Session.objects.create(user=user, status=TokenStatus.objects.create(), **fields)


def fill(people):
    """As many of everything as no page shows, as long as it may be."""
    from accounts.models import User

    user = User.objects.create_user("root@example.com", name=WIDE * 200)
    people["everything"] = Person("root", " ".join(SCOPES), sub=user.sub)
    fill_sessions(user)
    from orders.models import Line, Order
    from products.models import Product, Reservation, ReservationLine, Stock

    products = [
        Product(
            sku=f"{number:04}" + WIDE * 60,
            name=WIDE * 200,
            category=WIDE * 64,
            description=WIDE * 4000,
            price=Decimal("1.50"),
            search_key=f"{number:04}" + WIDE * 200,
        )
        for number in range(MANY)
    ]
    Product.objects.bulk_create(products)
    Stock.objects.bulk_create([Stock(product=product, on_hand=10**9, reserved=10**8) for product in products])
    sold = {"quantity": 1_000_000, "unit_price": Decimal("999999.99"), "name": WIDE * 200}
    held = [Reservation(order_id=uuid.uuid4()) for _ in range(MANY)]
    Reservation.objects.bulk_create(held)
    ReservationLine.objects.bulk_create(
        [
            ReservationLine(reservation=one, product=product, sku=product.sku, currency="EUR", **sold)
            for one in held
            for product in products[:100]
        ],
        batch_size=500,
    )
    orders = [
        Order(
            status="placed",
            customer_id="someone",
            customer_name=WIDE * 200,
            customer_email="e" * 254,
            ship_to=WIDE * 1000,
            currency="EUR",
            total=Decimal(1),
            placed_at=timezone.now(),
            created_at=timezone.now() - timedelta(seconds=number),
        )
        for number in range(MANY)
    ]
    Order.objects.bulk_create(orders)
    Line.objects.bulk_create(
        [
            Line(order=order, product=product.pk, sku=product.sku, **sold)
            for order in orders
            for product in products[:50]
        ],
        batch_size=500,
    )


def find_gets():
    """Each address of the API that is read, with the bound of its answer."""
    out = StringIO()
    call_command("spectacular", "--format", "openapi-json", stdout=out)
    paths = orjson.loads(out.getvalue())["paths"].items()
    return {path: own["get"]["x-max-answer"] for path, own in paths if path.startswith("/api/") and "get" in own}


def walk(person, address, way="next"):
    """Every page of a list, one after the other: its size, and the ids of its rows."""
    while address:
        answer = person.get(address)
        assert answer.status_code == 200, answer.content
        body = answer.json()
        yield len(answer.content), [row.get("id") or row.get("order") for row in body["results"]], body
        address = body[way]


@pytest.mark.slow
def test_no_answer_is_longer_than_its_bound_and_no_row_is_left_out(people):
    fill(people)

    for path in LISTS:
        who, bound = people["orders" if "reservations" in path else "everything"], find_gets()[path]
        pages = list(walk(who, f"{path}?limit=100"))
        back = list(walk(who, pages[-1][2]["previous"], "previous"))

        assert max(size for size, _, _ in [*pages, *back]) <= bound == MAX_ANSWER, path
        there = [one for _, rows, _ in pages for one in rows]
        before = [one for _, rows, _ in reversed(back) for one in rows]
        assert len(there) == len(set(there)) == MANY, path
        assert before == there[: -len(pages[-1][1])], path


@pytest.mark.slow
def test_what_is_no_list_and_what_is_public_keep_to_the_bound(people):
    fill(people)
    from orders.models import Order
    from products.models import Product

    known = {"order_id": Order.objects.first().pk, "product_id": Product.objects.first().pk}
    addresses = [path.format(**known) for path in find_gets() if path not in LISTS]
    public = ["/metrics", "/.well-known/jwks.json", "/.well-known/token-status/0", "/api/schema/", "/readyz"]

    for address in [*addresses, *public]:
        who = people["orders" if "reservations" in address else "everything"]
        answer = who.get(address, {"audience": "orders"} if "verify" in address else None)
        assert answer.status_code == 200, address
        assert len(answer.content) <= MAX_ANSWER, address
    for address in ("/orders/", "/products/", "/account/", f"/orders/{known['order_id']}/"):
        assert len(people["everything"].browser.get(address).content) <= MAX_ANSWER, address


@pytest.mark.slow
def test_every_address_that_answers_with_a_page_is_tried_here():
    documents = [orjson.loads((settings.BASE_DIR / name / "openapi.json").read_bytes()) for name in SERVICES]
    gets = {path: one["get"] for document in documents for path, one in document["paths"].items() if "get" in one}
    limited = {path for path, get in gets.items() if "limit" in {each["name"] for each in get.get("parameters", [])}}

    assert limited == LISTS
