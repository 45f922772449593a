"""One changes the address that one logs in with."""

import pytest
import time_machine
from django.utils import timezone

from accounts.models import Event, Session, User
from accounts.people import credentials, email_addresses
from accounts.people.links import email_tokens
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


def test_ones_own_address_is_told(own):
    answer = change(own, email="Alice@example.com")

    assert answer.json()["errors"] == {"email": ["That is your address already."]}


def test_who_asks_whose_addresses_are_taken_is_put_off(own, alice, bob):
    with time_machine.travel(timezone.now(), tick=False):
        statuses = [change(own, email="bob@example.com").status_code for _ in range(5)]

    assert statuses == [409, 409, 409, 429, 429]


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_of_two_who_confirm_one_address_at_once_one_has_it(alice, bob, log_in, bearer, at_once):
    clients = [bearer(log_in(email)["access"]) for email in ("alice@example.com", "bob@example.com")]
    asked = [change(client).status_code for client in clients]
    tokens = [email_tokens.make_token(user) for user in User.objects.order_by("email")]

    def confirm(number):
        return clients[number].post("/api/accounts/me/email/verify/", {"token": tokens[number]}).status_code

    assert asked == [200, 200]
    assert sorted(at_once(2, confirm)) == [200, 409]


def test_the_address_before_is_on_the_trail(own, alice):
    change(own)
    own.post("/api/accounts/me/email/verify/", {"token": email_tokens.make_token(User.objects.get())})

    asked, event = Event.objects.about(alice).order_by("-id")[:2][::-1]
    assert (asked.what, event.what) == ("e-mail change asked for", "e-mail changed")
    assert (event.sub, event.facts) == (alice.sub, {"before": "alice@example.com"})


def test_a_change_that_a_new_password_overtook_is_refused(alice):
    stale = User.objects.get()
    credentials.reset_password(alice, "a staple and a horse")

    with pytest.raises(credentials.WrongPassword):
        email_addresses.set_pending(stale, NEW, by=SYSTEM)

    assert User.objects.get().pending_email == ""
