"""Who has two factors changes how they log in by both; who has not confirmed their address adds none."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client as Browser

from accounts.factors import passkeys, totp
from accounts.jobs import JOBS
from accounts.login import sessions
from accounts.login.sessions import Origin
from accounts.models import Consent, Session, User
from accounts.people import credentials, email_addresses
from database import clock
from tests.accounts.apps import App
from tests.accounts.conftest import PASSWORD
from tests.accounts.factors import add_passkey, add_totp
from tests.issuer import read
from tokens.cookies import access_name
from tokens.errors import TokenRefused
from tokens.verification import verify
from wire.events import Named

pytestmark = pytest.mark.django_db

CHANGES = [
    ("post", "/api/accounts/me/password/", {"current_password": PASSWORD, "new_password": "a staple and a horse"}),
    ("post", "/api/accounts/me/email/", {"current_password": PASSWORD, "email": "new@example.com"}),
    ("delete", "/api/accounts/me/", {"current_password": PASSWORD}),
]
PAGES = ["/account/password/", "/account/email/", "/account/delete/"]


@pytest.fixture
def tokens(alice):
    """Of the only session of Alice, who has an app, too."""
    opened = sessions.open_session(alice, Origin("web"), "pwd")
    add_totp(alice, by=own(alice))
    return sessions.refresh(opened.refresh, client_id="web")


def own(user):
    return Named(user.sub, "web", str(Session.objects.get().pk))


@pytest.fixture
def browser(tokens):
    browser = Browser()
    browser.cookies[access_name()] = tokens.access
    return browser


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_who_has_two_factors_changes_nothing_by_the_password_alone(tokens, bearer, method, path, body):
    before = User.objects.values().get()
    Session.objects.update(auth_time=clock.now(), second_factor_at=clock.now() - timedelta(minutes=16))

    refused = getattr(bearer(tokens.access), method)(path, body)

    assert (refused.status_code, refused.json()["acr_values"], refused.json()["max_age"]) == (401, "aal2", 900)
    assert User.objects.values().get() == before


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_by_both_they_do(tokens, bearer, method, path, body):
    assert getattr(bearer(tokens.access), method)(path, body).status_code in (200, 204)


@pytest.mark.parametrize("path", PAGES)
def test_pages_ask_for_both_before_they_show_a_form(browser, path):
    early = browser.get(path)
    Session.objects.update(second_factor_at=clock.now() - timedelta(minutes=16))
    late = browser.get(path)

    assert early.status_code == 200
    assert (late.status_code, late["Location"]) == (302, f"/login/step-up/?next={path}&acr=aal2&max_age=900")


def test_who_changes_a_name_is_asked_for_nothing(browser):
    Session.objects.update(second_factor_at=clock.now() - timedelta(minutes=16))

    assert browser.get("/account/name/").status_code == 200


def test_with_the_last_factor_goes_what_two_of_them_opened(tokens, alice):
    before = read(tokens.access)[1]["acr"]

    totp.remove(alice, by=own(alice))

    assert (before, Session.objects.get().acr) == ("aal2", "aal1")
    with pytest.raises(TokenRefused):
        verify(tokens.access, "accounts")
    claims = read(sessions.refresh(tokens.refresh, client_id="web").access)[1]
    assert (claims["acr"], claims["amr"]) == ("aal1", ["pwd", "otp"])


def test_while_another_factor_is_left_all_stays(tokens, alice):
    add_passkey(alice, by=own(alice))

    totp.remove(alice, by=own(alice))

    assert Session.objects.get().acr == "aal2"


def test_a_browser_goes_on_after_its_last_factor_is_removed(browser):
    answer = browser.post("/account/factors/", {"sure": "on"})

    assert answer["Location"] == "/login/renew/?next=/account/factors/"


def test_the_page_of_the_factors_offers_to_end_all_other_sessions(browser, alice):
    sessions.open_session(alice, Origin("api"))

    page = browser.get("/account/factors/").content.decode()
    browser.post("/account/sessions/", {"do": "end-others"})

    assert "Log out everywhere else" in page
    assert Session.objects.alive().get().client_id == "web"


# An address that is not confirmed ---------------------------------------------------------------


@pytest.mark.parametrize("begin", [totp.begin, passkeys.adding_options])
def test_who_registered_somebody_elses_address_keeps_no_way_in(erin, begin):
    with pytest.raises(email_addresses.Unconfirmed):
        begin(erin)


@pytest.mark.parametrize("kind", ["totp/setup", "passkeys/options"])
def test_an_app_is_told_what_to_do_first(erin, bearer, kind):
    client = bearer(sessions.open_session(erin, Origin("api"), "pwd").access)

    refused = client.post(f"/api/accounts/factors/{kind}/")

    assert (refused.status_code, refused.json()["code"]) == (403, "email-not-verified")


@pytest.mark.parametrize("kind", ["totp", "passkeys"])
def test_a_page_leads_to_the_link_first(erin, kind):
    browser = Browser()
    browser.post("/login/", {"email": erin.email, "password": PASSWORD})

    answer = browser.get(f"/account/factors/{kind}/")

    assert answer["Location"] == f"/account/email/verify/?next=/account/factors/{kind}/"


@pytest.mark.parametrize(("is_confirmed", "left"), [(False, 0), (True, 1)])
def test_a_reset_that_confirms_the_address_forgets_which_apps_were_let_in(erin, is_confirmed, left):
    erin.email_verified_at = clock.now() if is_confirmed else None
    erin.save()
    Consent.objects.create(user=erin, client=App().row)

    credentials.reset_password(erin, "a staple and a horse")

    assert Consent.objects.count() == left


def test_the_mail_leads_to_the_factors(tokens, alice):
    JOBS["send mails"][0]()

    assert "/account/factors/" in mail.outbox[-1].body
