"""Whatever goes wrong, a person is told in words, on a page that asks nobody anything."""

from io import BytesIO

import pytest
from django.conf import settings
from django.test import Client, RequestFactory

from tokens.issuer import get_issuer
from wire.error_pages import answer_page, error_handler

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
