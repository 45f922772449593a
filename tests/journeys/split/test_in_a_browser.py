"""A day in the shop, in a real Chromium: the same in one process and in three."""

import shutil
import uuid

import pytest

from tests.journeys.split.shapes import OWN_PASSWORD, await_true, password_of

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.browser]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 30_000
"""Milliseconds in which a page must do what is waited for, however busy the machine is."""
sync_api.expect.set_options(timeout=PATIENCE)
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
        self.context.set_default_timeout(PATIENCE)
        self.page, self.complaints, self.interactions = self.context.new_page(), [], 0
        self.page.on("console", self.listen)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto("/login/")
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password").fill(password_of(email))
        self.press("Log in")
        self.page.wait_for_url("**/products/")

    def listen(self, message):
        # What else it says is advice, such as how to name fields.
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def press(self, name):
        self.click(self.page.get_by_role("main").get_by_role("button", name=name, exact=True))

    def follow(self, name):
        self.click(self.page.get_by_role("main").get_by_role("link", name=name, exact=True).first)

    def click(self, what):
        """Click, and have all of the page that it leads to: a click itself ends when the first of it arrives."""
        self.interactions += 1
        what.click()
        self.page.wait_for_load_state()

    def type_into(self, field, text):
        self.interactions += 1
        field.fill(text)

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


def order(person, *names):
    """Order one each of some products at once; the number of the order."""
    for name in names:
        person.page.goto(f"/products/?q={name}")
        person.press(f"Add {name} to the basket")
        person.reads(f"In your basket: {name} (1).")
    person.page.goto("/basket/")
    person.press("Review the order")
    person.page.get_by_label("Ship to").fill("1 Mosaic Lane")
    person.press("Place the order")
    person.page.wait_for_url("**/orders/*/")
    person.reads("Thank you for your order.")
    return person.page.get_by_role("heading", level=1).inner_text().removeprefix("Order ")


def mails(shape):
    """All that the workers have printed."""
    return "".join(log.read_text() for log in shape.log.parent.glob("*work.log"))


def test_a_day_in_the_shop(sit, shape):
    alice, carol, dave = sit("alice"), sit("carol"), sit("dave")

    first = order(alice, "Sealing Wax", "Sencha", "Earl Grey")
    await_true(lambda: f"Subject: Thank you for order {first}" in mails(shape), "alice has a mail")
    assert f"/orders/{alice.page.url.split('/')[-2]}/" in mails(shape)
    alice.follow("Cancel the order…")
    alice.press("Cancel the order")
    alice.reads("The order is cancelled.")
    number = order(alice, "Sealing Wax")

    words = f"Four sticks, red, {uuid.uuid4().hex[:8]}."
    carol.page.goto("/admin/")
    carol.page.get_by_role("main").get_by_role("link", name="Products", exact=True).last.click()
    carol.page.goto("/admin/products/product/?q=DES-009")
    carol.follow("DES-009")
    carol.page.get_by_label("Description").fill(words)
    carol.press("Save")
    carol.reads("was changed successfully")
    alice.page.goto("/products/?q=Sealing Wax")
    alice.follow("Sealing Wax")
    alice.reads(words)

    dave.page.goto(f"/admin/orders/order/?q={number}")
    dave.follow(number)
    for button, said in DESK:
        dave.follow(f"{button}…")
        for label, text in said.items():
            dave.page.get_by_label(label).fill(text)
        dave.press(button)
        dave.reads(f"{button.removeprefix('Mark as ').capitalize()}: {number}.")
    dave.reads("9.00 EUR, R-9")
    alice.page.goto("/orders/")
    alice.reads("returned")

    assert alice.complaints + carol.complaints + dave.complaints == []


DESK = [
    ("Mark as paid", {"Payment reference": "BANK-9"}),
    ("Mark as shipped", {"Tracking": "T-9", "Note to the customer": "Handle with care."}),
    ("Mark as delivered", {}),
    ("Mark as returned", {"Paid back": "9.00 EUR, R-9"}),
]
"""What staff do with an order, and say with it."""


def test_an_employee_counts_twenty_products_and_finds_who_changed_a_price(sit):
    carol, admin = sit("carol"), sit("admin")

    carol.page.goto("/admin/products/product/")
    carol.interactions = 0
    carol.follow("Count stock")
    counted = carol.page.locator("input[name^=counted-]")
    sync_api.expect(counted).to_have_count(20)
    for number in range(20):
        carol.type_into(counted.nth(number), "500")
    carol.press("Compare")
    carol.press("Correct the stock")
    carol.reads("20 products were counted.")
    assert carol.interactions < 30

    for price in ("8.25", "8.40"):
        carol.page.goto("/admin/products/product/?q=DES-009")
        carol.follow("DES-009")
        carol.page.get_by_label("Price").fill(price)
        carol.press("Save")
        carol.reads("was changed successfully")

    admin.page.goto("/admin/products/product/?q=DES-009")
    admin.follow("DES-009")
    admin.interactions = 0
    admin.follow("History")
    admin.reads("Price: 8.25 to 8.40")
    admin.page.get_by_role("main").get_by_role("link", name="carol@example.com").first.click()
    admin.reads("All sessions")
    assert admin.interactions < 2
    assert carol.complaints + admin.complaints == []


def test_the_admin_ends_a_session_and_the_next_click_anywhere_is_refused(sit, shape, record_property):
    email = f"alice-{uuid.uuid4().hex[:8]}@example.com"
    shape.ask("POST", "/api/accounts/register/", json={"email": email, "password": OWN_PASSWORD, "name": "Alice"})
    alice, admin = sit(email), sit("admin")
    alice.page.goto("/orders/")

    admin.page.goto(f"/admin/accounts/user/?q={email}")
    admin.page.locator("input.action-select").check()
    admin.page.get_by_label("Action:").select_option("end_sessions")
    admin.click(admin.page.locator("button[name=index]"))
    admin.reads("1 session ended")

    seconds = await_true(lambda: all(refused(alice.page, path) for path in ("/products/", "/orders/")), email, WITHIN)
    record_property(f"seconds until a browser was refused everywhere, {shape.name}", round(seconds, 1))


def refused(page, path):
    page.goto(path)
    return "/login/" in page.url
