"""What a request may cost, in figures that do not depend on the machine: statements, plans, calls."""

import re
import socket
import uuid
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models.sql import compiler
from django.test.utils import CaptureQueriesContext

from accounts.models import Session, User
from orders.checkout import Customer, OrderRequest, place_order
from orders.inventory import RequestedLine
from products import catalogue, stock
from products.models import Product
from tests.conftest import Person
from wire.events import SYSTEM

pytestmark = [pytest.mark.django_db, pytest.mark.database]

ORDERINGS = {
    "name": "product_by_name",
    "-name": "product_by_name",
    "price": "product_by_price",
    "-price": "product_by_price",
    "created": "product_by_age",
    "-created": "product_by_age",
}


@pytest.fixture
def shop():
    for number in range(30):
        fields = {"sku": f"S{number}", "name": f"Cup {number}", "price": Decimal("4.50"), "category": "Kitchen"}
        product = catalogue.create_product(fields, by=SYSTEM)
        stock.correct(product.pk, 5, reason="delivered", by=SYSTEM)
    return product


@pytest.fixture
def person(settings):
    """Alice, with a row of her own that no request needs."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    user = User.objects.create_user("alice@example.com", "tessera-demo")
    return Person("alice", "account orders:read orders:write products:read", sub=user.sub)


def statements(person, address):
    with CaptureQueriesContext(
        connection,
    ) as captured:
        answer = person.get(address)
    assert answer.status_code == 200, answer.content
    return [query["sql"] for query in captured.captured_queries]


def explain(sql):
    """The plan of a statement, on a table so small that nothing but the need decides."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"{'EXPLAIN QUERY PLAN' if connection.vendor == 'sqlite' else 'EXPLAIN'} {sql}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


@pytest.mark.parametrize(
    ("address", "count"),
    [
        ("/api/products/", 1),
        ("/api/products/?ordering=-price&in_stock=true&category=Kitchen", 1),
        ("/api/products/?q=cup", 2),
        ("/api/orders/", 1),
        ("/api/accounts/sessions/", 1),
    ],
)
def test_a_list_takes_as_many_statements_and_counts_nothing(person, shop, address, count):
    asked = statements(person, address)

    # SQLite's index for words is asked by a statement of its own.
    assert len([sql for sql in asked if "product_by_part" not in sql]) == count
    assert not re.search(r"\bCOUNT\(|\bOFFSET\b", " ".join(asked), re.IGNORECASE)


def test_a_product_takes_one_statement(person, shop):
    assert len(statements(person, f"/api/products/{shop.pk}/")) == 1


@pytest.mark.parametrize("address", ["/api/products/", "/api/orders/"])
def test_no_request_asks_for_the_user_or_the_session(person, shop, address):
    asked = " ".join(statements(person, address))

    assert not re.search(r"accounts_|django_session|auth_", asked)


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_pages_are_read_along_an_index_without_sorting(person, shop, ordering):
    first = person.get("/api/products/", {"ordering": ordering, "limit": 5}).json()

    for address in (f"/api/products/?ordering={ordering}&limit=5", first["next"]):
        [sql] = statements(person, address)
        plan = explain(sql)
        assert ORDERINGS[ordering] in plan, plan
        assert not re.search(r"TEMP B-TREE|^ *(->)? *Sort ", plan), plan


def test_a_deep_page_begins_where_the_cursor_says(person, shop):
    """The cursor bounds the index itself; an OR of conditions would read every row before it."""
    address = person.get("/api/products/", {"limit": 5}).json()["next"]

    [sql] = statements(person, address)

    plan = explain(sql)
    wanted = (
        r"SEARCH products_product USING INDEX product_by_name \((search_key|\(search_key,id\))>"
        if connection.vendor == "sqlite"
        else r"Index Cond: \(+ROW\("
    )
    assert re.search(wanted, plan), plan


def test_descriptions_are_looked_through_in_an_index_of_their_own(person, shop):
    [*_, sql] = statements(person, "/api/products/?q=茶")

    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":  # Of words that are too short for the index of their parts.
            assert "USING INDEX product_by_text" in explain(sql)
        else:  # Of several it chooses by what is in the table.
            cursor.execute("SELECT (to_regclass('product_by_text') IS NULL) = (to_regclass('product_by_part') IS NULL)")
            assert cursor.fetchone()[0]


def test_a_token_whose_key_is_known_takes_no_call(person, shop, monkeypatch):
    person.get("/api/products/")
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("somebody was called"))

    assert person.get("/api/products/").status_code == 200


def test_a_refresh_takes_four_statements(person, anonymous):
    body = {"email": "alice@example.com", "password": "tessera-demo"}
    token = anonymous.post("/api/token/", body).json()["refresh"]

    with CaptureQueriesContext(connection) as captured:
        answer = anonymous.post("/api/token/refresh/", {"refresh": token})

    assert answer.status_code == 200
    assert len(work_of(captured)) <= 4


def test_a_log_in_takes_nine_statements(person, anonymous):
    log_in(anonymous, 1)

    with CaptureQueriesContext(connection) as captured:
        log_in(anonymous, 1)

    assert len(work_of(captured)) == 9


def test_an_order_takes_fourteen_statements(person, shop):
    place(person, shop)

    with CaptureQueriesContext(connection) as captured:
        place(person, shop)

    # One more where the customer has to be locked, since several write at once.
    assert len(work_of(captured)) == 14 + (connection.vendor == "postgresql")


@pytest.fixture
def built(monkeypatch):
    """The models of the statements that are built, and not just run."""
    found = []

    def counted(as_sql):
        def count(compiler, *args, **kwargs):
            found.append(compiler.query.model.__name__)
            return as_sql(compiler, *args, **kwargs)

        return count

    for kind in (
        compiler.SQLCompiler,
        compiler.SQLUpdateCompiler,
        compiler.SQLInsertCompiler,
        compiler.SQLDeleteCompiler,
    ):
        monkeypatch.setattr(kind, "as_sql", counted(kind.as_sql))
    return found


@pytest.mark.parametrize("ask", ["list", "next page", "detail", "place", "orders", "refresh"])
def test_what_is_asked_again_and_again_is_built_once(person, shop, anonymous, built, ask):
    """To build a statement takes longer than to run it. A log-in builds some: its hash takes far longer."""
    requests = {
        "list": lambda: person.get("/api/products/"),
        "next page": lambda: person.get(second),
        "detail": lambda: person.get(f"/api/products/{shop.pk}/"),
        "place": lambda: place(person, shop),
        "orders": lambda: person.get("/api/orders/"),
        "log in": lambda: anonymous.post("/api/token/", {"email": "alice@example.com", "password": "tessera-demo"}),
        "refresh": lambda: anonymous.post("/api/token/refresh/", {"refresh": refresh}),
    }
    second = person.get("/api/products/").json()["next"]
    refresh = requests["log in"]().json()["refresh"]
    requests[ask]()
    built.clear()

    assert requests[ask]().status_code in (200, 201)
    assert built == []


def place(person, product):
    body = {"lines": [{"product": str(product.pk), "quantity": 1}]}
    return person.post("/api/orders/", body, headers={"Idempotency-Key": f'"{uuid.uuid4()}"'})


def work_of(captured):
    """The statements of a request, without those that begin and end transactions."""
    brackets = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
    return [query["sql"] for query in captured.captured_queries if not query["sql"].startswith(brackets)]


def log_in(anonymous, times):
    for _ in range(times):
        anonymous.post("/api/token/", {"email": "alice@example.com", "password": "tessera-demo"})


def have_order(person, count):
    """An order of alice's with so many lines."""
    customer = Customer(person.sub, "Alice", "alice@example.com", "api")
    lines = [RequestedLine(pk, 1) for pk in Product.objects.order_by("sku").values_list("pk", flat=True)[:count]]
    return place_order(OrderRequest(customer, lines)).details.order


@pytest.mark.parametrize("address", ["/api/accounts/me/", "/api/accounts/sessions/", "/account/"])
def test_an_account_takes_as_many_statements_with_twenty_sessions_as_with_one(person, anonymous, address):
    reader = person if address.startswith("/api/") else person.browser
    log_in(anonymous, 1)
    one = statements(reader, address)
    log_in(anonymous, 19)

    assert Session.objects.count() == 20
    # The cards of the page count sessions and apps.
    assert len(statements(reader, address)) == len(one) <= (3 if address == "/account/" else 2)


@pytest.mark.parametrize("address", ["/api/orders/{}/", "/orders/{}/"])
def test_an_order_takes_as_many_statements_with_twenty_lines_as_with_one(person, shop, address):
    reader = person if address.startswith("/api/") else person.browser
    small, large = have_order(person, 1), have_order(person, 20)

    counts = [len(statements(reader, address.format(order.pk))) for order in (small, large)]
    assert counts == [3, 3]


def test_the_page_of_a_product_takes_as_many_statements_in_any_shop(person, shop):
    assert len(statements(person.browser, f"/products/{shop.pk}/")) == 1


GROWING = r"orders_(order|event)|accounts_mail"


def test_a_collector_of_metrics_reads_no_table_that_grows(person, shop):
    """What is counted is found along an index, and no more rows of it than `MOST`."""
    asked = [sql for sql in statements(person, "/metrics") if re.search(GROWING, sql)]

    assert len(asked) > 10
    for sql in asked:
        plan = explain(sql)
        assert not re.search(rf"SCAN ({GROWING})(?! USING (COVERING )?INDEX)|Seq Scan", plan), f"{sql}: {plan}"
        assert "LIMIT" in sql or "orders_event" in sql
