"""On the account page one sees where one is logged in, and changes what is one's own."""

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.login.sessions import Origin, log_in
from accounts.models import Session, User
from tests.accounts.conftest import PASSWORD
from tokens.cookies import access_name

pytestmark = pytest.mark.django_db


def open_browser(device):
    browser = Client()
    browser.cookies[access_name()] = log_in("alice@example.com", PASSWORD, Origin("web", device)).access
    return browser


@pytest.fixture
def browser(alice):
    return open_browser("Firefox")


def living():
    return sorted(Session.objects.filter(ended_at=None).values_list("device", flat=True))


def send(browser, do, **fields):
    return browser.post("/account/", {"do": do, **fields})


def test_one_sees_where_one_is_logged_in(browser):
    open_browser("Chromium")

    text = browser.get("/account/").content.decode()

    assert ("Firefox" in text, "Chromium" in text, text.count(">this session<")) == (True, True, 1)


def test_one_session_is_ended(browser):
    open_browser("Chromium"), open_browser("Lynx")

    send(browser, "end", sid=str(Session.objects.get(device="Lynx").pk))

    assert living() == ["Chromium", "Firefox"]


def test_all_others_are_ended(browser):
    open_browser("Chromium"), open_browser("Lynx")

    send(browser, "end-others")

    assert living() == ["Firefox"]


@pytest.mark.parametrize("sid", ["", "rubbish", "00000000-0000-4000-8000-000000000000"])
def test_a_session_that_is_not_ones_own_is_left_alone(browser, bob, sid):
    log_in("bob@example.com", PASSWORD, Origin("web", "Bob's"))
    own = sid or str(Session.objects.get(device="Bob's").pk)

    send(browser, "end", sid=own)

    assert living() == ["Bob's", "Firefox"]


def test_an_email_address_is_changed_with_the_password(browser, alice):
    open_browser("Chromium")

    answer = send(browser, "email", email="al@example.com", current_password=PASSWORD)

    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    assert (User.objects.get(pk=alice.pk).email, living()) == ("al@example.com", ["Firefox"])


def test_a_taken_address_is_told_beside_its_field(browser, bob):
    answer = send(browser, "email", email="bob@example.com", current_password=PASSWORD)

    assert answer.status_code == 400
    assert answer.context["email_form"].errors == {"email": ["That e-mail address is taken."]}


def test_an_account_is_deleted_with_the_password(browser, alice):
    answer = send(browser, "deletion", current_password=PASSWORD)

    assert answer["Location"] == "/"
    assert answer.cookies[access_name()].value == ""
    assert not User.objects.filter(pk=alice.pk).exists()


@pytest.mark.parametrize(("do", "fields"), [("deletion", {}), ("email", {"email": "al@example.com"})])
def test_nothing_changes_without_the_password(browser, alice, do, fields):
    answer = send(browser, do, current_password="wrong", **fields)

    assert answer.status_code == 400
    assert "That is not your password." in answer.content.decode()
    assert User.objects.get(pk=alice.pk).email == "alice@example.com"


def test_what_the_page_does_not_know_it_does_not_do(browser):
    assert send(browser, "rubbish").status_code == 200
    assert living() == ["Firefox"]


def test_who_guesses_too_often_is_told_when_to_come_back(browser, alice):
    with time_machine.travel(timezone.now(), tick=False):
        answers = [send(browser, "deletion", current_password="wrong") for _ in range(6)]

    assert [answer.status_code for answer in answers] == [400] * 5 + [429]
    assert answers[-1]["Retry-After"] == "1"
    assert answers[-1].context["deletion_form"].errors == {
        "current_password": ["Too many failed attempts. Wait 1 seconds, then try again."]
    }


@pytest.mark.parametrize("email", ["al\u0130x@example.com", "alice", "a\0@example.com", f"{'a' * 250}@example.com"])
def test_what_is_no_address_is_told_beside_its_field(browser, alice, email):
    answer = send(browser, "email", email=email, current_password=PASSWORD)

    assert (answer.status_code, list(answer.context["email_form"].errors)) == (400, ["email"])
    assert User.objects.get().email == "alice@example.com"
