"""A browser's log-out ends what is left of its session, or says that it cannot."""

from io import StringIO
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.management.commands import changepassword
from django.core.management import call_command
from django.test import Client

from accounts.login import sessions
from accounts.login.sessions import Origin
from accounts.models import Session
from tests.accounts.conftest import PASSWORD
from tokens.cookies import access_name, refresh_name

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(alice):
    browser = Client()
    browser.post("/login/", {"email": alice.email, "password": PASSWORD})
    return browser


def log_out(browser):
    """The answer to the last form, as a browser follows where it is sent."""
    answer = browser.post("/logout/")
    return browser.post(answer["Location"]) if answer.status_code == 307 else answer


def reasons():
    return [session.end_reason for session in Session.objects.order_by("created_at")]


def test_a_log_out_ends_the_session(browser):
    answer = log_out(browser)

    assert (answer["Location"], reasons()) == ("/login/", ["log-out"])
    assert "You are logged out." in browser.get("/login/").content.decode()


@pytest.mark.parametrize("access", ["", "nonsense"])
def test_without_its_access_cookie_the_refresh_cookie_says_which_session_it_is(browser, access):
    browser.cookies[access_name()] = access

    answer = log_out(browser)

    assert (answer["Location"], reasons()) == ("/login/", ["log-out"])
    assert answer.cookies[refresh_name()].value == ""


def test_the_refresh_cookie_comes_along_where_it_is_needed(browser):
    refresh = browser.cookies.pop(refresh_name())
    browser.cookies[access_name()] = ""

    answer = browser.post("/logout/")

    assert answer.status_code == 307
    assert urlsplit(answer["Location"]).path.startswith(refresh["path"])


def test_where_nothing_says_which_session_it_was_nobody_is_told_that_it_ended(browser):
    browser.cookies[access_name()] = browser.cookies[refresh_name()] = ""

    log_out(browser)

    page = browser.get("/login/").content.decode()
    assert reasons() == [""]
    assert "so none was ended" in page
    assert "You are logged out." not in page


def test_a_forged_refresh_cookie_ends_nothing(browser, bob):
    sessions.open_session(bob, Origin("web"))
    browser.cookies[access_name()] = ""
    browser.cookies[refresh_name()] = browser.cookies[refresh_name()].value[:-4] + "AAAA"

    log_out(browser)

    assert reasons() == ["", ""]


def test_a_log_in_ends_the_session_of_which_the_refresh_cookie_is_left(browser):
    browser.cookies[access_name()] = ""

    browser.post("/login/", {"email": "alice@example.com", "password": PASSWORD})

    assert reasons() == ["new log-in", ""]


def test_a_log_out_takes_a_form_of_this_shop(browser):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser.cookies

    assert strict.post("/login/end/").status_code == 403
    assert browser.get("/login/end/").status_code == 405
    assert reasons() == [""]


def test_another_password_from_the_command_line_ends_every_session_at_once(browser, monkeypatch):
    monkeypatch.setattr(changepassword.getpass, "getpass", lambda prompt: "another horse battery")

    call_command("changepassword", "alice@example.com", stdout=StringIO())

    assert reasons() == ["password change"]
