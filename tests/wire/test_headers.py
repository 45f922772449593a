"""Whatever answers, browsers are told to trust nothing but this origin."""

import pytest

pytestmark = [pytest.mark.urls("tests.wire.urls"), pytest.mark.django_db]

POLICY = {
    "base-uri 'none'",
    "connect-src 'self'",
    "default-src 'none'",
    "font-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "img-src 'self' data:",
    "object-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
}
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
ADDRESSES = ["/greet/", "/api/echo/", "/api/nowhere/", "/api/schema/", "/api/docs/", "/admin/", "/healthz", "/nowhere/"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_answer_carries_the_headers(admin, address):
    browser = admin.browser

    response = browser.get(address)

    assert {name: response[name] for name in HEADERS} == HEADERS
    assert set(response["Content-Security-Policy"].split("; ")) == POLICY


@pytest.mark.parametrize("address", ADDRESSES)
def test_text_says_how_it_is_encoded(admin, address):
    content_type = admin.browser.get(address)["Content-Type"]

    assert content_type.endswith(("; charset=utf-8", "json"))


def test_docs_load_nothing_from_elsewhere(client):
    page = client.get("/api/docs/").content.decode()

    assert "/static/tessera/api_docs.js" in page
    assert "http://" not in page.replace("http://testserver", "")
    assert "https://" not in page


def test_docs_run_no_inline_script(client):
    page = client.get("/api/docs/").content.decode()

    assert "<script>" not in page
    assert "<style>" not in page


@pytest.mark.parametrize("address", ["/api/echo/", "/greet/"])
def test_what_is_somebodys_is_stored_nowhere(alice, address):
    browser = alice if address.startswith("/api/") else alice.browser

    assert browser.get(address)["Cache-Control"] == "private, no-store"


def test_another_origin_may_call_where_settings_say_so(alice, settings):
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]

    allowed = alice.get("/api/echo/", HTTP_ORIGIN="https://app.example")
    refused = alice.get("/api/echo/", HTTP_ORIGIN="https://evil.example")

    assert allowed["Access-Control-Allow-Origin"] == "https://app.example"
    assert "Access-Control-Allow-Credentials" not in allowed
    assert "Access-Control-Allow-Origin" not in refused


def test_a_cache_keeps_apart_what_each_origin_is_answered(alice, settings):
    """Also what came from no other origin: that answer has no header that lets one read it."""
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]

    assert "origin" in alice.get("/api/echo/")["Vary"]
    assert "origin" in alice.get("/api/echo/", HTTP_ORIGIN="https://app.example")["Vary"]
    assert "origin" not in alice.browser.get("/greet/").get("Vary", "")
