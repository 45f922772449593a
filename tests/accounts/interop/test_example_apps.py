"""The apps of docs/sign-in.md, run from the text that stands there."""

import os
import shlex
import sys

import pytest
import requests
from django.core.management import call_command

from accounts.factors.two_steps import log_in
from accounts.login.sessions import Origin
from accounts.models import Client
from accounts.oauth import clients
from tests.accounts.conftest import PASSWORD
from tests.accounts.interop.programs import (
    INTEROP,
    block,
    end_app,
    log_in_and_allow,
    needs,
    register,
    run,
    serving_files,
    visiting,
)
from tests.accounts.interop.visitor import Visitor
from tests.journeys.split.shapes import answers, await_true, free_port, running

PAGE = "sign-in.md"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(bool(os.environ.get("JWT_ENCRYPTION_KEY")), reason="what apps are given is not encrypted here"),
]


def check_web_app(origin, client_id):
    """Somebody logs in at a web app, sees the orders, and is asked again once the app was ended."""
    alice = Visitor()
    page = alice.follow(f"{origin}/")
    assert (page.status_code, page.json()["person"], len(page.json()["orders"])) == (200, "Alice", 1), page.text
    assert alice.get(f"{origin}/").status_code == 200

    end_app(client_id)

    assert alice.get(f"{origin}/").headers["Location"] == "/log-in"
    stranger = requests.get(f"{origin}/back?code=stolen&state=guessed", timeout=20)
    assert stranger.status_code == 403, stranger.text


@needs(module="authlib")
@needs(module="uvicorn")
def test_a_web_app_in_python(shop, tmp_path):
    (tmp_path / "app.py").write_text(block(PAGE, "A web app in Python: FastAPI and Authlib", "python"))
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    secret = register("shelf", origin, back="/back")
    own = {"ISSUER": shop, "CLIENT_ID": "shelf", "CLIENT_SECRET": secret, "SESSION_KEY": "the app's own"}
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port), "--app-dir", str(tmp_path)]

    with running(command, tmp_path / "log", own):
        await_true(lambda: answers(f"{origin}/docs"), "the app answers")
        check_web_app(origin, "shelf")


@needs(program="node")
@needs(package="openid-client")
def test_a_web_app_in_node(shop, tmp_path):
    program = block(PAGE, "A web app in Node: openid-client", "js")
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    secret = register("shelf", origin, back="/back")
    own = {"ISSUER": shop, "CLIENT_ID": "shelf", "CLIENT_SECRET": secret, "ORIGIN": origin, "PORT": str(port)}
    command = ["node", "--input-type=module", "-e", program]

    with running(command, tmp_path / "log", own, root=INTEROP):
        await_true(lambda: answers(f"{origin}/nothing"), "the app answers")
        check_web_app(origin, "shelf")


@pytest.mark.browser
def test_a_page_without_a_framework(shop, chromium, tmp_path, settings):
    heading = "A page without a framework"
    script = block(PAGE, heading, "js")
    assert '"https://shop.example"' in script
    (tmp_path / "index.html").write_text(block(PAGE, heading, "html"))
    (tmp_path / "favicon.ico").touch()
    (tmp_path / "app.js").write_text(script.replace("https://shop.example", shop))

    with serving_files(tmp_path) as origin, visiting(chromium) as page:
        settings.CORS_ALLOWED_ORIGINS = [origin]
        register("my-orders", origin, is_public=True)
        page.goto(f"{origin}/")
        page.click("#log-in")
        log_in_and_allow(page)
        page.wait_for_url(f"{origin}/")

        page.wait_for_function("document.getElementById('who').textContent.includes('Alice')")
        assert page.text_content("#who") == "You are Alice, with 1 orders."
        assert page.locator("#orders li").count() == 1

        page.click("#log-out")
        page.wait_for_function("document.getElementById('who').textContent === 'You are not logged in.'")
        page.wait_for_url(f"{origin}/")
        page.goto(f"{shop}/account/")
        assert page.url.startswith(f"{shop}/login/")
        assert page.complaints == []


FOURTH = """
import json, sys
issuer, client_secret, token = sys.argv[1:]
{block}
print(json.dumps(list_orders(token)))
"""


def run_commands(heading, capsys):
    """Run the commands under a heading; what they say, by line."""
    lines = block(PAGE, heading, "sh").replace("\\\n", " ").splitlines()
    for words in map(shlex.split, lines):
        assert words[:2] == [".venv/bin/python", "manage.py"]
        call_command(*words[2:])
    return capsys.readouterr().out.splitlines()


def test_apps_are_registered_as_the_page_says(capsys):
    told, secret = run_commands("Register the app", capsys)

    assert told == "my-orders is registered; it is public, and has no secret."
    assert clients.authenticate("shelf", secret).app_scopes == ["orders:read"]
    assert Client.objects.get(pk="my-orders").is_public


def test_a_fourth_service_that_calls_orders_for_the_person(shop, alice, capsys):
    heading = "Call another service in the person's name"
    program = FOURTH.format(block=block(PAGE, heading, "python"))
    (secret,) = run_commands(heading, capsys)
    token = log_in("alice@example.com", PASSWORD, Origin("api")).access

    orders = run([sys.executable, "-c", program, shop, secret, token])

    assert [order["status"] for order in orders] == ["placed"]
