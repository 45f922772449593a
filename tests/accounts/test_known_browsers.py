"""A browser in which its owner has logged in before is not shut out by what strangers do elsewhere."""

import pytest
from django.test import Client

from accounts.login.known_browsers import MAX_ACCOUNTS, cookie_name
from accounts.models import Mail, User
from tests.accounts.conftest import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("clock")]

ALICE = "alice@example.com"
HOME = "192.0.2.1"


@pytest.fixture
def known(alice):
    """A browser in which alice logged in, and out."""
    browser = Client(REMOTE_ADDR=HOME)
    assert enter(browser).status_code == 302
    browser.post("/logout/")
    return browser


def enter(browser, password=PASSWORD, email=ALICE, **where):
    return browser.post("/login/", {"email": email, "password": password}, **where)


def forget(browser, email=ALICE, **where):
    return browser.post("/password-reset/", {"email": email}, **where)


def attack():
    """A hundred wrong passwords from all over the world, some from where alice lives."""
    for number in range(100):
        enter(Client(), "wrong", REMOTE_ADDR=f"10.0.{number}.1")
    for _ in range(20):
        enter(Client(), "wrong", REMOTE_ADDR=HOME)


def test_its_owner_gets_in_while_the_account_is_closed_to_everybody_else(known):
    attack()

    assert enter(Client(), REMOTE_ADDR="198.51.100.7").status_code == 429
    assert enter(known).status_code == 302


def test_guesses_in_it_are_counted_apart(known):
    answers = [enter(known, "wrong").status_code for _ in range(6)]

    assert answers == [400] * 5 + [429]
    assert enter(known).status_code == 429
    assert enter(Client(), REMOTE_ADDR=HOME).status_code == 302


def test_many_known_browsers_together_have_no_more_guesses_than_strangers(known, alice):
    for _ in range(25):
        browser = Client()
        enter(browser)
        answers = [enter(browser, "wrong").status_code for _ in range(4)]

    assert answers == [400] * 4
    assert enter(known).status_code == 429


def test_it_is_known_to_its_owner_alone(known, bob):
    for number in range(100):
        enter(Client(), "wrong", email=bob.email, REMOTE_ADDR=f"10.0.{number}.1")

    assert enter(known, email=bob.email).status_code == 429


def test_a_cookie_that_was_made_up_is_none(known):
    attack()
    value = known.cookies[cookie_name()].value

    for made_up in (f"{value}_", "", "[1]", "é"):
        known.cookies[cookie_name()] = made_up
        assert enter(known).status_code == 429, made_up

    known.cookies[cookie_name()] = value
    assert enter(known).status_code == 302


def test_people_who_share_a_browser_are_all_known_there(known, bob):
    enter(known, email=bob.email)
    attack()

    assert enter(known).status_code == 302


def test_a_shared_browser_remembers_only_so_many(known, alice):
    for number in range(MAX_ACCOUNTS):
        enter(known, email=User.objects.create_user(f"user{number}@example.com", PASSWORD).email)
    attack()

    assert enter(known).status_code == 429


def test_the_cookie_is_out_of_reach_of_scripts_and_names_nobody(known):
    cookie = known.cookies[cookie_name()]

    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert "alice" not in cookie.value
    assert len(cookie.value) < 300


def test_strangers_who_ask_for_links_do_not_keep_the_owner_from_one(known):
    for number in range(21):
        forget(Client(), REMOTE_ADDR=f"10.0.{number}.1")

    assert forget(Client(), REMOTE_ADDR=HOME).status_code == 429
    assert [forget(known).status_code for _ in range(4)] == [302] * 3 + [429]
    assert Mail.objects.count() == 23


def test_a_browser_of_somebody_else_gets_no_more_links(known, bob):
    for number in range(21):
        forget(Client(), email=bob.email, REMOTE_ADDR=f"10.0.{number}.1")

    assert forget(known, email=bob.email).status_code == 429
