"""One changes the address that one logs in with."""

import pytest

from accounts.models import Event, Session, User
from accounts.people import credentials
from tests.accounts.conftest import PASSWORD
from wire.events import SYSTEM

pytestmark = pytest.mark.django_db

NEW = "alice@wonderland.example"


@pytest.fixture
def own(alice, log_in, bearer):
    """Alice's API client."""
    return bearer(log_in()["access"])


def change(client, email=NEW, current=PASSWORD):
    return client.post("/api/accounts/me/email/", {"current_password": current, "email": email})


def test_the_new_address_opens_and_the_old_one_does_not(own, api):
    answer = change(own)

    assert (answer.status_code, answer.json()["email"]) == (200, NEW)
    assert api.post("/api/token/", {"email": NEW, "password": PASSWORD}).status_code == 200
    assert api.post("/api/token/", {"email": "alice@example.com", "password": PASSWORD}).status_code == 401


def test_the_other_sessions_end_and_this_one_goes_on(alice, log_in, bearer):
    log_in()

    change(bearer(log_in()["access"]))

    assert [session.end_reason for session in Session.objects.order_by("created_at")] == ["e-mail change", ""]


def test_the_address_before_is_on_the_trail(own, alice):
    change(own)

    event = Event.objects.about(alice).last()
    assert (event.what, event.sub, event.facts) == ("e-mail changed", alice.sub, {"before": "alice@example.com"})


def test_a_wrong_password_changes_nothing(own, alice):
    assert change(own, current="wrong").json()["errors"].keys() == {"current_password"}
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"


@pytest.mark.parametrize("email", ["bob@example.com", "BOB@EXAMPLE.com"])
def test_an_address_that_is_taken_stays_its_owners(own, alice, bob, email):
    answer = change(own, email=email)

    assert (answer.status_code, answer.json()["code"]) == (409, "email-taken")
    assert Session.objects.alive().exists()


@pytest.mark.parametrize("email", ["", "nowhere", 5, None, "a\0@example.com", "a" * 250 + "@example.com"])
def test_what_is_no_address_is_told_by_field(own, email):
    answer = change(own, email=email)

    assert (answer.status_code, answer.json()["errors"].keys()) == (400, {"email"})


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_one_address_at_once_one_does(alice, bob, log_in, bearer, at_once):
    clients = [bearer(log_in(email)["access"]) for email in ("alice@example.com", "bob@example.com")]

    statuses = at_once(2, lambda number: change(clients[number]).status_code)

    assert sorted(statuses) == [200, 409]


def test_a_change_that_a_new_password_overtook_is_refused(alice):
    stale = User.objects.get()
    credentials.reset_password(alice, "a staple and a horse")

    with pytest.raises(credentials.WrongPassword):
        credentials.store_credentials(stale, "e-mail changed", reason="e-mail change", by=SYSTEM, email=NEW)

    assert User.objects.get().email == "alice@example.com"
