"""A shop that foreign programs are let loose on, over HTTP, and a browser."""

import shutil

import pytest
from django.db import connections

from tests.accounts.conftest import forget
from tests.accounts.interop.programs import place_order

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def shop(issuer, live_server, settings, alice):
    """The whole shop, served over plain HTTP as in development, with an order of alice's."""
    settings.ISSUER, settings.DEBUG = live_server.url, True
    forget()
    place_order(live_server.url)
    return live_server.url


@pytest.fixture(scope="module")
def chromium():
    """A browser; while it runs, its event loop stands in this thread, which Django must overlook."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("Chromium is not installed")
    with pytest.MonkeyPatch.context() as patch, sync_api.sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()
        # Beside a running event loop this thread has connections of its own.
        connections.close_all()
