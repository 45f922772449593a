"""Tokens verified by libraries of another language, from our addresses alone."""

import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from accounts.factors.two_steps import log_in
from accounts.issuing import keys
from accounts.login.sessions import Origin
from accounts.models import SigningKey
from tests.accounts.conftest import PASSWORD, forget
from tokens import encryption
from tokens.jws import encode_base64url
from wire.events import SYSTEM

INTEROP = Path(__file__).parent.parent / "interop"

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not shutil.which("node"), reason="Node is not installed"),
    pytest.mark.skipif(not (INTEROP / "node_modules/jose").exists(), reason="run `npm ci` in tests/interop"),
]


class Node:
    """A Node process that verifies tokens as `verify.mjs` says."""

    def __init__(self, issuer, audience):
        self.process = subprocess.Popen(
            ["node", "verify.mjs"], cwd=INTEROP, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        keys = [encode_base64url(key) for key in settings.JWT_ENCRYPTION_KEYS]
        self.write({"issuer": issuer, "audience": audience, "key": keys[0] if keys else None})

    def write(self, value):
        self.process.stdin.write(json.dumps(value) + "\n")
        self.process.stdin.flush()

    def verify(self, token):
        self.write({"token": token})
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()


@pytest.fixture
def start_node(live_server, settings):
    """Start a verifier that knows nothing yet but the issuer's address."""
    settings.ISSUER = live_server.url
    forget()
    started = []

    def start_node():
        started.append(Node(live_server.url, "products"))
        return started[-1]

    yield start_node
    for node in started:
        node.end()


def new_token():
    return log_in("alice@example.com", PASSWORD, Origin("api")).access


def believed(alice):
    return {"jose": alice.sub, "oauth4webapi": alice.sub}


def test_node_takes_our_tokens_before_during_and_after_a_rotation(alice, start_node):
    before = new_token()
    assert start_node().verify(before) == believed(alice)

    keys.announce_next(by=SYSTEM)
    node = start_node()  # It fetches the key set once, with the announced key in it.
    assert node.verify(new_token()) == believed(alice)

    SigningKey.objects.filter(state="announced").update(signs_from=timezone.now() - timedelta(seconds=1))
    after = new_token()
    forget()

    assert SigningKey.objects.filter(state="retired").count() == 1
    assert [node.verify(before), node.verify(after)] == [believed(alice), believed(alice)]
    assert start_node().verify(after) == believed(alice)


def test_node_takes_our_tokens_encrypted_with_the_key(alice, settings, start_node):
    settings.JWT_ENCRYPTION_KEYS = [b"e" * 32]
    node = start_node()

    assert node.verify(new_token()) == believed(alice)

    settings.JWT_ENCRYPTION_KEYS = [b"o" * 32]
    assert node.verify(new_token())["jose"] == "refused: ERR_JWE_DECRYPTION_FAILED"


def test_node_refuses_what_we_refuse(alice, start_node):
    forged = encryption.encrypt(encryption.decrypt(new_token())[:-4] + "AAAA")

    answer = start_node().verify(forged)

    assert answer["jose"] == "refused: ERR_JWS_SIGNATURE_VERIFICATION_FAILED"
    assert answer["oauth4webapi"].startswith("refused: ")
