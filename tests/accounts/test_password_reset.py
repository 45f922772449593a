"""Who forgot the password gets a link by mail, which works once and shuts out whoever is in."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.jobs import JOBS
from accounts.models import Event, Mail, Session, User
from accounts.pages.forms import NewPasswordForm
from accounts.people import credentials
from tests.accounts.conftest import PASSWORD
from tokens.cookies import access_name

pytestmark = pytest.mark.django_db

NEW = "a battery of new horses"


@pytest.fixture
def browser():
    return Client()


def ask(browser, email="Alice@example.com"):
    return browser.post("/password-reset/", {"email": email})


def sent():
    """The mails that were sent, all that wait included."""
    JOBS["send mails"][0]()
    return mail.outbox


def mailed_path(settings):
    return re.search(rf"^{re.escape(settings.ISSUER)}(/\S+)$", sent()[0].body, re.MULTILINE)[1]


def choose(browser, path, password=NEW):
    """Follow the link to its form, and send it."""
    form = browser.get(path, follow=True)
    return browser.post(form.redirect_chain[-1][0], {"new_password": password})


def test_a_mailed_link_sets_a_password(browser, alice, settings, log_in):
    assert ask(browser)["Location"] == "/password-reset/sent/"

    assert choose(browser, mailed_path(settings))["Location"] == "/login/"

    assert log_in(password=NEW)["access"]
    assert "access" not in log_in(password=PASSWORD)
    assert Event.objects.filter(what="password reset").count() == 1


def test_a_link_of_somebody_who_was_shut_out_sets_no_password(browser, alice, settings):
    ask(browser)
    form = browser.get(mailed_path(settings), follow=True)
    User.objects.update(is_active=False)

    page = browser.post(form.redirect_chain[-1][0], {"new_password": NEW})

    alice.refresh_from_db()
    assert "does not work" in page.text
    assert alice.check_password(PASSWORD)


def test_who_logs_in_meanwhile_spoils_no_link(browser, alice, settings, log_in):
    log_in()
    ask(browser)
    path = mailed_path(settings)
    with time_machine.travel(timedelta(minutes=1)):
        log_in()
        answer = choose(browser, path)

    assert answer["Location"] == "/login/"
    assert "access" in log_in(password=NEW)
    assert "does not work" in browser.get(path, follow=True).text


def test_a_link_that_was_mailed_to_another_address_sets_no_password(browser, alice, settings):
    ask(browser)
    path = mailed_path(settings)
    User.objects.update(email="alice@elsewhere.example")

    assert "does not work" in browser.get(path, follow=True).text


def test_a_reset_ends_every_session(browser, alice, settings, log_in):
    log_in(), log_in()
    ask(browser)

    choose(browser, mailed_path(settings))

    assert set(Session.objects.values_list("end_reason", flat=True)) == {"password reset"}


def test_the_browser_of_a_reset_is_logged_out_too(browser, alice, settings, log_in):
    browser.cookies[access_name()] = log_in()["access"]
    ask(browser)

    choose(browser, mailed_path(settings))

    page = browser.get("/login/")
    assert (page.status_code, b"Your password is set. Log in with it." in page.content) == (200, True)


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "%0a"])
def test_an_address_brings_no_header_and_no_recipient_of_its_own(browser, alice, end):
    ask(browser, email=f"alice@example.com{end}Bcc: eve@example.com")

    assert not Mail.objects.exists()


def test_a_link_works_once(browser, alice, settings):
    ask(browser)
    path = mailed_path(settings)
    choose(browser, path)

    again = Client().get(path, follow=True)

    assert "This link does not work." in again.content.decode()


def test_a_link_that_was_made_up_does_not_work(browser, alice):
    answer = browser.get("/password-reset/MQ/abc-def/", follow=True)

    assert "This link does not work." in answer.content.decode()


def test_a_poor_password_is_told_beside_its_field(browser, alice, settings):
    ask(browser)

    answer = choose(browser, mailed_path(settings), password="password")

    assert answer.context["form"].errors == {"new_password": ["This password is too common."]}


def test_nobody_is_told_whether_an_address_is_known(browser, alice):
    unknown = ask(browser, "nobody@example.com")

    assert unknown["Location"] == ask(browser)["Location"]
    assert [message.to for message in sent()] == [["alice@example.com"]]


def test_the_link_leads_to_the_issuer_whatever_the_request_says(browser, alice, settings):
    settings.ALLOWED_HOSTS = ["*"]
    browser.post("/password-reset/", {"email": "alice@example.com"}, HTTP_HOST="evil.example")

    assert "evil.example" not in sent()[0].body
    assert mailed_path(settings)


def test_too_many_links_are_put_off(browser, alice):
    with time_machine.travel(timezone.now(), tick=False):
        answers = [ask(browser) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [302, 302, 302, 429, 429]
    assert answers[-1]["Retry-After"] == "1"
    assert len(sent()) == 3


def test_of_two_who_follow_one_link_at_once_one_sets_a_password(alice):
    first, second = User.objects.get(), User.objects.get()
    credentials.reset_password(first, NEW)

    with pytest.raises(credentials.WrongPassword):
        credentials.reset_password(second, "the password of a thief")

    assert User.objects.get().check_password(NEW)


def test_who_comes_second_is_told_that_the_link_does_not_work(browser, alice, settings, monkeypatch):
    ask(browser)
    form = browser.get(mailed_path(settings), follow=True)
    checked = NewPasswordForm.clean_new_password

    def clean(form):
        credentials.reset_password(User.objects.get(), NEW)
        return checked(form)

    monkeypatch.setattr(NewPasswordForm, "clean_new_password", clean)
    answer = browser.post(form.redirect_chain[-1][0], {"new_password": "the password of a thief"})

    assert "This link does not work." in answer.content.decode()
    assert User.objects.get().check_password(NEW)


def ask_from(browser, network):
    return browser.post("/password-reset/", {"email": "alice@example.com"}, REMOTE_ADDR=f"10.0.{network}.1").status_code


def test_who_asks_for_links_for_another_does_not_keep_her_from_her_own(browser, alice):
    with time_machine.travel(timezone.now(), tick=False):
        asked = [ask_from(browser, 1) for _ in range(10)]

        assert asked == [302] * 3 + [429] * 7
        assert ask_from(browser, 2) == 302


def test_a_mailbox_is_sent_so_many_links_in_an_hour_wherever_they_are_asked_for(browser, alice):
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        asked = [ask_from(browser, network) for network in range(25)]
    with time_machine.travel(now + timedelta(minutes=61), tick=False):
        later = ask_from(browser, 30)

    assert (asked, later) == ([302] * 20 + [429] * 5, 302)
