"""Debian's Apache with mod_auth_openidc: people log in to it, and it takes our access tokens."""

import os
import shutil
import ssl
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from accounts.factors.two_steps import log_in
from accounts.login.sessions import Origin
from tests.accounts.conftest import PASSWORD
from tests.accounts.interop.programs import block, changed, needs, register, serving_files
from tests.accounts.interop.visitor import Visitor
from tests.journeys.split.shapes import answers, await_true, free_port, running

MODULES = Path("/usr/lib/apache2/modules")
APACHE = shutil.which("apache2", path=f"{os.environ['PATH']}:/usr/sbin")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(bool(os.environ.get("JWT_ENCRYPTION_KEY")), reason="Apache is given no key"),
    pytest.mark.skipif(
        not APACHE or not (MODULES / "mod_auth_openidc.so").exists(),
        reason="Apache with mod_auth_openidc is not installed",
    ),
]

LOADED = ["mpm_event", "authn_core", "authz_core", "authz_user", "headers", "status", "auth_openidc"]
SERVER = """
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog {folder}/error.log
Mutex sem default
{user}
{modules}
{said}
<LocationMatch "^/(members|reviews)">
    SetHandler server-status
    Header set X-Sub expr=%{{REMOTE_USER}}
    Header set X-Name expr=%{{reqenv:OIDC_CLAIM_name}}
</LocationMatch>
"""


@contextmanager
def apache(folder, port, said):
    """Apache with what a page says; it may not stay root."""
    modules = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in LOADED)
    user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
    configuration = folder / "apache.conf"
    configuration.write_text(SERVER.format(port=port, folder=folder, user=user, modules=modules, said=said))
    with running([APACHE, "-X", "-f", str(configuration)], folder / "log"):
        await_true(lambda: answers(f"http://127.0.0.1:{port}/"), "Apache answers")
        yield f"http://127.0.0.1:{port}"


def test_people_log_in_to_pages_behind_apache(shop, alice, tmp_path):
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    secret = register("shelf", origin, back="/back")
    said = block("sign-in.md", "Apache: mod_auth_openidc", "apache")
    said = (
        said.replace("https://shop.example", shop)
        .replace("https://shelf.example", origin)
        .replace("the secret", secret)
    )

    with apache(tmp_path, port, said):
        page = Visitor().follow(f"{origin}/members")

    assert (page.status_code, page.url) == (200, f"{origin}/members"), page.text
    assert (page.headers["X-Sub"], page.headers["X-Name"]) == (alice.sub, "Alice")


@contextmanager
def keys_by_tls(shop, folder):
    """Our key set where Apache fetches it: it takes keys by TLS alone."""
    (folder / "public/.well-known").mkdir(parents=True)
    found = requests.get(f"{shop}/.well-known/jwks.json", timeout=20)
    (folder / "public/.well-known/jwks.json").write_bytes(found.content)
    made = ["-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "certificate.pem", "-subj", "/CN=127.0.0.1"]
    subprocess.run(["openssl", "req", "-x509", *made], cwd=folder, check=True, capture_output=True, timeout=60)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    with serving_files(folder / "public", tls) as origin:
        yield origin


@needs(program="openssl")
def test_apache_takes_our_access_tokens(shop, alice, tmp_path):
    said = block("verify-elsewhere.md", "Apache: mod_auth_openidc", "apache")
    good = log_in("alice@example.com", PASSWORD, Origin("api")).access
    tokens = {
        "good": good,
        "forged": good[:-4] + "AAAA",
        "expired": changed(good, iat=1, exp=2),
        "another's": changed(good, iss="https://other.example"),
        "elsewhere": changed(good, aud=["orders"]),
        "lacking": changed(good, scope="products:readers orders:read"),
        "no access token": changed(good, token_type="id"),
        "none": "",
    }

    with keys_by_tls(shop, tmp_path) as keys:
        said = said.replace("https://shop.example/.well-known", f"{keys}/.well-known").replace(
            "https://shop.example", shop
        )
        with apache(tmp_path, free_port(), f"OIDCOAuthSSLValidateServer Off\n{said}") as origin:
            found = {name: ask(origin, token) for name, token in tokens.items()}

    assert found["good"].status_code == 200, (tmp_path / "error.log").read_text()
    assert found["good"].headers["X-Sub"] == alice.sub
    refused = {name: answer.status_code for name, answer in found.items() if name != "good"}
    assert set(refused.values()) <= {401, 403}, refused


def ask(origin, token):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(f"{origin}/reviews", headers=headers, timeout=20)
