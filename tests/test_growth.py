"""In a shop that has grown no list, search, page, job or export reads most of a table in one statement.

Each statement is run by EXPLAIN ANALYZE among twenty thousand rows, where a bound that is lowered tells what stops from
what goes on to the end.
"""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Role
from accounts.people import access
from benchmarks import million, walk
from config.periodic_jobs import find_jobs
from database import batch_delete, bounded_counts
from orders.models import Order
from tests.conftest import CUSTOMER, Person
from wire import keyset
from wire.admin import lists
from wire.events import SYSTEM
from wire.retention import event_archive

pytestmark = [pytest.mark.slow, pytest.mark.postgresql, pytest.mark.django_db]

ROWS = 20_000
BOUND = 1_000
"""Rows that a list counts, and that a file of the archive has."""
MOST_READ = ROWS // 2
"""What a statement reads that stops at a bound, of values that every eighth row has, is less."""


@pytest.fixture(scope="module")
def grown(django_db_setup, django_db_blocker):
    """A shop with twenty thousand of everything, and what PostgreSQL knows of it."""
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL: set DATABASE_URL")
    with django_db_blocker.unblock(), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            for statement in million.statements(ROWS, products=ROWS // 10):
                cursor.execute(statement)
            for index in ("product_by_part", "product_by_text"):
                cursor.execute("SELECT gin_clean_pending_list(oid) FROM pg_class WHERE relname = %s", [index])
            cursor.execute("SET LOCAL session_replication_role = origin")
            cursor.execute("ANALYZE")
        yield
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def bounds(grown, monkeypatch):
    monkeypatch.setattr(lists, "MAX_COUNTED", BOUND)
    monkeypatch.setattr(batch_delete, "BATCH", BOUND // 10)
    monkeypatch.setattr(keyset, "EACH", BOUND // 10)
    monkeypatch.setattr(bounded_counts, "MOST", BOUND)
    monkeypatch.setattr(event_archive, "MOST", BOUND)
    monkeypatch.setattr(walk, "BIG", {*million.BIG} - million.CATALOGUE)


def too_much(steps):
    """What read too much of a table, by its name."""
    return {step.name: step.worst[:500] for step in steps if step.scanned or step.read > MOST_READ}


def test_the_admin(admin):
    steps = list(walk.walk_admin(admin.browser))

    assert len(steps) > 150
    assert too_much(steps) == {}


def test_lists_of_the_api_and_of_pages(dave):
    buyer = Person("customer", CUSTOMER, sub=str(Order.objects.order_by("created_at")[1_000].customer_id))

    steps = list(walk.walk_shop(buyer, dave, buyer.browser))

    assert len([step for step in steps if "next page" in step.name]) > 10
    assert too_much(steps) == {}


def test_jobs_and_metrics(admin):
    steps = [walk.visit(admin.browser, "/metrics")]
    for job in find_jobs():
        with walk.watched(job.name) as step:
            job.run()
        steps.append(step)

    assert too_much(steps) == {}


def test_a_role_that_everybody_has_is_deleted(db):
    role = Role.objects.create(name="crowd", scopes=["orders:read"])
    with connection.cursor() as cursor:
        cursor.execute(walk.CROWD.format(role=role.pk, count=ROWS))
        cursor.execute("ANALYZE accounts_user_roles")
    with walk.watched("delete") as deletion:
        access.delete_role(role, by=SYSTEM)
    Role.objects.filter(pk=role.pk).update(deleted_at=timezone.now() - timedelta(days=1))
    with walk.watched("clear") as clearing:
        assert access.clear_roles() == ROWS

    assert too_much([deletion, clearing]) == {}
    assert deletion.statements < 20


QUERIES = ["", "&status=delivered&since=2020-01-01"]


def test_exports_and_the_archive(admin, tmp_path):
    steps = [walk.visit(admin.browser, f"/admin/orders/order/export/?download=1{query}") for query in QUERIES]
    with walk.watched("archive") as step:
        call_command("archive_events", str(tmp_path))

    assert too_much([*steps, step]) == {}


def test_without_an_index_it_would_be_told(admin):
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX movement_by_age")

    steps = [walk.visit(admin.browser, "/admin/products/movement/")]

    assert len(too_much(steps)) == 1
