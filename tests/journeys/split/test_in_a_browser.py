"""A day in the shop, in a real Chromium: the same in one process and in three."""

import shutil
import uuid

import pytest

from tests.journeys.split.shapes import await_true
from wire.demo import PASSWORD

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.browser]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WITHIN = 10.0
"""Seconds in which a session that was ended is refused."""


@pytest.fixture(scope="module")
def chromium():
    if not CHROMIUM:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Person:
    """Somebody at a browser; `complaints` is what its console said."""

    def __init__(self, chromium, shape, email):
        self.context = chromium.new_context(base_url=shape.url, viewport={"width": 1280, "height": 800})
        self.context.set_default_timeout(15_000)
        self.page, self.complaints = self.context.new_page(), []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto("/login/")
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.press("Log in")
        self.page.wait_for_url("**/products/")

    def press(self, name):
        self.page.get_by_role("main").get_by_role("button", name=name).click()

    def reads(self, text):
        sync_api.expect(self.page.locator("body")).to_contain_text(text)


@pytest.fixture
def sit(chromium, shape):
    """Sit somebody down at a browser: `sit("alice")`."""
    people = []

    def sit(name):
        people.append(Person(chromium, shape, name if "@" in name else f"{name}@example.com"))
        return people[-1]

    yield sit
    for person in people:
        person.context.close()


def order(person, name):
    """Order one of a product; the number of the order."""
    person.page.goto(f"/products/?q={name}")
    person.press(f"Order {name}")
    person.page.wait_for_url("**/orders/*/")
    return person.page.get_by_role("heading", level=1).inner_text().removeprefix("Order ")


def test_a_day_in_the_shop(sit):
    alice, carol, dave = sit("alice"), sit("carol"), sit("dave")

    order(alice, "Sealing Wax")
    alice.press("Cancel the order")
    alice.reads("The order is cancelled.")
    number = order(alice, "Sealing Wax")

    words = f"Four sticks, red, {uuid.uuid4().hex[:8]}."
    carol.page.goto("/admin/")
    carol.page.get_by_role("main").get_by_role("link", name="Products", exact=True).last.click()
    carol.page.goto("/admin/products/product/?q=DES-009")
    carol.page.get_by_role("link", name="DES-009").click()
    carol.page.get_by_label("Description").fill(words)
    carol.page.get_by_role("button", name="Save", exact=True).click()
    carol.reads("was changed successfully")
    alice.page.goto("/products/?q=Sealing Wax")
    alice.page.get_by_role("link", name="Sealing Wax").click()
    alice.reads(words)

    dave.page.goto(f"/admin/orders/order/?q={number}")
    for action, reference in (("pay", "BANK-9"), ("ship", "")):
        dave.page.locator("input.action-select").check()
        dave.page.get_by_label("Action:").select_option(action)
        dave.page.get_by_label("Reference").fill(reference)
        dave.page.locator("button[name=index]").click()
        dave.reads({"pay": "Paid", "ship": "Shipped"}[action])
    alice.page.goto("/orders/")
    alice.reads("shipped")

    assert alice.complaints + carol.complaints + dave.complaints == []


def test_the_admin_ends_a_session_and_the_next_click_anywhere_is_refused(sit, shape, record_property):
    email = f"alice-{uuid.uuid4().hex[:8]}@example.com"
    shape.ask("POST", "/api/accounts/register/", json={"email": email, "password": PASSWORD, "name": "Alice"})
    alice, admin = sit(email), sit("admin")
    alice.page.goto("/orders/")

    admin.page.goto(f"/admin/accounts/user/?q={email}")
    admin.page.locator("input.action-select").check()
    admin.page.get_by_label("Action:").select_option("end_sessions")
    admin.page.locator("button[name=index]").click()
    admin.reads("1 sessions ended")

    seconds = await_true(lambda: all(refused(alice.page, path) for path in ("/products/", "/orders/")), email, WITHIN)
    record_property(f"seconds until a browser was refused everywhere, {shape.name}", round(seconds, 1))


def refused(page, path):
    page.goto(path)
    return "/login/" in page.url
