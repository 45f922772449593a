"""A person shops in a real Chromium: with a mouse, without JavaScript, with the keyboard alone."""

import shutil
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from importlib import import_module

import pytest
import time_machine
from django.apps import apps
from django.db import connections

from accounts.issuing.tokens import issue_access
from accounts.models import Role, Session
from accounts.people import registration
from orders.models import Order
from products import catalogue, stock
from products.models import Stock
from tokens.issuer import get_issuer
from tokens.verification import cache
from wire.events import SYSTEM

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe_api = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.usefixtures("shop"),
    pytest.mark.django_db(transaction=True),
]

roles = import_module("accounts.migrations.0002_roles")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
PASSWORD = "tessera-demo"
OPEN_PAGES = ["/", "/login/", "/register/", "/logout/"]
PAGES = [*OPEN_PAGES, "/products/", "/products/?q=nothing+like+it", "/orders/", "/account/"]


# The shop and who is in it ----------------------------------------------------------------------


@pytest.fixture(autouse=True)
def issuer(settings):
    """The real issuer, keys in the database."""
    settings.TOKEN_ISSUER = "accounts.issuing.local_issuer.LocalIssuer"
    get_issuer.cache_clear()
    cache.clear()
    yield get_issuer()
    get_issuer.cache_clear()
    cache.clear()


@pytest.fixture(scope="module")
def chromium():
    if not CHROMIUM:
        pytest.skip("Chromium is not installed")
    with pytest.MonkeyPatch.context() as patch, start(patch) as browser:
        yield browser


@contextmanager
def start(patch):
    """A browser; while it runs, its event loop stands in this thread, which Django must overlook."""
    patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()
        # Beside a running event loop this thread has connections of its own.
        connections.close_all()


@pytest.fixture
def shop(settings, chromium, request):
    """The whole shop, served over plain HTTP as in development, with two customers, staff and tea."""
    settings.DEBUG = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    server = request.getfixturevalue("live_server")
    roles.create_roles(apps, None)
    for name, role in [("alice", ""), ("bob", ""), ("dave", "order manager"), ("admin", "admin")]:
        user = registration.register(f"{name}@example.com", PASSWORD, name.capitalize())
        user.roles.add(*Role.objects.filter(name=role))
    put_on_shelf("Assam, second flush", "8.40", 10, "Tea")
    put_on_shelf("Stoneware bowl, speckled, with a long name", "14.50", 3, "Kitchen")
    put_on_shelf("Pepper mill", "29.00", 0, "Kitchen")
    return server.url


def put_on_shelf(name, price, on_hand, category):
    fields = {"sku": name[:5].upper(), "name": name, "price": Decimal(price), "category": category}
    product = catalogue.create_product(fields, by=SYSTEM)
    if on_hand:
        stock.correct(product.pk, on_hand, reason="delivered", by=SYSTEM)


class Person:
    """Somebody at a browser; `complaints` is what its console said."""

    def __init__(self, chromium, shop, **options):
        options = {"viewport": DESKTOP, "base_url": shop} | options
        self.context = chromium.new_context(**options)
        self.context.set_default_timeout(10_000)
        self.page = self.context.new_page()
        self.complaints = []
        self.page.on("console", self.listen)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def listen(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def log_in(self, name="alice"):
        self.page.goto("/login/")
        self.page.get_by_label("E-mail address").fill(f"{name}@example.com")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.press("Log in")
        self.page.wait_for_url("**/products/")
        return self

    def press(self, name):
        self.page.get_by_role("main").get_by_role("button", name=name).click()

    def follow(self, name):
        self.page.get_by_role("link", name=name).first.click()

    def order(self, name, quantity=1):
        """Order a product from the page of products; the address of the order."""
        self.page.get_by_label(f"How many of {name}").fill(str(quantity))
        self.press(f"Order {name}")
        self.page.wait_for_url("**/orders/*/")
        return self.page.url

    def reads(self, text):
        sync_api.expect(self.page.get_by_role("main")).to_contain_text(text)

    def spend_token(self):
        """Have the access token of this browser be eleven minutes old."""
        session = Session.objects.latest("created_at")
        with time_machine.travel(-timedelta(minutes=11), tick=False):
            token = issue_access(session)
        cookie = next(cookie for cookie in self.context.cookies() if cookie["name"] == "access")
        self.context.add_cookies([cookie | {"value": token}])

    def tab_to(self, name):
        """Press Tab until something of that name has the focus."""
        for _ in range(60):
            self.page.keyboard.press("Tab")
            if self.page.evaluate(FOCUSED) == name:
                return
        raise AssertionError(f"The keyboard does not reach {name!r}.")


FOCUSED = """() => {
    const focused = document.activeElement;
    const label = focused.labels && focused.labels[0];
    return focused.getAttribute('aria-label') || (label || focused).innerText.trim();
}"""


@pytest.fixture
def person(chromium, shop):
    """Sit somebody down at a browser: `person(viewport=PHONE)`."""
    people = []

    def sit(**options):
        people.append(Person(chromium, shop, **options))
        return people[-1]

    yield sit
    for somebody in people:
        somebody.context.close()


@pytest.fixture
def alice(person):
    return person().log_in()


def available(name="Assam, second flush"):
    return Stock.objects.get(product__name=name).available


# Shopping ---------------------------------------------------------------------------------------


def test_alice_searches_orders_cancels_and_logs_out(alice):
    alice.page.get_by_label("Search").fill("assam")
    alice.press("Search")
    sync_api.expect(alice.page.get_by_role("article")).to_have_count(1)

    alice.order("Assam, second flush", quantity=2)
    alice.reads("16.80 EUR")
    assert available() == 8

    alice.press("Cancel the order")
    alice.reads("The order is cancelled.")
    assert available() == 10

    alice.page.get_by_role("button", name="Log out").click()
    alice.reads("You are logged out.")
    alice.page.goto("/orders/")
    alice.page.wait_for_url("**/login/?next=/orders/")
    assert Session.objects.get().end_reason == "log-out"
    assert alice.complaints == []


def test_somebody_new_registers_and_is_in_the_shop(person):
    erin = person()
    erin.page.goto("/")
    erin.follow("Open an account")
    erin.page.get_by_label("Name").fill("Erin")
    erin.page.get_by_label("E-mail address").fill("erin@example.com")
    erin.page.get_by_label("Password").fill("a mosaic of words")
    erin.press("Open an account")

    erin.page.wait_for_url("**/products/")
    assert erin.complaints == []


def test_more_than_there_is_can_be_had_as_what_there_is(alice):
    bowl = "Stoneware bowl, speckled, with a long name"
    alice.page.get_by_label(f"How many of {bowl}").fill("5")
    alice.press(f"Order {bowl}")
    alice.reads("Only 3 left; you wanted 5.")
    alice.press("Place the order")

    alice.page.wait_for_url("**/orders/*/")
    assert available(bowl) == 0


def test_going_back_brings_a_page_with_a_new_key(alice):
    first = alice.order("Assam, second flush")
    alice.page.go_back()
    second = alice.order("Assam, second flush")

    assert first != second
    assert Order.objects.count() == 2


def test_a_spent_token_is_renewed_without_anybody_noticing(alice):
    alice.spend_token()

    alice.page.goto("/account/")

    assert alice.page.url.endswith("/account/")
    alice.reads("alice@example.com")
    assert Session.objects.get().generation == 1


def test_an_order_sent_with_a_spent_token_is_placed_once(alice):
    alice.spend_token()

    alice.order("Assam, second flush", quantity=3)

    alice.reads("25.20 EUR")
    assert Order.objects.count() == 1
    assert available() == 7


def test_bob_does_not_find_alices_order(alice, person):
    address = alice.order("Assam, second flush")
    bob = person().log_in("bob")

    answer = bob.page.goto(address)

    assert answer.status == 404
    bob.reads("There is nothing here")


# Without a mouse, without a script ---------------------------------------------------------------


def test_the_shop_works_without_javascript(person):
    alice = person(java_script_enabled=False).log_in()

    alice.order("Assam, second flush")
    alice.press("Cancel the order")
    alice.reads("The order is cancelled.")
    alice.page.get_by_role("button", name="Log out").click()

    alice.reads("You are logged out.")


def test_the_shop_works_by_keyboard_alone(person):
    alice = person()
    keyboard = alice.page.keyboard
    alice.page.goto("/login/")
    alice.tab_to("Skip to the content")
    keyboard.press("Enter")
    alice.tab_to("E-mail address")
    keyboard.type("alice@example.com")
    alice.tab_to("Password")
    keyboard.type(PASSWORD)
    keyboard.press("Enter")
    alice.page.wait_for_url("**/products/")

    alice.tab_to("How many of Assam, second flush")
    keyboard.type("2")
    alice.tab_to("Order Assam, second flush")
    keyboard.press("Enter")
    alice.page.wait_for_url("**/orders/*/")
    alice.tab_to("Cancel the order")
    keyboard.press("Space")
    alice.reads("The order is cancelled.")
    alice.tab_to("Log out")
    keyboard.press("Enter")

    alice.reads("You are logged out.")


# Every page -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_page_is_accessible_and_fits(person, viewport, scheme):
    alice = person(viewport=viewport, color_scheme=scheme)
    faults = [fault for path in OPEN_PAGES for fault in inspect(alice, path)]
    alice.log_in()
    order = alice.order("Assam, second flush")
    product = alice.page.get_by_role("link", name="Assam").get_attribute("href")

    faults += [fault for path in [*PAGES, order, product] for fault in inspect(alice, path)]

    assert faults == []


def inspect(person, path):
    """What is wrong with a page: its console, its width, its accessibility."""
    answer = person.page.goto(path)
    faults = [(path, answer.status)] if answer.status != 200 else []
    faults += [(path, complaint) for complaint in person.complaints]
    if person.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        faults.append((path, "is too wide"))
    violations = axe_api.Axe().run(person.page).response["violations"]
    person.complaints.clear()
    return faults + [(path, found["id"], found["nodes"][0]["target"]) for found in violations]


def test_a_page_of_errors_is_accessible_too(alice):
    inspected = [inspect(alice, path) for path in ("/products/?price_min=cheap", "/admin/")]

    statuses = [[fault[1] for fault in faults if isinstance(fault[1], int)] for faults in inspected]
    rules = [fault for faults in inspected for fault in faults if len(fault) == 3]
    assert statuses == [[400], [403]]
    assert rules == []


# Staff ------------------------------------------------------------------------------------------


def test_the_admin_works_under_the_strict_policy(person):
    admin = person().log_in("admin")
    admin.page.goto("/admin/")
    addresses = admin.page.locator("#content a").evaluate_all("links => links.map(link => link.href)")

    statuses = {address: admin.page.goto(address).status for address in addresses}

    assert len(addresses) >= 12
    assert {address: status for address, status in statuses.items() if status != 200} == {}
    assert admin.complaints == []


def test_an_order_manager_sees_what_is_his_alone(person):
    dave = person().log_in("dave")

    dave.page.goto("/admin/")

    headings = dave.page.get_by_role("main").get_by_role("heading", level=2).all_inner_texts()
    assert headings == ["Orders"]
    assert dave.page.goto("/admin/accounts/user/").status == 403


def test_dave_ships_in_the_admin(alice, person):
    alice.order("Assam, second flush")
    dave = person().log_in("dave")

    for action in ("pay", "ship"):
        dave.page.goto("/admin/orders/order/")
        dave.page.get_by_role("checkbox").nth(1).check()
        dave.page.get_by_label("Reference").fill("R1")
        dave.page.locator("select[name=action]").select_option(action)
        dave.page.locator("button[name=index]").click()

    assert Order.objects.get().status == "shipped"
    assert dave.complaints == []
    assert Stock.objects.get(product__sku="ASSAM").on_hand == 9


def test_the_history_of_an_order_is_its_events(alice, person):
    order = alice.order("Assam, second flush").split("/")[-2]
    dave = person().log_in("dave")

    dave.page.goto(f"/admin/orders/order/{order}/history/")

    rows = dave.page.locator("#change-history tbody tr td:nth-child(2)").all_inner_texts()
    assert rows == ["placed", "pending"]
