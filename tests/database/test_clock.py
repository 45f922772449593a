"""The time for rules that span machines is the database's."""

import time
from datetime import timedelta

import pytest
import time_machine
from django.db import OperationalError, connection
from django.utils import timezone
from structlog.testing import capture_logs

from config.periodic_jobs import Job, attempt
from database import batch_delete, clock
from orders.models import IdempotencyKey, Order
from products.models import Reservation

HOUR = timedelta(hours=1)


@pytest.fixture
def reference(monkeypatch):
    """A clock that follows the database, as that of a process does, and has just been measured."""
    reference = clock.DatabaseClock()
    monkeypatch.setattr(clock, "reference", reference)
    return reference


@pytest.fixture
def ahead(db, reference):
    """This machine's clock is an hour ahead."""
    with time_machine.travel(timezone.now() + HOUR):
        yield


@pytest.mark.django_db
def test_it_agrees_with_a_machine_that_is_right(reference):
    assert abs(clock.time() - time.time()) < 2
    assert abs(clock.now() - timezone.now()) < timedelta(seconds=2)
    clock.check()


@pytest.mark.django_db
def test_it_is_measured_once_and_not_for_each_question(reference, django_assert_max_num_queries):
    with django_assert_max_num_queries(1):
        for _ in range(100):
            clock.now()


@pytest.mark.postgresql
def test_it_is_the_databases_where_the_machine_is_wrong(ahead, reference):
    assert timedelta(minutes=59) < timezone.now() - clock.now() < timedelta(minutes=61)
    assert 3590 < reference.read_skew() < 3610


@pytest.mark.postgresql
def test_it_goes_on_while_the_machine_is_set(db, reference):
    before = clock.time()

    with time_machine.travel(timezone.now() + HOUR):
        during = clock.time()
    with time_machine.travel(timezone.now() - HOUR):
        after = clock.time()

    assert max(abs(during - before), abs(after - before)) < 5


@pytest.mark.postgresql
def test_rows_are_dated_by_it(ahead):
    order = Order.objects.create(customer_id="alice")
    reservation = Reservation.objects.create(order_id=order.pk)
    key = IdempotencyKey.objects.create(sub="alice", key="1", order=order)

    dates = [order.created_at, reservation.created_at, reservation.changed_at, key.created_at]

    assert all(timezone.now() - date > HOUR / 2 for date in dates)


@pytest.mark.postgresql
def test_nothing_is_deleted_by_a_machine_that_is_wrong(ahead):
    Order.objects.create(customer_id="alice")

    with pytest.raises(clock.ClockDiffers, match="ahead of the database's"):
        batch_delete.delete(Order.objects.all())

    assert Order.objects.count() == 1


@pytest.mark.postgresql
def test_a_job_that_is_refused_has_failed_and_the_lease_is_not_of_the_future(ahead):
    job = Job("orders", "clear", clock.check, 60)

    assert not attempt(job)
    assert job.leases.get().until < timezone.now() - HOUR / 2


@pytest.mark.postgresql
def test_what_was_measured_serves_on_while_the_database_does_not_say(db, reference):
    clock.time()
    reference._tried_at = clock.NEVER

    with connection.execute_wrapper(refuse):
        assert abs(clock.time() - time.time()) < 2


def refuse(*_):
    raise OperationalError("away")


@pytest.mark.parametrize(("skew", "words"), [(40.2, "40 s ahead"), (-3600, "3600 s behind")])
def test_a_skew_in_words(skew, words):
    assert clock.describe(skew) == words


def test_a_skew_is_told_once_a_minute_and_only_if_it_is_much():
    skew = clock.Skew("issuer")
    with capture_logs() as log:
        for seconds in (4.9, -4.9, 5.1, 5.2, 600):
            skew.note(seconds)

    assert [line["seconds"] for line in log if line["event"] == "clock_differs"] == [5.1]
    assert skew.seconds == 600
