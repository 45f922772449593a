"""Who logs in while his rights become less is not left with more of them than anybody else."""

import time
from functools import partial
from threading import Event

import jwt
import pytest
from django.db import transaction

from accounts.issuing import revoked_entries, status_lists
from accounts.login import sessions
from accounts.models import Role, Session
from accounts.people import access
from tests.conftest import CUSTOMER
from wire.events import SYSTEM

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database, pytest.mark.postgresql]

HELD_BACK = 1.0
"""Seconds that a transaction stays open for the other to run into it."""


@pytest.fixture
def clerk(alice):
    clerk = Role.objects.create(name="clerk", scopes=["products:write"])
    alice.roles.add(clerk)
    return clerk


def take_from_user(alice, clerk):
    access.change_user(alice, [], roles=alice.roles.exclude(pk=clerk.pk), by=SYSTEM)


def take_from_role(alice, clerk):
    clerk.scopes = []
    clerk.save()
    access.revoke_role_tokens(clerk, by=SYSTEM)


def delete_role(alice, clerk):
    access.revoke_role_tokens(clerk, by=SYSTEM)
    clerk.delete()


def first_and_second(at_once, first, second):
    """Do `first` in a transaction that stays open until `second` has had its time; what each answers."""
    begun, done = Event(), Event()

    def lead():
        with transaction.atomic():
            answer = first()
            begun.set()
            done.wait(HELD_BACK)
        return answer

    def follow():
        begun.wait(30)
        answer = second()
        done.set()
        return answer

    return at_once(2, lambda number: (lead, follow)[number]())


@pytest.mark.parametrize("take", [take_from_user, take_from_role, delete_role])
def test_a_log_in_that_waited_for_the_loss_carries_less(alice, clerk, at_once, take):
    log_in = partial(sessions.open_session, alice, sessions.Origin("api"))

    _, grant = first_and_second(at_once, partial(take, alice, clerk), log_in)

    scope = jwt.decode(grant.access, options={"verify_signature": False})["scope"]
    assert scope == CUSTOMER


@pytest.mark.parametrize("take", [take_from_user, take_from_role, delete_role])
def test_a_log_in_that_the_loss_waited_for_is_revoked_with_the_others(alice, clerk, at_once, take):
    log_in = partial(sessions.open_session, alice, sessions.Origin("api"))

    grant, _ = first_and_second(at_once, log_in, partial(take, alice, clerk))

    assert "products:write" in jwt.decode(grant.access, options={"verify_signature": False})["scope"]
    assert Session.objects.get().status.revoked_at is not None


@pytest.mark.parametrize("is_first", [True, False])
def test_a_log_in_while_a_role_of_many_loses_a_scope_is_revoked_or_carries_less(
    alice, clerk, at_once, monkeypatch, is_first
):
    """Neither waits for the other: nobody's row is locked for a role that many have."""
    monkeypatch.setattr(access, "MANY", 0)
    monkeypatch.setattr(revoked_entries, "AGAIN", 0.1)
    log_in = partial(sessions.open_session, alice, sessions.Origin("api"))
    pair = [log_in, partial(take_from_role, alice, clerk)]

    outcomes = first_and_second(at_once, *(pair if is_first else reversed(pair)))

    scope = jwt.decode(outcomes[0 if is_first else 1].access, options={"verify_signature": False})["scope"]
    entry, role = Session.objects.get().status_id, Role.objects.get(pk=clerk.pk)
    is_covered = entry <= role.revoked_through
    assert is_covered or scope == CUSTOMER
    assert wait_for(lambda: status_lists.read_list(0).is_revoked(entry) == is_covered)


def wait_for(condition):
    """Until something is so: a log-in that was under way is found when the role is read again."""
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()
