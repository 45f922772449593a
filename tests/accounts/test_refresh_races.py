"""Many refreshes of one token at once: one moves the session on, all are told the same."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.issuing import keys, status_lists
from accounts.login import sessions
from accounts.models import Event, Role, Session, TokenStatus
from accounts.people import access
from tests.accounts.conftest import forget
from tokens.errors import TokenRefused
from tokens.verification import verify
from wire.events import SYSTEM

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.fixture
def refresh(api):
    def refresh(token):
        return api.post("/api/token/refresh/", {"refresh": token})

    return refresh


@pytest.mark.parametrize("count", [8, 64])
def test_of_many_refreshes_at_once_one_successor_comes(alice, log_in, refresh, at_once, count):
    token = log_in()["refresh"]

    answers = at_once(count, lambda _: refresh(token))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh"] for answer in answers}) == 1
    assert Session.objects.get().generation == 1


@pytest.mark.parametrize("count", [8, 64])
def test_a_replay_after_the_grace_ends_the_family_whoever_else_refreshes(alice, log_in, refresh, at_once, count):
    stolen = log_in()["refresh"]
    successor = refresh(stolen).json()

    with time_machine.travel(timezone.now() + timedelta(seconds=31)):
        answers = at_once(count, lambda number: refresh(stolen if number % 2 else successor["refresh"]))
        last = refresh(successor["refresh"])

    assert {answer.status_code for answer in answers} <= {200, 401}
    assert last.status_code == 401
    assert Session.objects.get().end_reason == "reuse"
    assert Event.objects.filter(what="session ended").count() == 1
    assert is_dead(successor["access"])


def is_dead(access):
    forget()
    try:
        verify(access, "products")
    except TokenRefused:
        return True
    return False


def test_a_process_that_starts_later_knows_what_the_one_before_did(alice, log_in, refresh):
    stolen = log_in()["refresh"]
    successor = refresh(stolen).json()
    start_anew()

    assert refresh(stolen).json()["refresh"] == successor["refresh"]
    start_anew()
    with time_machine.travel(timezone.now() + timedelta(seconds=31)):
        assert refresh(stolen).status_code == 401
        start_anew()
        assert refresh(successor["refresh"]).status_code == 401
    assert is_dead(successor["access"])


def start_anew():
    forget()
    keys.load_private_key.cache_clear()


def test_a_log_out_among_refreshes_leaves_no_living_token(alice, log_in, refresh, at_once, api):
    token = log_in()["refresh"]

    def act(number):
        if number == 4:
            return api.post("/api/token/blacklist/", {"refresh": token})
        return refresh(token)

    answers = at_once(8, act)

    assert {answer.status_code for answer in answers} <= {200, 401}
    assert all(is_dead(answer.json()["access"]) for answer in answers if "access" in answer.json())
    assert refresh(token).status_code == 401


def test_a_scope_taken_among_refreshes_leaves_no_token_that_carries_it(alice, log_in, refresh, at_once):
    clerk = Role.objects.create(name="clerk", scopes=["products:write"])
    alice.roles.add(clerk)
    token = log_in()["refresh"]

    def act(number):
        if number != 4:
            return refresh(token)
        return access.change_user(alice, [], roles=alice.roles.exclude(pk=clerk.pk), by=SYSTEM)

    answers = [answer for answer in at_once(8, act) if answer is not None]
    last = refresh(answers[0].json()["refresh"]).json()

    assert {answer.status_code for answer in answers} == {200}
    believed = [answer.json()["access"] for answer in answers if not is_dead(answer.json()["access"])]
    assert all("products:write" not in verify(access, "products")["scope"] for access in [*believed, last["access"]])
    assert not is_dead(last["access"])


@pytest.mark.parametrize("used", [False, True], ids=["first", "retried"])
def test_of_many_who_find_the_bit_set_one_gives_the_session_a_new_entry(alice, log_in, refresh, at_once, used):
    token = log_in()["refresh"]
    if used:
        refresh(token)
    status_lists.revoke_session_tokens(Session.objects.all())

    answers = at_once(8, lambda _: refresh(token))

    assert {answer.status_code for answer in answers} == {200}
    entry = Session.objects.get().status
    assert entry.revoked_at is None
    forget()
    indexes = {verify(answer.json()["access"], None)["status"]["status_list"]["idx"] for answer in answers}
    assert indexes == {entry.pk}


def test_many_who_end_one_session_end_it_once(alice, log_in, at_once):
    log_in()

    ended = at_once(8, lambda _: sessions.end(Session.objects.all(), reason="staff", by=SYSTEM))

    assert sorted(ended) == [0] * 7 + [1]
    assert Event.objects.filter(what="session ended").count() == 1
    assert TokenStatus.objects.exclude(revoked_at=None).count() == 1
