"""Whatever goes wrong, a person is told in words, on a page that asks nobody anything."""

import re
from io import BytesIO

import pytest
from django.conf import settings
from django.test import Client, RequestFactory

from tokens.issuer import get_issuer
from wire.error_pages import TEXTS, answer_page, error_handler

FORM = "application/x-www-form-urlencoded"
PAGES = {service: f"/{service}/" for service in settings.SERVICES} | {"accounts": "/account/"}


def text(page):
    return page.content.decode()


@pytest.fixture
def no_issuer(settings):
    """Nobody answers at the issuer's address, and nothing was ever heard of it."""
    settings.TOKEN_ISSUER = "tokens.issuer.RemoteIssuer"
    settings.ACCOUNTS_URL = "http://127.0.0.1:9"
    get_issuer.cache_clear()


def test_an_address_that_is_not_there_is_a_page(client):
    page = client.get("/nowhere/")

    assert page.status_code == 404
    assert page["Content-Type"] == "text/html; charset=utf-8"
    assert page["Cache-Control"] == "private, no-store"
    assert "There is nothing here" in text(page)


def test_a_page_of_an_error_keeps_the_menu_of_who_is_there(alice, client):
    assert "Log out" in text(alice.browser.get("/nowhere/"))
    assert "Log in" in text(client.get("/nowhere/"))


@pytest.mark.parametrize(
    ("cookies", "words"), [(["a" * 32], "This form is out of date"), ([], "Your browser sent no cookie")]
)
def test_a_form_that_stood_open_too_long_or_has_no_cookie_says_so_and_leads_back(alice, settings, cookies, words):
    browser = Client(enforce_csrf_checks=True)
    browser.cookies = alice.browser.cookies
    for cookie in cookies:
        browser.cookies[settings.CSRF_COOKIE_NAME] = cookie
    page = next(iter(PAGES.values()))

    answer = browser.post(page, {"csrfmiddlewaretoken": "b" * 32}, headers={"Referer": f"http://testserver{page}?q=1"})

    assert answer.status_code == 403
    assert words in text(answer)
    assert f'<a href="{page}" class="button">Open it again</a>' in text(answer)


@pytest.mark.parametrize("referer", ["http://[", "//]", "https://a]b/", "http://[::1", "http://localhost:port/"])
def test_a_form_is_refused_in_words_whatever_its_referer_is(referer):
    page = next(iter(PAGES.values()))

    answer = Client(enforce_csrf_checks=True).post(page, {"a": "b"}, headers={"Referer": referer})

    assert answer.status_code == 403
    assert "Your browser sent no cookie" in text(answer)


@pytest.mark.parametrize("query", ["&" * 250, "&".join(f"a{number}=1" for number in range(251))])
@pytest.mark.parametrize("path", ["/", "/nowhere/", "/api/nothing/", "/.well-known/nothing", *PAGES.values()])
def test_more_parameters_than_are_read_are_refused_in_words(client, path, query):
    answer = client.get(f"{path}?{query}")

    assert answer.status_code == 413
    assert ("larger than the shop accepts" in text(answer)) != path.startswith("/api/")


@pytest.mark.parametrize("status", TEXTS)
def test_no_page_of_an_error_asks_for_the_parameters_that_may_be_the_error(status):
    request = RequestFactory().get(f"/orders/?{'&' * 1000}")

    assert error_handler(status)(request).status_code == status


def test_the_icon_is_where_browsers_look_for_it(client):
    answer = client.get("/favicon.ico")

    assert answer.status_code == 302
    assert answer["Location"].endswith(".svg")


def test_a_page_of_an_error_names_its_request(client):
    page = client.get("/nowhere/")

    assert f"<code>{page['X-Request-ID']}</code>" in text(page)


@pytest.mark.parametrize("service", settings.SERVICES)
def test_without_an_issuer_a_page_says_when_to_come_back(alice, no_issuer, service):
    page = alice.browser.get(PAGES[service])

    assert (page.status_code, page["Retry-After"]) == (503, "5")
    assert "Not right now" in text(page)


def test_without_an_issuer_what_is_not_there_is_still_not_found(alice, no_issuer):
    assert alice.browser.get("/nowhere/").status_code == 404


def test_a_fault_of_ours_is_a_page_too():
    request = RequestFactory().get("/orders/")

    page = error_handler(500)(request)

    assert page.status_code == 500
    assert "It is our fault" in text(page)


def test_every_page_carries_the_strict_policy(client):
    policy = client.get("/nowhere/")["Content-Security-Policy"]

    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "a detail"),
        (409, "Something has changed since the page was loaded."),
        (412, "Somebody changed it since the page was loaded."),
        (422, "a detail"),
        (429, "Wait a moment"),
    ],
)
def test_what_is_not_our_fault_is_not_called_so(status, words):
    problem = {"status": status, "title": "A title", "detail": "a detail"}

    page = answer_page(RequestFactory().get("/orders/"), problem, {"Retry-After": "7"})

    assert (page.status_code, page["Retry-After"]) == (status, "7")
    assert words in text(page)
    assert "our fault" not in text(page)


@pytest.mark.parametrize(("address", "has"), [("/login/", True), ("/api/products/", False)])
def test_what_pages_need_is_not_made_for_the_api(client, address, has):
    request = client.get(address).wsgi_request

    assert [hasattr(request, "session"), hasattr(request, "_messages")] == [has, has]


@pytest.fixture
def no_disk(settings):
    """Whoever writes an upload to disk fails."""
    settings.FILE_UPLOAD_TEMP_DIR = "/nowhere"
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 0


@pytest.mark.parametrize("path", PAGES.values())
def test_a_form_of_sixty_megabytes_is_refused_unread(client, no_disk, path):
    page = client.post(path, {"file": BytesIO(b"x")}, CONTENT_LENGTH="60000000")

    assert page.status_code == 413
    assert "The form is too large" in text(page)


@pytest.mark.parametrize("path", PAGES.values())
def test_no_page_takes_a_file(no_disk, path):
    browser = Client(enforce_csrf_checks=True)
    browser.cookies[settings.CSRF_COOKIE_NAME] = "a" * 32

    page = browser.post(path, {"name": "x", "file": BytesIO(b"x" * 60_000)})

    assert page.status_code == 400
    assert "That request could not be read" in text(page)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", [*PAGES.values(), "/admin/"])
def test_what_no_page_takes_is_not_taken_for_an_old_form_or_a_question(admin, method, path):
    page = admin.browser.generic(method, path)

    assert (page.status_code, page["Allow"]) == (405, "GET, HEAD, POST")
    assert "This page does not accept that kind of request" in text(page)


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("path", [*PAGES.values(), "/admin/"])
@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        ("a=b", f"{FORM}; charset=utf-7", 400),
        ("a=b", f"{FORM}; charset=utf-16", 400),
        ("a=b&" * 300, FORM, 413),
        ("x", "multipart/form-data", 400),
    ],
)
def test_a_form_that_cannot_be_read_is_a_page_in_development_too(settings, debug, path, body, media_type, status):
    settings.DEBUG = debug

    page = Client(enforce_csrf_checks=True).generic("POST", path, body, media_type)

    assert page.status_code == status
    assert "Traceback" not in text(page)


def test_names_that_people_chose_are_set_apart_from_the_direction_of_what_stands_beside_them():
    pages = [path for path in (settings.BASE_DIR / "templates").rglob("*.html") if "admin" not in path.parts]
    shown = {path.name: ATTRIBUTES.sub("", path.read_text()) for path in pages}
    names = {page: NAMES.findall(written) for page, written in shown.items()}

    assert sum(len(before) for before in names.values()) > 8
    assert [page for page, before in names.items() if not all(one.endswith("<bdi>") for one in before)] == []


ATTRIBUTES = re.compile(r'="[^"]*"|{% block title %}.*')
NAMES = re.compile(r"(\S*){{ (?:product|line|order\.customer|consent\.client)\.name\b")
