"""Libraries that others wrote let somebody log in with us, from the address of the issuer alone."""

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import ECKey

from tests.accounts.conftest import forget
from tests.accounts.interop.programs import (
    INTEROP,
    log_in_and_allow,
    needs,
    register,
    serving_files,
    visiting,
)
from tests.accounts.interop.visitor import Visitor
from tests.journeys.split.shapes import await_true, free_port, running

SCRIPTS = INTEROP / "sign_in"
BACK = "http://127.0.0.1:4321/back"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(bool(os.environ.get("JWT_ENCRYPTION_KEY")), reason="what apps are given is not encrypted here"),
]


class Script:
    """A script that sends somebody here, reads where they came back, and says what came of it."""

    def __init__(self, command, **asked):
        self.process = subprocess.Popen(
            [*command, json.dumps(asked)], cwd=INTEROP, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def read(self):
        return self.process.stdout.readline().strip()

    def send(self, line):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=20)
        self.process.stdout.close()


@contextmanager
def script(command, **asked):
    started = Script(command, **asked)
    try:
        yield started
    finally:
        started.end()


def node(name):
    return ["node", str(SCRIPTS / name)]


def sign_in(shop, command, visitor, **asked):
    """What a script says after somebody went wherever it sent them."""
    with script(command, issuer=shop, client_id="app", redirect_uri=BACK, **asked) as started:
        said = started.read()
        while not said.startswith("{"):
            started.send(visitor.follow(said, until=BACK))
            said = started.read()
        return json.loads(said)


@needs(program="node")
@needs(package="openid-client")
@pytest.mark.parametrize("is_public", [True, False])
def test_openid_client(shop, alice, is_public):
    secret = register("app", BACK, back="", logout_uris=BACK, is_public=is_public)
    asked = {} if is_public else {"client_secret": secret}

    said = sign_in(shop, node("openid_client.mjs"), Visitor(), scope="openid profile email offline_access", **asked)

    person = {"sub": alice.sub, "name": "Alice", "email": "alice@example.com", "email_verified": True}
    assert (said["person"], said["isSame"], said["isRotated"]) == (person, True, True)
    assert (said["loggedOut"], said["replayed"]) == (BACK, "invalid_grant")
    forget()
    userinfo = {"headers": {"Authorization": f"Bearer {said['access']}"}, "timeout": 20}
    assert requests.get(f"{shop}/oauth/userinfo", **userinfo).status_code == 401


def key_pair():
    """A key of a client in PEM, and its public half as a JWK."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = ECKey.import_key(key.public_key()).as_dict(private=False, kid="first", alg="ES256", use="sig")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), public


@needs(program="node")
@needs(package="oauth4webapi")
@pytest.mark.parametrize("by_key", [True, False], ids=["private_key_jwt", "client_secret_post"])
def test_oauth4webapi(shop, alice, by_key):
    pem, public = key_pair()
    secret = register("app", BACK, back="", audience=["orders"], jwks={"keys": [public]} if by_key else None)
    asked = {"private_key": pem} if by_key else {"client_secret": secret}

    said = sign_in(
        shop, node("oauth4webapi.mjs"), Visitor(), scope="openid profile orders:read offline_access", **asked
    )

    assert said == {
        "person": {"sub": alice.sub, "name": "Alice"},
        "before": {"active": True, "scope": "offline_access openid orders:read profile", "sub": alice.sub},
        "after": {"active": False},
    }


@needs(program="node")
@needs(package="@auth/core")
def test_auth_core(shop, alice):
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    secret = register("app", origin, back="/auth/callback/tessera")
    asked = {"issuer": shop, "client_id": "app", "client_secret": secret, "origin": origin, "port": port}
    visitor = Visitor()

    with script(node("auth_core.mjs"), **asked) as started:
        assert started.read() == "ready"
        token = visitor.get(f"{origin}/auth/csrf").json()["csrfToken"]
        form = {"csrfToken": token, "callbackUrl": f"{origin}/auth/session"}
        begun = visitor.session.post(
            f"{origin}/auth/signin/tessera", form, headers={"Origin": origin}, allow_redirects=False, timeout=20
        )
        page = visitor.follow(begun.headers["Location"])

    assert page.json()["user"] == {"name": "Alice", "email": "alice@example.com"}


AUTHLIB = """
import json, sys
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey
import requests
asked = json.loads(sys.argv[1])
server = requests.get(f"{asked['issuer']}/.well-known/openid-configuration", timeout=20).json()
if "private_key" in asked:
    secret, way = ECKey.import_key(asked["private_key"]), PrivateKeyJWT(server["token_endpoint"], alg="ES256")
else:
    secret, way = asked["client_secret"], "client_secret_basic"
app = OAuth2Session(
    asked["client_id"], secret, scope=asked["scope"], redirect_uri=asked["redirect_uri"],
    code_challenge_method="S256", token_endpoint=server["token_endpoint"],
    token_endpoint_auth_method=way, revocation_endpoint_auth_method=way,
)
verifier = "of this app, as RFC 7636 wants it: 43 characters".replace(" ", "-").replace(",", "").replace(":", "")
address, state = app.create_authorization_url(server["authorization_endpoint"], code_verifier=verifier)
print(address, flush=True)
back = sys.stdin.readline().strip()
tokens = app.fetch_token(authorization_response=back, code_verifier=verifier, state=state)
person = app.get(server["userinfo_endpoint"]).json()
refreshed = app.refresh_token()
known = app.introspect_token(server["introspection_endpoint"], token=refreshed["access_token"]).json()
app.revoke_token(server["revocation_endpoint"], token=refreshed["refresh_token"])
gone = app.introspect_token(server["introspection_endpoint"], token=refreshed["access_token"]).json()
print(json.dumps({
    "person": person, "isRotated": tokens["refresh_token"] != refreshed["refresh_token"],
    "before": known["active"], "after": gone,
}))
"""


@needs(module="authlib")
@pytest.mark.parametrize("by_key", [True, False], ids=["private_key_jwt", "client_secret_basic"])
def test_authlib(shop, alice, by_key):
    pem, public = key_pair()
    secret = register("app", BACK, back="", audience=["orders"], jwks={"keys": [public]} if by_key else None)
    asked = {"private_key": pem} if by_key else {"client_secret": secret}
    command = [sys.executable, "-W", "ignore", "-c", AUTHLIB]

    said = sign_in(shop, command, Visitor(), **asked, scope="openid profile orders:read offline_access")

    person = {"sub": alice.sub, "name": "Alice"}
    assert said == {"person": person, "isRotated": True, "before": True, "after": {"active": False}}


def metadata_of(shop, name):
    """A document of ours as it would be in a shop: Authlib takes https alone for an issuer."""
    text = requests.get(f"{shop}/.well-known/{name}", timeout=20).text
    return json.loads(text.replace(shop, "https://shop.example"))


@needs(module="authlib")
def test_authlib_finds_our_metadata_right_but_for_rs256_that_openid_connect_demands(shop, settings):
    from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
    from authlib.oidc.discovery import OpenIDProviderMetadata

    AuthorizationServerMetadata(metadata_of(shop, "oauth-authorization-server")).validate()
    # OpenID Connect Discovery 3 demands RS256 of whoever offers anything; with it the rest is looked at, too.
    with pytest.raises(ValueError, match="RS256"):
        OpenIDProviderMetadata(metadata_of(shop, "openid-configuration")).validate()
    settings.JWT_ALGORITHM = "RS256"
    OpenIDProviderMetadata(metadata_of(shop, "openid-configuration")).validate()


PAGE = """<!doctype html><meta charset="utf-8"><title>App</title><p id="said"></p><button id="in">In</button>
<button id="renew">Renew</button><button id="out">Out</button>
<script src="oidc-client-ts.min.js"></script><script src="app.js"></script>"""
SCRIPT = """
const manager = new oidc.UserManager({
  authority: "%s", client_id: "app", redirect_uri: location.origin + "/", scope: "openid profile offline_access",
  post_logout_redirect_uri: location.origin + "/", loadUserInfo: true, automaticSilentRenew: false,
});
const say = (text) => (document.getElementById("said").textContent = text);
const fail = (error) => say("failed: " + error.message);
document.getElementById("in").onclick = () => manager.signinRedirect().catch(fail);
document.getElementById("renew").onclick = async () => {
  const before = await manager.getUser();
  const after = await manager.signinSilent().catch(fail);
  say(after.refresh_token !== before.refresh_token ? "renewed" : "the same");
};
document.getElementById("out").onclick = () => manager.signoutRedirect().catch(fail);
if (new URLSearchParams(location.search).has("code")) {
  manager.signinRedirectCallback().then((user) => say("Hello " + user.profile.name), fail);
}
"""


@pytest.mark.browser
@needs(package="oidc-client-ts")
def test_oidc_client_ts_in_chromium_on_another_origin(shop, chromium, tmp_path):
    bundle = INTEROP / "node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js"
    (tmp_path / bundle.name).write_bytes(bundle.read_bytes())
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "favicon.ico").touch()
    (tmp_path / "app.js").write_text(SCRIPT % shop)

    with serving_files(tmp_path) as origin, visiting(chromium) as page:
        register("app", origin, is_public=True)
        said = lambda text: page.wait_for_function("t => document.getElementById('said').textContent === t", arg=text)  # noqa: E731
        page.goto(f"{origin}/")
        page.click("#in")
        log_in_and_allow(page)
        said("Hello Alice")

        page.click("#renew")
        said("renewed")

        page.click("#out")
        page.wait_for_url(f"{origin}/")
        page.goto(f"{shop}/account/")
        assert page.url.startswith(f"{shop}/login/")
        assert page.complaints == []


CONFORMANCE = INTEROP / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
NODE_22 = next(iter(sorted(INTEROP.glob("node_modules/node-linux-*/bin/node"))), None)


@pytest.mark.skipif(not NODE_22 or not CONFORMANCE.exists(), reason="the conformance suite is not installed")
def test_the_conformance_suite_for_agents(shop, tmp_path):
    """Every check of `@modelcontextprotocol/conformance authorization`; it wants a newer Node than Debian's."""
    port, log = free_port(), tmp_path / "log"
    register("agent", f"http://127.0.0.1:{port}", back="/callback", is_public=True)
    options = ["--url", shop, "--client-id", "agent", "--port", str(port), "--resource", f"{shop}/api/orders"]
    command = [str(NODE_22), str(CONFORMANCE), "authorization", *options, "--output-dir", str(tmp_path / "results")]

    with running(command, log, root=tmp_path) as process:
        await_true(lambda: "/oauth/authorize?" in log.read_text(), "it sends somebody here")
        address = re.search(r"^http\S+/oauth/authorize\?\S+", log.read_text(), re.MULTILINE)
        await_true(lambda: "Callback server started" in log.read_text(), "it waits for them")
        Visitor().follow(address[0])
        process.wait(timeout=60)

    files = (tmp_path / "results").rglob("checks.json")
    checks = {check["id"]: check["status"] for file in files for check in json.loads(file.read_text())}
    # An app is registered by somebody who may: a document that it names itself by (CIMD) is not taken.
    assert checks.pop("authorization-server-metadata-cimd") == "WARNING"
    assert checks == dict.fromkeys(checks, "SUCCESS"), log.read_text()
    assert {"authorization-server-metadata", "authorization-code-grant"} <= checks.keys()
