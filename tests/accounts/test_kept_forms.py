"""A form that is sent when the session is over is kept while its sender logs in, and given back to them alone."""

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.core import signing
from django.test import Client

from accounts.login import sessions
from accounts.models import Session, User
from accounts.pages.kept_forms import SALT
from database import clock
from tests.accounts.conftest import PASSWORD, forget
from wire.events import SYSTEM

pytestmark = pytest.mark.django_db

FORM = {"ship_to": "1 Mosaic Lane\r\nRavenna", "lines": ["one", "two"], "current_password": "secret"}
TARGET = "/login/?next=/orders/"


@pytest.fixture
def browser(alice):
    """Alice's browser, whose session was ended elsewhere."""
    browser = Client()
    log_in(browser)
    sessions.end(Session.objects.all(), reason="test", by=SYSTEM)
    forget()
    return browser


def send(browser, address, form):
    """As a browser sends a form."""
    return browser.post(address, urlencode(form, doseq=True), content_type="application/x-www-form-urlencoded")


def log_in(browser, email="alice@example.com", address="/login/", **fields):
    return browser.post(address, {"email": email, "password": PASSWORD, **fields})


def kept(page):
    return page.context["form"]["kept"].value()


def test_a_form_comes_back_to_its_sender_with_all_that_was_filled_in(browser):
    asked = send(browser, TARGET, FORM)
    page = log_in(browser, address=TARGET, kept=kept(asked))

    assert "nothing has happened yet" in asked.content.decode()
    assert page.context["target"] == "/orders/"
    assert page.context["fields"] == [("ship_to", FORM["ship_to"]), ("lines", "one"), ("lines", "two")]


def test_a_page_sends_its_form_along_when_the_session_is_over(browser):
    form = {"do": "end-others"}

    asking = send(browser, "/account/sessions/", form)

    assert (asking.status_code, asking["Location"]) == (307, "/login/?next=/account/sessions/")
    assert kept(send(browser, asking["Location"], form))


def test_a_button_that_was_pressed_when_the_session_was_over_is_said_to_have_done_nothing(browser):
    page = send(browser, "/login/?next=/orders/1/cancel/", {"csrfmiddlewaretoken": "a" * 64})

    assert not kept(page)
    assert "nothing has happened yet. Log in, and do it again." in page.content.decode()


def test_a_wrong_password_in_between_loses_nothing(browser):
    asked = send(browser, TARGET, FORM)
    wrong = browser.post(TARGET, {"email": "alice@example.com", "password": "not hers", "kept": kept(asked)})

    assert log_in(browser, address=TARGET, kept=kept(wrong)).context["target"] == "/orders/"


def test_no_password_is_kept(browser):
    page = send(browser, TARGET, FORM)

    assert "secret" not in str(signing.loads(kept(page), salt=SALT))
    assert not re.search(r'value="[^"]*secret', page.content.decode())


def test_the_form_of_another_is_not_given_back(browser):
    User.objects.create_user("bob@example.com", PASSWORD)
    asked = send(browser, TARGET, FORM)

    answer = log_in(browser, "bob@example.com", TARGET, kept=kept(asked))

    assert (answer.status_code, answer["Location"]) == (302, "/orders/")


@pytest.mark.parametrize("salt", ["", "another"])
def test_a_form_made_up_elsewhere_is_not_given_back(browser, salt):
    made_up = signing.dumps(["/orders/", "", [("a", "b")]], salt=salt) if salt else "rubbish"

    answer = log_in(browser, address=TARGET, kept=made_up)

    assert (answer.status_code, answer["Location"]) == (302, "/orders/")


def test_a_form_is_given_back_for_the_address_that_it_was_sent_to_alone(browser):
    asked = send(browser, TARGET, FORM)

    assert log_in(browser, address="/login/?next=/account/", kept=kept(asked)).status_code == 302


def test_a_form_that_is_too_large_is_not_kept(browser):
    assert not kept(browser.post(TARGET, {"ship_to": "x" * 40_000}))


def test_whose_form_cannot_be_kept_is_told_so_at_the_log_in(browser):
    answer = send(browser, "/account/name/", {"name": "x" * 33_000})

    page = browser.get(answer["Location"])
    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/account/name/#lost")
    assert '<p id="lost"' in page.content.decode()


@pytest.mark.parametrize(("length", "ends"), [(33_000, "&max_age=900#lost"), (100, "&max_age=900")])
def test_whose_form_cannot_be_kept_is_told_so_where_they_step_up(alice, length, ends):
    browser = Client()
    log_in(browser)
    Session.objects.update(auth_time=clock.now() - timedelta(hours=1))

    answer = send(browser, "/account/factors/", {"sure": "x" * length})

    page = browser.get(answer["Location"])
    assert answer["Location"].endswith(ends)
    assert '<p id="lost"' in page.content.decode()


def test_who_sends_nothing_loses_nothing(browser):
    assert browser.get("/account/name/")["Location"] == "/login/?next=/account/name/"


def test_who_is_logged_in_goes_on_from_the_log_in(alice):
    browser = Client()
    log_in(browser)

    answer = browser.get("/login/?next=/orders/")

    assert (answer.status_code, answer["Location"]) == (302, "/orders/")
