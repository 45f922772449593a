"""Staff open accounts and never know a password: a mailed link is how each person chooses their own."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.jobs import JOBS
from accounts.models import Event, Mail, Role, Session, User
from tests.accounts.admin import ADMIN, act, fill, save, user_form
from tests.accounts.conftest import PASSWORD

pytestmark = pytest.mark.django_db

ERIN = "erin@example.com"
OWN = "a staple and a horse"


def send_mails():
    mail.outbox.clear()
    JOBS["send mails"][0]()
    return mail.outbox


def invite(admin, role="order manager", email=ERIN):
    save(admin, f"{ADMIN}user/add/", email=email, is_active="on", roles=[Role.objects.get(name=role).pk])
    return User.objects.get(email=email)


def choose(path, password=OWN):
    """Follow a mailed link to its form, and send it."""
    browser = Client()
    form = browser.get(path, follow=True)
    return browser.post(form.redirect_chain[-1][0], {"new_password": password}) if form.redirect_chain else form


def link(to=ERIN):
    said = [message.body for message in send_mails() if message.to == [to]]
    return re.search(r"/password-reset/\S+/\S+/", said[-1])[0]


def test_who_is_invited_chooses_a_password_and_has_a_confirmed_address(admin, api):
    erin = invite(admin)
    before = erin.has_usable_password()
    [message] = send_mails()

    choose(re.search(r"/password-reset/\S+/\S+/", message.body)[0])

    erin.refresh_from_db()
    assert (before, message.subject, message.to) == (False, "Choose a password for your account", [ERIN])
    assert erin.email_verified_at
    assert api.post("/api/token/", {"email": ERIN, "password": OWN}).status_code == 200
    trail = [event.what for event in Event.objects.about(erin)]
    assert trail == ["roles changed", "password link sent", "added", "password reset"]


def test_words_are_those_of_a_first_password(admin):
    invite(admin)
    path = link()
    page = Client().get(path, follow=True).text
    choose(path)

    assert f"A mail went out to {ERIN}" in admin.get(f"{ADMIN}user/").text
    assert ("Choose a password</h1>" in page, "logs you out" in page) == (True, False)
    assert [message.subject for message in send_mails()] == ["Your password is set"]


def test_whoever_is_shut_out_meanwhile_chooses_none(admin):
    erin = invite(admin)
    path = link()
    save(admin, user_form(erin), is_active=None)

    page = choose(path)

    erin.refresh_from_db()
    assert "does not work" in page.text
    assert not erin.has_usable_password()


def test_until_then_nobody_logs_in(admin, api):
    invite(admin)

    answers = [api.post("/api/token/", {"email": ERIN, "password": password}) for password in (OWN, "!", PASSWORD)]

    assert {answer.status_code for answer in answers} == {401}


@pytest.mark.parametrize(("hours", "works"), [(23.9, True), (24.1, False)])
def test_an_invitation_is_good_for_a_day(admin, hours, works):
    erin = invite(admin)
    path = link()

    with time_machine.travel(timezone.now() + timedelta(hours=hours)):
        choose(path)

    erin.refresh_from_db()
    assert erin.has_usable_password() == works


@pytest.mark.parametrize(("minutes", "works"), [(59, True), (61, False)])
def test_a_link_that_replaces_a_password_is_good_for_an_hour(admin, alice, minutes, works):
    act(admin, "user", "send_password_links", alice)
    path = link("alice@example.com")

    with time_machine.travel(timezone.now() + timedelta(minutes=minutes)):
        choose(path)

    assert User.objects.get(pk=alice.pk).check_password(OWN) == works


def test_whose_invitation_is_over_asks_for_another_link(admin):
    erin = invite(admin)
    Mail.objects.all().delete()
    Client().post("/password-reset/", {"email": ERIN})

    choose(link())

    erin.refresh_from_db()
    assert erin.check_password(OWN)


def test_an_invitation_that_was_used_is_over(admin):
    erin = invite(admin)
    path = link()
    choose(path)

    again = choose(path, "the password of a thief")

    assert "This link does not work." in again.content.decode()
    assert User.objects.get(pk=erin.pk).check_password(OWN)


@pytest.mark.parametrize("field", ["new_password", "password", "email_verified_at", "pending_email"])
def test_staff_neither_choose_a_password_nor_confirm_an_address(admin, alice, field):
    User.objects.filter(pk=alice.pk).update(email_verified_at=None)
    page = admin.get(user_form(alice))

    admin.post(user_form(alice), fill(page, **{field: "2026-05-04"}))

    alice.refresh_from_db()
    assert f'name="{field}"' not in page.content.decode()
    assert (alice.check_password(PASSWORD), alice.email_verified_at, alice.pending_email) == (True, None, "")


def test_a_link_is_sent_to_several_at_once_and_none_to_who_is_shut_out(admin, alice, bob):
    User.objects.filter(pk=bob.pk).update(is_active=False)
    Mail.objects.all().delete()

    answer = act(admin, "user", "send_password_links", alice, bob)

    assert "1 link sent." in answer.content.decode()
    assert list(Mail.objects.values_list("to", "kind")) == [("alice@example.com", "invitation")]
    assert Event.objects.about(alice).last().what == "password link sent"
    assert User.objects.get(pk=alice.pk).check_password(PASSWORD)


def test_another_address_that_staff_enter_is_confirmed_by_who_reads_mail_there(admin, alice, log_in):
    log_in()
    Mail.objects.all().delete()

    save(admin, user_form(alice), email="alice@wonderland.example")

    alice.refresh_from_db()
    assert (alice.email, alice.email_verified_at) == ("alice@wonderland.example", None)
    assert Session.objects.get(user=alice).end_reason == "staff"
    assert set(Mail.objects.values_list("to", "kind")) == {
        ("alice@example.com", "address changed"),
        ("alice@wonderland.example", "address confirmation"),
    }


def test_who_was_invited_at_a_mistyped_address_is_invited_again(admin):
    erin = invite(admin, email="erni@example.com")
    former = link("erni@example.com")

    save(admin, user_form(erin), email=ERIN)

    assert "This link does not work." in choose(former).content.decode()
    choose(link())
    erin.refresh_from_db()
    assert erin.check_password(OWN)
