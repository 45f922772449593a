"""Staff sign in once and work in the admin of every service, until their session ends."""

import html
import re
import uuid
from contextlib import nullcontext

import pytest

from tests.journeys.split.shapes import OWN_PASSWORD, await_true, working
from wire.demo import product_id

pytestmark = pytest.mark.slow

DESK = str(product_id("DES-006"))
SECTIONS = ["/admin/", "/admin/accounts/user/", "/admin/orders/order/", "/admin/products/product/"]
WITHIN = 10.0
"""Seconds in which every service must know that a session has ended."""


def statuses(browser, paths=SECTIONS):
    """How each path answers, redirects not followed."""
    return [browser.get(path, allow_redirects=False).status_code for path in paths]


def test_an_admin_signs_in_once_for_every_section(shape):
    admin = shape.browse("admin")

    index = admin.get("/admin/")

    assert statuses(admin) == [200, 200, 200, 200]
    linked = set(re.findall(r'href="(/admin/\w+/\w+/)"', index.text))
    assert {"/admin/accounts/user/", "/admin/orders/order/", "/admin/products/product/"} <= linked
    assert statuses(admin, sorted(linked)) == [200] * len(linked)


def test_each_sees_the_sections_of_their_scopes_alone(shape):
    seen = {name: statuses(shape.browse(name)) for name in ("alice", "carol", "dave")}

    assert seen == {"alice": [403, 403, 403, 403], "carol": [200, 403, 403, 200], "dave": [200, 403, 200, 403]}


def test_carol_edits_a_product_and_its_history_says_so(shape):
    carol = shape.browse("carol")
    path = f"/admin/products/product/{DESK}/change/"
    fields = form_of(carol.get(path).text) | {"description": f"Balanced arm. {uuid.uuid4().hex}"}

    answer = carol.send(path, **fields)

    assert answer.url == f"{shape.url}/admin/products/product/", answer.text
    assert shape.customer("alice").get(f"/api/products/{DESK}/").json()["description"] == fields["description"]
    assert "changed" in carol.get(f"/admin/products/product/{DESK}/history/").text


def test_dave_ships_an_order_with_its_tracking(shape):
    alice, dave = shape.customer("alice"), shape.browse("dave")
    order = alice.order({DESK: 1}, str(uuid.uuid4())).json()["id"]
    confirm = "/admin/orders/order/act/{}/?id=" + order

    paid = dave.send(confirm.format("pay"), **{f"{order}-reference": "BANK-7"})
    shipped = dave.send(confirm.format("ship"), **{f"{order}-tracking": "T-7", "all-note": "Enjoy."})

    assert (paid.status_code, shipped.status_code) == (200, 200)
    told = alice.get(f"/api/orders/{order}/").json()
    assert [told[name] for name in ("status", "tracking", "note")] == ["shipped", "T-7", "Enjoy."]


def test_logging_out_of_the_admin_ends_the_session_everywhere(shape):
    carol = shape.browse("carol")

    carol.send("/admin/logout/", page="/admin/")

    assert statuses(carol) == [302, 302, 302, 302]


def test_who_asks_for_the_admins_log_in_comes_back_to_where_they_were_going(shape):
    answer = shape.ask("GET", "/admin/login/?next=/admin/orders/order/")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/login/?next=/admin/orders/order/")


def register(shape, name):
    """Somebody new; their id."""
    name = f"{name}-{uuid.uuid4().hex[:8]}"
    body = {"email": f"{name}@example.com", "password": OWN_PASSWORD, "name": name}
    assert shape.ask("POST", "/api/accounts/register/", json=body).status_code == 201
    return name, shape.log_in(name)


def test_the_admin_ends_a_session_and_its_next_click_is_refused(shape, record_property):
    name, token = register(shape, "alice")
    browser, admin = shape.browse(name), shape.browse("admin")
    pages, apis = ["/products/", "/orders/", "/account/"], ["/api/products/", "/api/orders/", "/api/accounts/me/"]
    assert statuses(browser, pages) == [200, 200, 200]
    assert [token.get(path).status_code for path in apis] == [200, 200, 200]

    ended = admin.send("/admin/accounts/user/", action="end_sessions", _selected_action=token.sub, index="0")
    assert "2 sessions ended" in ended.text
    seconds = await_true(lambda: gone(browser, pages, token, apis), f"{name} is refused everywhere", WITHIN)

    record_property(f"seconds until refused everywhere, {shape.name}", round(seconds, 1))


def gone(browser, pages, token, apis):
    """Whether every page wants a new log-in, and every API says 401."""
    return all(browser.get(path).url.startswith(f"{browser.shape.url}/login/") for path in pages) and all(
        token.get(path).status_code == 401 for path in apis
    )


def test_the_admins_door_is_shut_to_who_lost_the_role(shape, record_property):
    name, token = register(shape, "frank")
    admin, path = shape.browse("admin"), f"/admin/accounts/user/{token.sub}/change/"
    roles = {role: number for number, role in ROLE.findall(admin.get(path).text)}
    give(admin, path, roles["customer"], roles["order manager"])
    frank = shape.browse(name)
    assert statuses(frank) == [200, 403, 200, 403]

    give(admin, path, roles["customer"])
    seconds = await_true(lambda: statuses(frank)[2] != 200, "the door to orders is shut", WITHIN)

    record_property(f"seconds until the admin's door was shut, {shape.name}", round(seconds, 1))


ROLE = re.compile(r'name="roles" value="(\d+)"[^>]*>\s*([a-z ]*[a-z])')


def give(admin, path, *roles):
    admin.send(path, **(form_of(admin.get(path).text) | {"roles": list(roles)}))


def form_of(page):
    """What a change form of the admin holds, as a browser would send it back."""
    texts = dict(re.findall(r'<input type="(?:text|email|number|hidden)" name="([\w-]+)" value="([^"]*)"', page))
    areas = dict(re.findall(r'<textarea name="(\w+)"[^>]*>\s*([^<]*)</textarea>', page))
    chosen = dict(re.findall(r'<select name="(\w+)".*?<option value="([^"]*)" selected', page, re.DOTALL))
    ticked = dict.fromkeys(re.findall(r'<input type="checkbox" name="(\w+)"[^>]* checked', page), "on")
    return {name: html.unescape(value) for name, value in (texts | areas | chosen | ticked).items()}


def send_file(browser, rows):
    """Send a catalogue of so many rows as a browser does, and follow where it leads."""
    address, name = "/admin/products/product/import/", uuid.uuid4().hex[:8]
    content = "sku,name,price\n" + "".join(f"{name}-{number},{'Thing ' * 15},1.50\n" for number in range(rows))
    fields = {"on_existing": "keep", "csrfmiddlewaretoken": browser.session.cookies["csrftoken"]}
    headers = {"Origin": browser.shape.url, "Referer": f"{browser.shape.url}{address}"}
    return browser.session.post(
        f"{browser.shape.url}{address}", fields, files={"file": ("goods.csv", content)}, headers=headers, timeout=60
    )


@pytest.fixture
def worker(shape, tmp_path):
    """Somebody who does what requests to products leave."""
    with working(shape.environments["products"], tmp_path / "work.log") if shape.name == "split" else nullcontext():
        yield


@pytest.mark.parametrize("rows", [10, 20_000])
def test_carol_imports_a_file(shape, worker, rows):
    carol = shape.browse("carol")

    page = send_file(carol, rows).url.removeprefix(shape.url)
    await_true(lambda: f"{rows:,} created" in carol.get(page).text, "the file is checked", 60)
    carol.send(page)

    await_true(lambda: "This file was written." in carol.get(page).text, "the file is written", 120)


@pytest.mark.parametrize(
    ("name", "rows", "status"), [("carol", 150_000, 413), ("dave", 5_000, 403), ("alice", 5_000, 413)]
)
def test_other_files_are_answered(shape, name, rows, status):
    assert send_file(shape.browse(name), rows).status_code == status
