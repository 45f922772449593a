"""The same attacks against products as it runs in production: granian, keys and lists fetched over HTTP."""

import http.client
import os
import subprocess
import sys
import time

import pytest
from django.conf import settings

from tests.issuer import said_in, sign, sign_list
from tests.journeys.processes import free_port
from tests.tokens.attacks import ASYMMETRIC, EITHER_WAY, present
from tests.tokens.http_server import Server
from tests.tokens.scripted_issuer import page, serve
from tokens import encryption

pytest.importorskip("granian", reason="needs granian, of requirements/prod.txt")

PATIENCE = 30
"""Seconds that a busy machine may take to start a process."""
TARGET = "/api/products/"


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    """Products in a process of its own, whose issuer is ours."""
    port, directory = free_port(), tmp_path_factory.mktemp("products")
    with serve() as issuer, (directory / "log").open("wb") as log:
        issuer.lists = lambda: page(sign_list(by="ES256").encode())
        environment = os.environ | {
            "SERVICES": "products",
            "DATABASE_URL": f"sqlite:///{directory / 'products.sqlite3'}",
            "ISSUER": settings.ISSUER,
            "ACCOUNTS_URL": issuer.url,
            "LOG_LEVEL": "ERROR",
            "JWT_ALGORITHM": "ES256",
            "JWT_SIGNING_KEY": "",
        }
        command = [sys.executable, "-m", "config.server", "--port", str(port)]
        process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stdout=log, stderr=log)
        try:
            yield await_ready(Server(port))
        finally:
            process.terminate()
            process.wait(10)
    assert b"Traceback" not in (directory / "log").read_bytes()


def await_ready(server):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if server.ask("/readyz").status == 200:
                return server
        except OSError:
            pass
        time.sleep(0.1)
    return pytest.fail("products is not ready")


def test_a_good_token_gets_past_the_door(products):
    assert products.bear(TARGET, sign(), method="PUT", body=b"{}").status == 405


def test_every_attack_is_refused(products, ear):
    unlike = {}
    for attack in EITHER_WAY + ASYMMETRIC:
        answer = products.bear(TARGET, present(attack.forge(ear.port)))
        told = answer.status, said_in(answer.headers["WWW-Authenticate"])
        if told != (401, f'Bearer error="invalid_token", error_description="{attack.detail}"'):
            unlike[attack.name] = told

    # granian drops a header that is not ASCII before anybody reads it; inside a shell there is none.
    assert unlike == ({} if encryption.is_enabled() else {"shape: characters of Latin-1": (401, "Bearer")})
    assert ear.heard == 0


@pytest.mark.parametrize("size", [60_000, 120_000])
def test_a_token_of_many_kilobytes_is_refused_in_no_time(products, size):
    started = time.monotonic()

    answer = products.bear(TARGET, "a" * size)

    assert (answer.status, answer.problem["detail"]) == (401, "The token is too long.")
    assert time.monotonic() - started < 5


def test_headers_beyond_the_bound_are_refused_before_a_thread_is_spent(products):
    assert products.bear(TARGET, "a" * 300_000).status == 431


def test_a_hundred_thousand_dots_are_refused_in_no_time(products):
    started = time.monotonic()

    answer = products.bear(TARGET, "." * 100_000)

    assert (answer.status, answer.problem["detail"]) == (401, "The token is too long.")
    assert time.monotonic() - started < 5


def test_headers_of_a_megabyte_are_the_servers_to_refuse(products):
    try:
        status = products.bear(TARGET, "a" * 1_000_000).status
    except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
        status = 431  # It hung up while we were still sending.

    assert status in (400, 431)
    assert products.ask("/healthz").status == 200


def test_two_authorization_headers_contradict_each_other(products):
    token = ("Authorization", f"Bearer {sign()}")

    answer = products.ask(TARGET, token, token)

    assert (answer.status, answer.problem["code"]) == (400, "invalid-request")
