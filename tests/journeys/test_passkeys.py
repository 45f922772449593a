"""A person and her passkey in a real Chromium, whose authenticator is a virtual one (CDP, `WebAuthn`)."""

import os
import re
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest

from accounts.models import FailedLogIn, Mail, Passkey, RecoveryCode, Role, Session, User
from accounts.people.mails import CONTEXTS
from database import clock
from orders.models import Order
from tests.accounts.apps import App
from tests.accounts.factors import add_totp, code_of
from tests.journeys.split.shapes import await_true
from tests.journeys.test_browser import (  # noqa: F401
    DESKTOP,
    PASSWORD,
    PHONE,
    Person,
    axe_api,
    chromium,
    inspect,
    issuer,
    person,
    shop,
    sync_api,
)
from wire.events import Named

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("at_origin"), pytest.mark.django_db(transaction=True)]

KEY = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
SHOTS = os.environ.get("SCREENSHOTS", "")
"""A folder for pictures of the pages that are looked at."""


@pytest.fixture
def at_origin(settings, shop):  # noqa: F811
    """The shop knows where it is: a passkey is bound to that."""
    settings.ISSUER = shop


class Device:
    """The authenticator of a browser."""

    def __init__(self, somebody):
        self.cdp = somebody.context.new_cdp_session(somebody.page)
        self.cdp.send("WebAuthn.enable")
        self.id = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})["authenticatorId"]

    def verify(self, verified):
        """Whether it knows who holds it."""
        self.cdp.send("WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": verified})

    def passkeys(self):
        """What it would offer."""
        return self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.id})["credentials"]


def confirm_address(erin):
    """Follow the mailed link, and confirm on its page."""
    erin.page.goto(mailed_link())
    erin.press("Confirm")
    erin.reads("Your e-mail address erin@example.com is confirmed.")


def mailed_link():
    mail = Mail.objects.get(kind="address confirmation", to="erin@example.com")
    return CONTEXTS[mail.kind](mail)["link"]


def register(erin):
    erin.page.goto("/register/")
    erin.page.get_by_label("Name").fill("Erin")
    erin.page.get_by_label("E-mail address").fill("erin@example.com")
    erin.page.get_by_label("Password").fill(PASSWORD)
    erin.press("Open an account")
    erin.page.wait_for_url("**/products/")


def press_log_out(erin):
    erin.page.get_by_role("banner").get_by_role("button", name="Log out").click()


def log_out(erin):
    press_log_out(erin)
    erin.page.wait_for_url("**/login/")


def fill_in_password(erin, name="erin"):
    erin.page.goto("/login/")
    erin.page.get_by_label("E-mail address").fill(f"{name}@example.com")
    erin.page.get_by_label("Password").fill(PASSWORD)
    erin.press("Log in")


def add_passkey(erin, name="Erin's phone"):
    """Add a passkey; the recovery codes that are shown with it."""
    erin.page.goto("/account/factors/")
    erin.follow("Add a passkey")
    erin.page.get_by_label("Name").fill(name)
    erin.press("Add a passkey")
    erin.reads("Recovery codes")
    codes = erin.page.locator(".code-list code")
    sync_api.expect(codes).to_have_count(10)
    return codes.all_inner_texts()


def test_erin_comes_in_by_passkey_steps_up_and_recovers_by_code(person):  # noqa: F811
    erin = person()
    device = Device(erin)
    register(erin)
    confirm_address(erin)
    erin.order("Assam, second flush")
    assert Order.objects.get().status == "placed"

    codes = add_passkey(erin)
    erin.follow("I have kept them")
    erin.reads("Erin's phone")
    assert len(codes) == 10
    # The page to log in, which follows, offers what the phone has.
    press_log_out(erin)
    erin.page.wait_for_url("**/products/")
    assert Session.objects.latest("created_at").amr == "hwk user mfa"

    user = User.objects.get(email="erin@example.com")
    user.roles.add(Role.objects.get(name="admin"))
    Session.objects.update(auth_time=clock.now() - timedelta(hours=1), second_factor_at=None)
    erin.page.goto("/account/factors/totp/")
    erin.page.wait_for_url("**/login/step-up/**")
    erin.press("Use a passkey")
    erin.page.wait_for_url("**/account/factors/totp/")
    assert erin.page.goto("/admin/").status == 200
    assert erin.complaints == []

    # The phone is lost: another browser, without it.
    device.cdp.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": device.id})
    lost = person()
    fill_in_password(lost)
    lost.reads("One more step")
    lost.page.get_by_label("Code", exact=True).fill(codes[3])
    lost.press("Log in")
    lost.page.wait_for_url("**/products/")
    assert RecoveryCode.objects.filter(user=user).count() == 9
    assert lost.complaints == []


@pytest.mark.slow
def test_staff_step_up_into_the_admin_by_passkey(person, settings):  # noqa: F811
    settings.STAFF_FACTORS = 2
    User.objects.filter(email="dave@example.com").update(email_verified_at=clock.now())
    dave = person()
    device = Device(dave)
    fill_in_password(dave, "dave")
    dave.page.wait_for_url("**/login/step-up/**")
    waiting = dave.context.new_page()
    waiting.goto("/admin/orders/order/")
    dave.page.bring_to_front()
    add_passkey(dave, "Dave's key")
    waiting.get_by_role("button", name="I have added one: go on").click()
    waiting.wait_for_url("**/admin/orders/order/")

    # Twelve hours later, in the tab that is looked at.
    dave.page.bring_to_front()
    Session.objects.update(second_factor_at=clock.now() - settings.STAFF_FACTOR_AGE - timedelta(minutes=1))
    dave.spend_token()
    dave.page.goto("/admin/orders/order/")
    dave.page.wait_for_url("**/login/step-up/**")
    device.verify(False)
    dave.press("Use a passkey")
    dave.reads("That did not work, or was cancelled. Try again.")
    assert Session.objects.get().acr == "aal1"

    device.verify(True)
    dave.press("Use a passkey")
    dave.page.wait_for_url("**/admin/orders/order/")
    assert dave.page.title().startswith("Select order")
    assert Session.objects.get().acr == "aal2"


@pytest.mark.slow
def test_where_the_browser_offers_none_by_itself_a_button_asks_for_a_passkey(person):  # noqa: F811
    erin = person()
    erin.page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")
    device = Device(erin)
    register(erin)
    confirm_address(erin)
    add_passkey(erin)
    log_out(erin)
    device.verify(False)
    erin.press("Use a passkey")
    erin.reads("That did not work, or was cancelled. Try again.")

    device.verify(True)
    erin.press("Use a passkey")

    erin.page.wait_for_url("**/products/")
    assert Passkey.objects.get().used_at is not None


@pytest.mark.slow
@pytest.mark.parametrize("factor", ["app", "passkey"])
def test_the_page_of_the_api_asks_for_the_second_factor(person, factor):  # noqa: F811
    erin = person(viewport=PHONE)
    Device(erin)
    register(erin)
    User.objects.update(email_verified_at=clock.now())
    if factor == "app":
        app = add_totp(User.objects.get(email="erin@example.com"))
    else:
        add_passkey(erin)
    erin.page.goto("/api/docs/")
    erin.page.locator(".opblock").first.wait_for()
    erin.page.locator("#log-in [name=email]").fill("erin@example.com")
    erin.page.locator("#log-in [name=password]").fill(PASSWORD)

    erin.page.locator("#log-in button").click()
    erin.page.locator("#second-factor").wait_for()
    offers_passkey = erin.page.get_by_role("button", name="Use a passkey").is_visible()
    violations = axe_api.Axe().run(erin.page).response["violations"]
    if factor == "app":
        erin.page.locator("#second-factor [name=code]").fill("000000")
        erin.page.locator("#second-factor").get_by_role("button", name="Log in").click()
        erin.reads("That code is wrong, or was used before.")
        erin.page.locator("#second-factor [name=code]").fill(code_of(app))
        erin.page.locator("#second-factor").get_by_role("button", name="Log in").click()
    else:
        erin.press("Use a passkey")

    erin.reads("Requests are sent as erin@example.com")
    assert not erin.page.locator("#second-factor").is_visible()
    assert offers_passkey == (factor == "passkey")
    assert [violation["id"] for violation in violations] == []
    assert Session.objects.latest("created_at").acr == "aal2"


@pytest.mark.slow
def test_a_passkey_that_was_removed_is_told_on_the_page(person):  # noqa: F811
    erin = person()
    device = Device(erin)
    register(erin)
    confirm_address(erin)
    add_passkey(erin)
    assert len(device.passkeys()) == 1
    Passkey.objects.all().delete()

    press_log_out(erin)

    erin.reads("This passkey is not known here.")
    await_true(lambda: device.passkeys() == [], "the browser has forgotten it")
    assert FailedLogIn.objects.get(key__startswith="passkeys from").failures == 1


@pytest.mark.slow
def test_without_a_script_an_app_is_set_up_and_opens(person):  # noqa: F811
    erin = person(java_script_enabled=False)
    register(erin)
    confirm_address(erin)
    erin.page.goto("/account/factors/totp/")
    app = pyotp.TOTP(erin.page.locator(".secret").inner_text())
    erin.page.get_by_label("Code", exact=True).fill(app.now())
    erin.press("Add the app")
    sync_api.expect(erin.page.locator(".code-list li")).to_have_count(10)
    log_out(erin)

    fill_in_password(erin)
    erin.page.get_by_label("Code", exact=True).fill(code_of(app))
    erin.press("Log in")

    erin.page.wait_for_url("**/products/")
    assert not erin.page.get_by_role("button", name="Use a passkey").is_visible()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_pages_of_factors_are_accessible_and_fit(person, viewport, scheme):  # noqa: F811
    erin = person(viewport=viewport, color_scheme=scheme)
    register(erin)
    confirm_address(erin)
    own = "/account/factors/"
    faults = look(erin, f"{own}") + look(erin, f"{own}totp/") + look(erin, f"{own}passkeys/")
    Device(erin)
    add_passkey(erin)
    faults += look(erin)
    session, user = Session.objects.get(), User.objects.get(email="erin@example.com")
    add_totp(user, by=caller(session))
    key = Passkey.objects.get().pk
    faults += look(erin, own) + look(erin, f"{own}recovery-codes/") + look(erin, f"{own}passkeys/{key}/")
    faults += look(erin, "/login/step-up/")
    erin.context.clear_cookies()
    erin.page.goto("about:blank")
    fresh = person(viewport=viewport, color_scheme=scheme)
    faults += look(fresh, "/login/")
    fill_in_password(fresh)
    fresh.reads("One more step")
    faults += look(fresh)

    assert faults == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_pages_of_addresses_and_apps_are_accessible_and_fit(person, settings, viewport, scheme):  # noqa: F811
    settings.STAFF_FACTORS = 2
    app = App("shop-window")
    erin = person(viewport=viewport, color_scheme=scheme)
    register(erin)
    faults = look(erin, "/account/email/verify/") + look(erin, mailed_link())
    confirm_address(erin)
    faults += look(erin, f"/oauth/authorize?{app.query()}")
    erin.context.route("https://app.example/**", lambda route: route.fulfill(body="Welcome"))
    erin.press("Allow")
    erin.page.wait_for_url("https://app.example/**")
    faults += look(erin, "/account/apps/")
    dave = person(viewport=viewport, color_scheme=scheme)
    User.objects.filter(email="dave@example.com").update(email_verified_at=clock.now())
    fill_in_password(dave, "dave")
    dave.page.wait_for_url("**/login/step-up/**")
    faults += look(dave)
    dave.reads("Add a second factor")

    assert faults == []


def caller(session):
    return Named(str(session.user_id), session.client_id, str(session.pk))


def look(somebody, path=""):
    """What is wrong with a page, or with the one that is open; and a picture of it."""
    faults = inspect(somebody, path) if path else check(somebody)
    if SHOTS:
        width, scheme = somebody.page.viewport_size["width"], somebody.page.evaluate(DARK)
        name = re.sub(r"\W+", "-", somebody.page.title().partition(" · ")[0].lower())
        somebody.page.screenshot(path=Path(SHOTS) / f"{name}-{width}-{scheme}.png", full_page=True)
    return faults


DARK = "matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'"


def check(somebody):
    violations = axe_api.Axe().run(somebody.page).response["violations"]
    wide = somebody.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return [(found["id"], found["nodes"][0]["target"]) for found in violations] + ["too wide"] * wide
