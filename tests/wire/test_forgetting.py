"""Events forget whom they tell of after a time, each once, and keep who did what by `sub`."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from orders.models import Event
from wire.retention import forgetting
from wire.retention.forgetting import forget_old

pytestmark = [pytest.mark.django_db, pytest.mark.database]

OLD = settings.KEPT["people"].days + 1


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(forgetting, "BATCH", 2)


def write(age, **columns):
    event = Event.objects.create(
        **{"kind": "order", "subject": "1", "what": "placed", "sub": "x", "actor": "Dave (dave@example.com)", **columns}
    )
    Event.objects.filter(pk=event.pk).update(at=timezone.now() - timedelta(days=age))
    return event


def actors():
    return list(Event.objects.exclude(kind="database").order_by("pk").values_list("sub", "actor"))


def marks():
    return [event.facts for event in Event.objects.filter(what="people forgotten").order_by("pk")]


def test_old_events_name_nobody_and_say_by_whom_still():
    last = [write(OLD) for _ in range(3)][-1]
    write(OLD - 2)

    assert forget_old(Event) == 3

    assert actors() == [("x", "")] * 3 + [("x", "Dave (dave@example.com)")]
    assert marks() == [{"through": last.pk, "count": 3}]


def test_each_is_looked_at_once():
    write(OLD)
    forget_old(Event)
    again = write(OLD)
    Event.objects.filter(pk__lt=again.pk).exclude(kind="database").update(actor="was looked at")

    assert (forget_old(Event), forget_old(Event)) == (1, 0)

    assert actors() == [("x", "was looked at"), ("x", "")]


def test_the_facts_of_a_thing_stay_and_the_address_of_a_mail_does_not():
    order = write(OLD, facts={"name": "K7", "note": "left at the door"})
    mail = write(OLD, kind="mail", facts={"name": "order placed to alice@example.com"})

    forget_old(Event)

    assert Event.objects.get(pk=order.pk).facts == {"name": "K7", "note": "left at the door"}
    assert Event.objects.get(pk=mail.pk).facts == {}


def test_a_shop_where_nothing_is_old_writes_nothing():
    write(1)

    assert (forget_old(Event), marks()) == (0, [])


@pytest.mark.parametrize("through", [9 * 10**18, "all", None])
def test_a_mark_that_cannot_be_is_passed_over(through):
    write(OLD)
    forget_old(Event)
    write(OLD)
    facts = {"through": through}
    Event.objects.create(kind="database", subject="orders", what="people forgotten", sub="work", facts=facts)

    assert forget_old(Event) == 1

    assert actors() == [("x", "")] * 2
