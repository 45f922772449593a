"""One changes one's password, which one has to know; staff and the mail can do without."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import Event, Session, TokenStatus, User
from accounts.people import credentials
from tests.accounts.conftest import PASSWORD, forget
from wire.events import SYSTEM

pytestmark = pytest.mark.django_db

ADDRESS = "/api/accounts/me/password/"
NEW = "a staple and a horse"


@pytest.fixture
def own(alice, log_in, bearer):
    """Alice's API client."""
    return bearer(log_in()["access"])


def change(client, current=PASSWORD, new=NEW):
    return client.post(ADDRESS, {"current_password": current, "new_password": new})


def test_the_new_password_opens_and_the_old_one_does_not(own, alice, api):
    assert change(own).json() == {}

    assert api.post("/api/token/", {"email": alice.email, "password": NEW}).status_code == 200
    assert api.post("/api/token/", {"email": alice.email, "password": PASSWORD}).status_code == 401


def test_the_other_sessions_end_and_this_one_goes_on(alice, log_in, bearer):
    log_in()
    own = log_in()["access"]

    change(bearer(own))

    assert [session.end_reason for session in Session.objects.order_by("created_at")] == ["password change", ""]
    assert [status.revoked_at is None for status in TokenStatus.objects.order_by("pk")] == [False, True]


def test_a_changed_password_is_an_event(own, alice):
    change(own)

    assert [event.what for event in Event.objects.about(alice)] == ["registered", "password changed"]


def test_a_wrong_current_password_changes_nothing(own, alice):
    answer = change(own, current="wrong")

    assert (answer.status_code, answer.json()["errors"]) == (400, {"current_password": ["That is not your password."]})
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_a_poor_new_password_changes_nothing(own, alice):
    answer = change(own, new="password1")

    assert answer.json()["errors"] == {"new_password": ["This password is too common."]}
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_who_holds_a_token_cannot_guess_the_password_for_long(clock, own, alice):
    answers = [change(own, current=f"guess {number}") for number in range(6)]

    assert [answer.status_code for answer in answers] == [400] * 5 + [429]
    assert (answers[-1].json()["code"], answers[-1]["Retry-After"]) == ("throttled", "1")


def test_a_change_that_was_overtaken_is_refused(own, alice):
    stale = User.objects.get()
    credentials.change_password(alice, current_password=PASSWORD, new_password=NEW, by=SYSTEM)

    with pytest.raises(credentials.WrongPassword):
        credentials.store_password(stale, "another", "password changed", reason="password change", by=SYSTEM)


def test_a_password_that_was_reset_ends_every_session(own, alice, log_in, api):
    refresh = log_in()["refresh"]

    credentials.reset_password(alice, NEW)

    assert {session.end_reason for session in Session.objects.all()} == {"password reset"}
    assert api.post("/api/token/refresh/", {"refresh": refresh}).status_code == 401
    assert api.post("/api/token/", {"email": alice.email, "password": NEW}).status_code == 200


def test_a_password_stays_good_however_old_it_is(alice, log_in):
    with time_machine.travel(timezone.now() + timedelta(days=3 * 365)):
        forget()

        assert log_in()["access"]


def test_a_password_hashed_with_less_is_hashed_anew_at_log_in(alice, api, settings):
    settings.PASSWORD_HASHERS = ["accounts.login.hashers.OwaspArgon2", "django.contrib.auth.hashers.MD5PasswordHasher"]

    assert api.post("/api/token/", {"email": alice.email, "password": PASSWORD}).status_code == 200

    alice.refresh_from_db()
    assert alice.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_hash_made_anew_at_log_in_does_not_undo_a_password_set_meanwhile(alice, settings):
    credentials.reset_password(User.objects.get(), NEW)
    settings.PASSWORD_HASHERS = ["accounts.login.hashers.OwaspArgon2", "django.contrib.auth.hashers.MD5PasswordHasher"]

    assert alice.check_password(PASSWORD) is False

    assert User.objects.get().check_password(NEW)


def test_two_who_log_in_at_once_with_an_old_hash_both_get_in(alice, settings):
    settings.PASSWORD_HASHERS = ["accounts.login.hashers.OwaspArgon2", "django.contrib.auth.hashers.MD5PasswordHasher"]
    other = User.objects.get()

    assert [alice.check_password(PASSWORD), other.check_password(PASSWORD)] == [True, True]

    assert other.password == alice.password == User.objects.get().password
