"""Who logs in while his rights become less is not left with more of them than anybody else."""

from functools import partial
from threading import Event

import jwt
import pytest
from django.db import transaction

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
    before = access.read_scopes(alice)
    alice.roles.remove(clerk)
    access.apply_user_change(alice, before=before, changed=["roles"], by=SYSTEM)


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
