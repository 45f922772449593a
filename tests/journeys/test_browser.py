"""A person shops in a real Chromium: with a mouse, without JavaScript, with the keyboard alone."""

import re
import shutil
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from importlib import import_module

import pytest
import time_machine
from django.apps import apps
from django.core import mail
from django.db import connections
from django.test import Client

from accounts.issuing.tokens import issue_access
from accounts.jobs import JOBS
from accounts.login import sessions
from accounts.models import Role, Session
from orders.models import BasketLine, Order
from products import catalogue, stock
from products.models import Stock
from tests.accounts.conftest import forget, issuer, register  # noqa: F401 - a fixture
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
PATIENCE = 30_000
"""Milliseconds in which a page must do what is waited for, however busy the machine is."""
sync_api.expect.set_options(timeout=PATIENCE)
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
PASSWORD = "a long walk by the sea"
ACCOUNT_PAGES = [
    f"/account/{page}/" for page in ("name", "email", "password", "factors", "sessions", "apps", "rights", "delete")
]
OPEN_PAGES = ["/", "/login/", "/register/", "/logout/", "/problems/", "/problems/insufficient-stock/"]
PAGES = ["/", "/logout/", "/products/", "/products/?q=nothing+like+it", "/orders/", "/account/", *ACCOUNT_PAGES]


# The shop and who is in it ----------------------------------------------------------------------


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
        user = register(f"{name}@example.com", PASSWORD, name.capitalize())
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
        self.context.set_default_timeout(PATIENCE)
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

    def come_in(self, name="alice"):
        """Be where a log-in leads, with the cookies that it gives and without its page."""
        answer = Client().post("/login/", {"email": f"{name}@example.com", "password": PASSWORD})
        place = {"domain": "localhost", "sameSite": "Lax", "httpOnly": True}
        cookies = [{"name": key, "value": given.value, "path": given["path"]} for key, given in answer.cookies.items()]
        self.context.add_cookies([cookie | place for cookie in cookies])
        self.page.goto("/products/")
        return self

    def press(self, name):
        self.click(self.page.get_by_role("main").get_by_role("button", name=name, exact=True))

    def follow(self, name):
        self.click(self.page.get_by_role("link", name=name).first)

    def click(self, what):
        """Click, and have all of the page that it leads to: a click itself ends when the first of it arrives."""
        what.click()
        self.page.wait_for_load_state()

    def add(self, name, quantity=1):
        """Put a product into the basket from the page of products."""
        self.page.goto("/products/")
        self.page.get_by_label(f"How many of {name}").fill(str(quantity))
        self.press(f"Add {name} to the basket")
        self.reads(f"In your basket: {name} ({quantity}).")

    def review(self):
        """Go from the basket to its review, and fill in the address."""
        self.page.goto("/basket/")
        self.press("Review the order")
        self.page.get_by_label("Ship to").fill("1 Mosaic Lane")

    def order(self, name, quantity=1):
        """Order a product by way of the basket; the address of the order."""
        self.add(name, quantity)
        self.review()
        self.press("Place the order")
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
    return person().come_in()


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

    alice.follow("Cancel the order…")
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


def mailed_link():
    """The link of the mail that was sent last."""
    JOBS["send mails"][0]()
    return re.search(r"/account/email/verify/\S+", mail.outbox[-1].body)[0]


def test_somebody_new_confirms_the_address_and_what_they_wanted_waits_for_them(person):
    erin = person(viewport=PHONE)
    erin.page.goto("/register/?next=/products/")
    erin.page.get_by_label("Name").fill("Erin")
    erin.page.get_by_label("E-mail address").fill("erin@example.com")
    erin.page.get_by_label("Password").fill("a mosaic of words")
    erin.press("Open an account")
    erin.page.wait_for_url("**/products/")
    erin.page.get_by_label("How many of Assam, second flush").fill("2")
    erin.press("Add Assam, second flush to the basket")
    erin.reads("Confirm your e-mail address first")

    erin.page.goto(mailed_link())
    erin.reads("Is erin@example.com yours")
    erin.press("Confirm")
    erin.press("Send it now")

    erin.reads("In your basket: Assam, second flush (2).")
    erin.review()
    erin.press("Place the order")
    erin.page.wait_for_url("**/orders/*/")
    assert available() == 8
    assert erin.complaints == []


def test_more_than_there_is_can_be_had_as_what_there_is(alice):
    bowl = "Stoneware bowl, speckled, with a long name"
    alice.add(bowl, 5)
    alice.review()
    alice.reads("Only 3 left; you wanted 5.")
    alice.press("Place the order")

    alice.page.wait_for_url("**/orders/*/")
    assert available(bowl) == 0


def test_going_back_from_an_order_finds_an_empty_basket(alice):
    alice.order("Assam, second flush")
    alice.page.go_back()

    alice.reads("Your basket is empty")
    assert Order.objects.count() == 1


def test_a_quantity_is_taken_along_by_the_button_that_one_leaves_its_field_by(alice):
    alice.add("Assam, second flush")
    alice.add("Stoneware bowl, speckled, with a long name")
    alice.page.goto("/basket/")

    alice.page.get_by_label("How many of Assam, second flush").fill("4")
    alice.press("Remove Stoneware bowl, speckled, with a long name")
    sync_api.expect(alice.page.get_by_role("button", name="Remove")).to_have_count(1)
    alice.reads("33.60 EUR")
    alice.page.get_by_label("How many of Assam, second flush").fill("5")
    alice.press("Review the order")

    alice.page.wait_for_url("**/basket/review/*")
    alice.reads("42.00 EUR")


def test_a_quantity_is_kept_by_who_leaves_its_field_by_a_link_which_is_not_in_its_way(alice):
    alice.add("Assam, second flush")
    alice.page.goto("/basket/")

    alice.page.get_by_label("How many of Assam, second flush").fill("4")
    alice.follow("Go on shopping")
    alice.page.wait_for_url("**/products/")

    for _ in range(300):
        if BasketLine.objects.get().quantity == 4:
            break
        alice.page.wait_for_timeout(100)
    assert BasketLine.objects.get().quantity == 4


def test_a_double_click_puts_a_product_into_the_basket_once(alice):
    button = alice.page.get_by_role("button", name="Add Assam, second flush to the basket")

    button.dblclick()
    alice.reads("In your basket: Assam, second flush (1).")
    sync_api.expect(alice.page.locator("form[data-sent]")).to_have_count(0)
    button.click()

    alice.reads("In your basket: Assam, second flush (2).")
    assert BasketLine.objects.get().quantity == 2


def test_several_products_are_one_order_and_nothing_is_lost_when_the_session_ends(alice):
    alice.add("Assam, second flush", 2)
    alice.add("Stoneware bowl, speckled, with a long name")
    sync_api.expect(alice.page.get_by_role("banner").get_by_role("link", name="Basket 2")).to_be_visible()
    alice.review()
    sessions.end(Session.objects.all(), reason="test", by=SYSTEM)
    forget()

    alice.press("Place the order")
    alice.reads("Your session was over, so nothing has happened yet.")
    alice.page.get_by_label("E-mail address").fill("alice@example.com")
    alice.page.get_by_label("Password").fill(PASSWORD)
    alice.press("Log in")
    alice.press("Send it now")

    alice.reads("Thank you for your order.")
    alice.reads("1 Mosaic Lane")
    assert Order.objects.get().lines.count() == 2
    assert alice.complaints == []


def test_a_spent_token_is_renewed_without_anybody_noticing(alice):
    alice.spend_token()

    alice.page.goto("/account/")

    assert alice.page.url.endswith("/account/")
    alice.reads("alice@example.com")
    assert Session.objects.get().generation == 1


def test_an_order_sent_with_a_spent_token_is_placed_once(alice):
    alice.add("Assam, second flush", 3)
    alice.review()
    alice.spend_token()

    alice.press("Place the order")

    alice.reads("25.20 EUR")
    assert Order.objects.count() == 1
    assert available() == 7


def test_bob_does_not_find_alices_order(alice, person):
    address = alice.order("Assam, second flush")
    bob = person().come_in("bob")

    answer = bob.page.goto(address)

    assert answer.status == 404
    bob.reads("There is nothing here")


# Without a mouse, without a script ---------------------------------------------------------------


def test_the_shop_works_without_javascript(person):
    alice = person(java_script_enabled=False).log_in()

    alice.order("Assam, second flush")
    alice.reads("Thank you for your order.")
    alice.follow("Cancel the order…")
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
    alice.tab_to("Add Assam, second flush to the basket")
    keyboard.press("Enter")
    alice.reads("In your basket: Assam, second flush (2).")
    alice.tab_to("Basket 1")
    keyboard.press("Enter")
    alice.page.wait_for_url("**/basket/")
    alice.tab_to("Review the order")
    keyboard.press("Enter")
    alice.page.wait_for_url("**/basket/review/*")
    alice.tab_to("Ship to")
    keyboard.type("1 Mosaic Lane")
    alice.tab_to("Place the order")
    keyboard.press("Enter")
    alice.page.wait_for_url("**/orders/*/")
    alice.tab_to("Cancel the order…")
    keyboard.press("Enter")
    alice.page.wait_for_url("**/cancel/")
    alice.tab_to("Cancel the order")
    keyboard.press("Space")
    alice.reads("The order is cancelled.")
    alice.tab_to("Log out")
    keyboard.press("Enter")

    alice.reads("You are logged out.")


# Every page -------------------------------------------------------------------------------------

LOOKS = pytest.mark.parametrize(
    ("viewport", "scheme"),
    [
        pytest.param(PHONE, "dark", id="phone-dark"),
        pytest.param(PHONE, "light", id="phone-light", marks=pytest.mark.slow),
        pytest.param(DESKTOP, "dark", id="desktop-dark", marks=pytest.mark.slow),
        pytest.param(DESKTOP, "light", id="desktop-light", marks=pytest.mark.slow),
    ],
)
"""The quick suite looks at every page once, where the least room is and the colours are those we see least."""


@LOOKS
def test_every_page_is_accessible_and_fits(person, viewport, scheme):
    alice = person(viewport=viewport, color_scheme=scheme)
    faults = [fault for path in OPEN_PAGES for fault in inspect(alice, path)]
    alice.log_in()
    order = alice.order("Assam, second flush")
    product = alice.page.get_by_role("link", name="Assam").get_attribute("href")
    alice.add("Assam, second flush")
    basket = ["/basket/", "/basket/review/", f"{order}print/", f"{order}cancel/"]

    faults += [fault for path in [*PAGES, order, product, *basket] for fault in inspect(alice, path)]

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


@pytest.mark.parametrize("options", [{}, {"java_script_enabled": False}], ids=["script", "none"])
def test_who_lost_a_form_reads_so_at_the_log_in(person, options):
    erin = person(**options)
    said = erin.page.locator("#lost")

    erin.page.goto("/login/?next=/orders/")
    before = said.is_visible()
    erin.page.goto("/admin/")
    erin.page.goto("/login/?next=/orders/#lost")

    assert (before, said.is_visible()) == (False, True)


@pytest.mark.parametrize("viewport", [PHONE, pytest.param(DESKTOP, marks=pytest.mark.slow)])
def test_a_name_without_a_space_makes_nothing_wider(person, viewport):
    name = "W" * 200
    put_on_shelf(name, "12500.00", 3, "Tea")
    product = Stock.objects.get(product__name=name).product_id
    admin = person(viewport=viewport).come_in("admin")
    order = admin.order(name)
    admin.add(name)

    paths = ["/products/", "/basket/", "/basket/review/", order, f"{order}print/", "/orders/"]
    paths.append(f"/admin/products/product/{product}/change/")
    assert [path for path in paths if admin.page.goto(path) and admin.page.evaluate(SOME_ARE_TOO_WIDE)] == []


SOME_ARE_TOO_WIDE = """() => [document.documentElement, ...document.querySelectorAll('.table-container')].some(
    (part) => part.scrollWidth > part.clientWidth)"""


def test_a_name_without_a_space_hides_no_column_and_no_button_of_the_admin(person):
    put_on_shelf("W" * 200, "12500.00", 3, "V" * 100)
    product = Stock.objects.get(product__name="W" * 200).product_id
    admin = person().come_in("admin")
    person().come_in().order("W" * 200)

    lists = [f"/admin/products/{name}/" for name in ("product", "stock", "movement", "event")]
    assert [path for path in lists if admin.page.goto(path) and admin.page.evaluate(A_COLUMN_IS_HIDDEN)] == []
    admin.page.goto(f"/admin/products/product/{product}/change/")
    assert not admin.page.evaluate(A_HEADING_IS_COVERED)


A_COLUMN_IS_HIDDEN = """() => {
    const shown = document.querySelector('.results');
    return shown.scrollWidth > shown.clientWidth;
}"""
A_HEADING_IS_COVERED = """() => {
    const heading = document.querySelector(':is(#content, .titles) > h2').getBoundingClientRect();
    const tools = document.querySelector('.object-tools').getBoundingClientRect();
    return heading.right > tools.left && heading.bottom > tools.top;
}"""


def test_no_page_weighs_more_than_150_kilobytes_uncompressed(alice):
    alice.add("Assam, second flush")
    for number in range(24):
        put_on_shelf(f"{number:02} is a product with a name of fifty letters or so", "9.50", 3, "Tea")
    network, weights = alice.context.new_cdp_session(alice.page), []
    network.on("Network.loadingFinished", lambda loaded: weights.append(loaded["encodedDataLength"]))
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})

    weight = {}
    for path in ["/", "/products/", "/basket/", "/basket/review/", "/orders/", "/account/"]:
        weights.clear()
        alice.page.goto(path, wait_until="networkidle")
        weight[path] = sum(weights)

    assert min(weight.values()) > 50_000
    assert [path for path in weight if weight[path] > 150_000] == []


def test_a_page_of_errors_is_accessible_too(alice):
    inspected = [inspect(alice, path) for path in ("/products/?price_min=cheap", "/admin/")]

    statuses = [[fault[1] for fault in faults if isinstance(fault[1], int)] for faults in inspected]
    rules = [fault for faults in inspected for fault in faults if len(fault) == 3]
    assert statuses == [[400], [403]]
    assert rules == []


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="desk", marks=pytest.mark.slow),
        pytest.param({"viewport": PHONE, "color_scheme": "dark"}, id="phone at night"),
    ],
)
def test_the_page_of_the_api_logs_in_and_orders(person, options):
    alice = person(**options)
    alice.page.goto("/api/docs/")
    alice.page.locator(".opblock").first.wait_for()
    violations = axe_api.Axe().run(alice.page).response["violations"]
    wide = alice.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")

    alice.page.locator("#log-in [name=email]").fill("alice@example.com")
    alice.page.locator("#log-in [name=password]").fill(PASSWORD)
    alice.page.locator("#log-in button").click()
    alice.reads("Requests are sent as alice@example.com")
    placing = alice.page.locator("#operations-orders-orders_place")
    placing.locator(".opblock-summary-control").click()
    placing.get_by_placeholder("Idempotency-Key").fill("a-key-of-mine")
    product = str(Stock.objects.get(product__sku="ASSAM").product_id)
    placing.locator("textarea").fill(f'{{"lines": [{{"product": "{product}", "quantity": 1}}]}}')
    placing.get_by_role("button", name="Execute").click()
    placing.locator(".live-responses-table .response-col_status", has_text="201").wait_for()

    assert Order.objects.get().status == "placed"
    assert [violation["id"] for violation in violations] == []
    assert not wide
    with alice.page.expect_response("**/api/token/blacklist/"):
        alice.page.locator("#log-out").click()
    alice.page.locator("#log-in").wait_for()
    assert alice.complaints == []
    assert Session.objects.get().end_reason == "log-out"


# Staff ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_admin_works_under_the_strict_policy(person):
    admin = person().come_in("admin")
    admin.page.goto("/admin/")
    links = admin.page.locator("#content a").evaluate_all("links => links.map(link => link.href)")
    addresses = {re.sub("=[^&]*", "=", link): link for link in links}.values()  # One day of the week stands for all.

    statuses = {address: admin.page.goto(address).status for address in addresses}

    assert len(addresses) >= 12
    assert {address: status for address, status in statuses.items() if status != 200} == {}
    assert admin.complaints == []


def test_an_order_manager_sees_what_is_his_alone(person):
    dave = person().come_in("dave")

    dave.page.goto("/admin/")

    headings = dave.page.get_by_role("main").get_by_role("heading", level=2).all_inner_texts()
    assert headings == ["Orders", "Lists of orders"]
    assert dave.page.goto("/admin/accounts/user/").status == 403


def test_dave_ships_in_the_admin(alice, person):
    alice.order("Assam, second flush")
    dave = person().come_in("dave")

    for action, label, said in (("pay", "Payment reference", "Paid: "), ("ship", "Tracking", "Shipped: ")):
        dave.page.goto("/admin/orders/order/")
        dave.page.get_by_role("checkbox").nth(1).check()
        dave.page.locator("select[name=action]").select_option(action)
        dave.click(dave.page.locator("button[name=index]"))
        dave.page.get_by_label(label).fill("R1")
        dave.click(dave.page.locator(".submit-row input"))
        dave.reads(said)

    assert Order.objects.get().status == "shipped"
    assert dave.complaints == []
    assert Stock.objects.get(product__sku="ASSAM").on_hand == 9


@LOOKS
def test_what_staff_begin_on_and_an_order_are_accessible_and_fit(alice, person, viewport, scheme):
    order = alice.order("Assam, second flush").split("/")[-2]
    admin = person(viewport=viewport, color_scheme=scheme).come_in("admin")
    listed = "/admin/orders/order/"
    paths = ["/admin/", "/admin/orders/", listed, f"{listed}{order}/change/", f"{listed}act/pay/?id={order}"]
    paths.append(f"{listed}act/ship/?id={order}")

    assert [fault for path in paths for fault in inspect(admin, path)] == []


def test_the_history_of_an_order_is_its_events(alice, person):
    order = alice.order("Assam, second flush").split("/")[-2]
    dave = person().come_in("dave")

    dave.page.goto(f"/admin/orders/order/{order}/history/")

    rows = dave.page.locator("#change-history tbody tr td:nth-child(2)").all_inner_texts()
    assert rows == ["placed", "pending"]
