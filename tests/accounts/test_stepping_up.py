"""Who lacks a scope that their roles carry is led to prove more, and comes back with the form that they sent."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.issuing.tokens import issue_access
from accounts.login import sessions
from accounts.login.sessions import Origin
from accounts.models import Role, Session, User
from database import clock
from tests.accounts.conftest import PASSWORD
from tests.accounts.factors import add_totp, code_of
from tests.issuer import challenge, read
from tokens.cookies import access_name, refresh_name
from wire.events import Named

pytestmark = pytest.mark.django_db

LINE = {"lines": [{"product": "00000000-0000-4000-8000-000000000001", "quantity": 1}], "ship_to": "1 Mosaic Lane"}


def browser_of(tokens):
    browser = Client()
    browser.cookies[access_name()], browser.cookies[refresh_name()] = tokens.access, tokens.refresh
    return browser


def send(browser, address, form):
    return browser.post(address, urlencode(form), content_type="application/x-www-form-urlencoded")


@pytest.fixture
def dave(alice, settings):
    """A member of staff where two factors are wanted, with one."""
    settings.STAFF_FACTORS = 2
    alice.roles.add(Role.objects.get(name="order manager"))
    return alice


@pytest.fixture
def browser(dave):
    return browser_of(sessions.open_session(dave, Origin("web")))


def kept_in(page):
    return re.search(r'name="[a-z-]*kept" value="([^"]+)"', page.content.decode())[1]


def test_a_lacking_factor_is_told_over_the_api(dave, bearer):
    own = bearer(sessions.open_session(dave, Origin("api")).access)

    marked = own.post("/api/orders/00000000-0000-4000-8000-000000000001/ship/", {})

    assert (marked.status_code, marked.json()["code"]) == (401, "insufficient-user-authentication")
    assert (marked.json()["acr_values"], marked.json()["max_age"]) == ("aal2", 43200)
    said = 'error="insufficient_user_authentication", acr_values="aal2", max_age="43200"'
    assert marked["WWW-Authenticate"] == challenge("orders", said)


def test_two_factors_open_what_one_did_not(dave, bearer):
    own = bearer(sessions.open_session(dave, Origin("api"), "pwd otp mfa").access)

    assert own.post("/api/orders/00000000-0000-4000-8000-000000000001/ship/", {}).status_code == 404


def test_an_address_that_is_not_verified_is_told_over_the_api(erin, bearer):
    own = bearer(sessions.open_session(erin, Origin("api")).access)

    refused = own.post("/api/orders/", LINE)

    assert (refused.status_code, refused.json()["code"], refused.json()["scope"]) == (
        403,
        "email-not-verified",
        "orders:write",
    )


def test_who_has_no_such_role_is_refused_as_ever(bob, bearer, settings):
    settings.STAFF_FACTORS = 2
    own = bearer(sessions.open_session(bob, Origin("api")).access)

    refused = own.post("/api/orders/00000000-0000-4000-8000-000000000001/ship/", {})

    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient-scope")


def test_staff_prove_who_they_are_and_come_back_to_where_they_were(browser, dave):
    page = browser.get("/admin/orders/order/?q=a%20b")
    address = page["Location"]
    asked = parse_qs(urlsplit(address).query)

    assert (page.status_code, urlsplit(address).path) == (302, "/login/step-up/")
    assert asked == {"next": ["/admin/orders/order/?q=a%20b"], "acr": ["aal2"], "max_age": ["43200"]}

    Session.objects.update(auth_time=clock.now() - timedelta(hours=1))
    app = add_totp(dave)
    shown = browser.get(address)
    proven = browser.post(address, {"step-up-current_password": PASSWORD, "step-up-code": code_of(app)})
    browser.cookies.update(proven.cookies)

    assert "Is it you?" in shown.content.decode()
    assert (proven.status_code, proven["Location"]) == (302, "/admin/orders/order/?q=a%20b")
    claims = read(proven.cookies[access_name()].value)[1]
    assert claims["auth_time"] == pytest.approx(clock.time(), abs=5)
    assert proven.cookies[refresh_name()]["path"] == "/login/"
    assert browser.get(proven["Location"]).status_code == 200


def test_a_form_waits_while_its_sender_proves_who_they_are(browser, dave):
    app = add_totp(dave)
    form = {"action": "ship", "_selected_action": "1", "current_password": "not kept"}
    sent = send(browser, "/admin/orders/order/", form)
    asked = send(browser, sent["Location"], form)
    given = {"step-up-current_password": PASSWORD, "step-up-code": code_of(app)}
    wrong = browser.post(
        sent["Location"], given | {"step-up-current_password": "wrong", "step-up-kept": kept_in(asked)}
    )
    right = browser.post(sent["Location"], given | {"step-up-kept": kept_in(wrong)})

    assert (sent.status_code, asked.status_code, wrong.status_code, right.status_code) == (307, 200, 400, 200)
    assert right.context["target"] == "/admin/orders/order/"
    assert right.context["fields"] == [("action", "ship"), ("_selected_action", "1")]


@pytest.mark.parametrize("size", [100, 200_000])
def test_whose_file_cannot_be_kept_is_told_so(dave, size):
    dave.roles.add(Role.objects.get(name="catalogue manager"))
    browser = browser_of(sessions.open_session(dave, Origin("web")))
    address = "/admin/products/product/import/"

    answer = browser.post(address, {"file": SimpleUploadedFile("catalogue.csv", b"x" * size)})

    asked = f"/login/step-up/?next={address}&acr=aal2&max_age=43200#lost"
    assert (answer.status_code, answer["Location"]) == (302, asked)


def test_staff_with_one_factor_are_led_to_add_another_when_they_log_in_and_go_on_then(dave):
    browser = Client()

    answer = browser.post("/login/?next=/orders/", {"email": dave.email, "password": PASSWORD})

    asked = browser.get(answer["Location"])
    too_early = browser.post(answer["Location"], {"step-up-kept": ""})
    session = Session.objects.get()
    added = sessions.step_up(session.pk, "pwd otp mfa", by=Named(dave.sub, "web", str(session.pk)))
    browser.cookies[access_name()] = added.access
    back = browser.post(answer["Location"], {"step-up-kept": ""})

    assert (answer.status_code, answer["Location"]) == (302, "/login/step-up/?next=/orders/&acr=aal2")
    assert "Add a second one" in asked.content.decode()
    assert "Add a second factor" in too_early.content.decode()
    assert (back.status_code, back["Location"]) == (302, "/orders/")


def test_customers_and_staff_of_whom_one_factor_is_asked_go_where_they_wanted(dave, bob, settings):
    for user, factors in ((bob, 2), (dave, 1)):
        settings.STAFF_FACTORS = factors
        answer = Client().post("/login/?next=/orders/", {"email": user.email, "password": PASSWORD})

        assert answer["Location"] == "/orders/"


def test_who_has_one_factor_adds_another_and_comes_back_with_the_form(browser, dave):
    form = {"action": "ship"}
    address = send(browser, "/admin/orders/order/", form)["Location"]
    asked = send(browser, address, form)
    too_early = browser.post(address, {"step-up-kept": kept_in(asked)})
    session = Session.objects.get()
    added = sessions.step_up(session.pk, "pwd otp mfa", by=Named(dave.sub, "web", str(session.pk)))
    browser.cookies[access_name()] = added.access
    back = browser.post(address, {"step-up-kept": kept_in(too_early)})

    assert "Add a second factor" in asked.content.decode()
    assert "Add a second factor" in too_early.content.decode()
    assert (back.context["target"], back.context["fields"]) == ("/admin/orders/order/", [("action", "ship")])


def test_next_leads_nowhere_else(browser):
    for foreign in ("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"):
        address = f"/login/step-up/?{urlencode({'next': foreign})}"
        proven = browser.post(address, {"step-up-current_password": PASSWORD})

        assert (proven.status_code, proven["Location"]) == (302, "/products/")


def test_next_is_carried_through_a_renewal_in_between(browser, dave):
    sessions.revoke_access_tokens(Session.objects.all())
    address = "/login/step-up/?next=/admin/&acr=aal2&max_age=43200"

    renewed = browser.get("/login/renew/?" + urlencode({"next": address}))

    assert (renewed.status_code, renewed["Location"]) == (307, address)


def test_the_password_of_another_steps_nobody_up(browser, dave, erin):
    User.objects.filter(pk=dave.pk).update(password=erin.password)
    erin.set_password("another horse battery")
    erin.save()
    before = Session.objects.get().auth_time

    refused = browser.post("/login/step-up/?next=/", {"step-up-current_password": "another horse battery"})

    assert (refused.status_code, Session.objects.get().auth_time) == (400, before)


def test_guesses_are_counted(browser, settings):
    answers = [browser.post("/login/step-up/", {"step-up-current_password": "wrong"}) for _ in range(12)]

    put_off = [answer for answer in answers if answer.status_code == 429]
    assert put_off
    assert all("Retry-After" in answer for answer in put_off)


def test_a_session_that_ended_meanwhile_leads_to_the_log_in(browser, dave):
    address = "/login/step-up/?next=/admin/"
    Session.objects.update(ended_at=clock.now())

    refused = send(browser, address, {"step-up-current_password": PASSWORD})

    assert (refused.status_code, refused["Location"]) == (307, f"/login/?{urlencode({'next': address}, safe='/')}")


def test_who_did_not_verify_an_address_is_told_and_comes_back_with_the_form(erin):
    browser = browser_of(sessions.open_session(erin, Origin("web")))
    form = {"quantity": "2"}

    sent = send(browser, "/basket/", form)
    asked = send(browser, sent["Location"], form)
    too_early = browser.post(sent["Location"], {"kept": kept_in(asked), "step": "go on"})
    User.objects.update(email_verified_at=clock.now())
    renewed = browser.post(sent["Location"], {"kept": kept_in(too_early), "step": "go on"})
    browser.get(renewed["Location"])
    verified = browser.post(sent["Location"], {"kept": kept_in(too_early), "step": "go on"})

    assert (sent.status_code, sent["Location"]) == (307, "/account/email/verify/?next=/basket/")
    assert "erin@example.com" in asked.content.decode()
    assert (renewed.status_code, urlsplit(renewed["Location"]).path) == (307, "/login/renew/")
    assert (verified.context["target"], verified.context["fields"]) == ("/basket/", [("quantity", "2")])


def test_a_menu_shows_what_more_proof_opens(browser, erin):
    assert 'href="/admin/"' in browser.get("/account/").content.decode()
    assert 'href="/basket/"' in browser_of(sessions.open_session(erin, Origin("web"))).get("/account/").content.decode()


def test_sessions_are_ended_by_who_logged_in_lately(alice, bearer):
    tokens = sessions.open_session(alice, Origin("web"))
    sessions.open_session(alice, Origin("api"))
    own, other = Session.objects.get(client_id="web"), Session.objects.get(client_id="api")
    Session.objects.update(auth_time=clock.now() - timedelta(minutes=16))
    tokens = sessions.refresh(tokens.refresh, client_id="web")
    form = {"sid": str(other.pk)}

    sent = send(browser_of(tokens), "/account/sessions/", form)
    told = [bearer(tokens.access).delete(f"/api/accounts/sessions/{path}") for path in ("", f"{other.pk}/")]

    assert (sent.status_code, sent["Location"]) == (
        307,
        "/login/step-up/?next=/account/sessions/&acr=aal1&max_age=900",
    )
    assert [answer.json()["code"] for answer in told] == ["insufficient-user-authentication"] * 2
    assert Session.objects.alive().count() == 2
    stepped = browser_of(tokens).post(
        sent["Location"],
        {
            "step-up-current_password": PASSWORD,
            "step-up-kept": kept_in(send(browser_of(tokens), sent["Location"], form)),
        },
    )
    browser = browser_of(tokens)
    browser.cookies[access_name()] = stepped.cookies[access_name()].value
    browser.post("/account/sessions/", dict(stepped.context["fields"]))
    assert [*Session.objects.alive()] == [own]


def test_ones_own_session_is_ended_however_old_the_log_in_is(alice, bearer):
    sessions.open_session(alice, Origin("api"))
    Session.objects.update(auth_time=clock.now() - timedelta(days=1))
    session = Session.objects.get()

    answer = bearer(issue_access(session)).delete(f"/api/accounts/sessions/{session.pk}/")

    assert (answer.status_code, Session.objects.alive().count()) == (204, 0)


def test_rights_that_wait_are_told_with_what_they_wait_for(browser, erin):
    staff = browser.get("/account/rights/").content.decode()
    customer = browser_of(sessions.open_session(erin, Origin("web"))).get("/account/rights/").content.decode()

    assert "log in with two factors" in staff
    assert "confirm your e-mail address" in customer


def test_apps_and_browsers_are_told_apart(alice):
    tokens = sessions.open_session(alice, Origin("web", "Mozilla/5.0 (X11; Linux) Firefox/140.0"))
    sessions.open_session(alice, Origin("api", "till/1.0"))

    page = browser_of(tokens).get("/account/sessions/").content.decode()

    assert [*re.findall(r"<strong>(.*?)</strong>.*?<small>(.*?),", page, re.DOTALL)] == [
        ("till/1.0", "App or program"),
        ("Firefox on Linux", "Browser"),
    ]
