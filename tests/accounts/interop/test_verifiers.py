"""Each library in docs/verify-elsewhere.md, run from the text that stands there, believes and refuses as it says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from django.conf import settings

from accounts.factors.two_steps import log_in
from accounts.issuing.tokens import SigningBackend
from accounts.login import sessions
from accounts.login.sessions import Origin
from accounts.models import Client, Session
from accounts.oauth import clients
from tests.accounts.conftest import PASSWORD, forget
from tests.accounts.interop.programs import INTEROP, block, changed, claims_of, needs, run
from tests.config.test_startservice import APART, python
from tests.journeys.split.shapes import await_true, free_port, running
from wire.events import SYSTEM

PAGE = "verify-elsewhere.md"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(bool(os.environ.get("JWT_ENCRYPTION_KEY")), reason="these libraries are given no key"),
]


@pytest.fixture
def issuer(issuer, live_server, settings):
    """Where the tokens come from: a server that answers as it would in a shop."""
    settings.ISSUER = live_server.url
    forget()
    return live_server.url


@pytest.fixture
def tokens(issuer, alice):
    """Tokens by what they are; the first is good."""
    grant = log_in("alice@example.com", PASSWORD, Origin("api"))
    good = grant.access
    claims = claims_of(good)
    return {
        "good": good,
        "forged": good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"),
        "unsigned": "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0." + good.split(".")[1] + ".",
        "expired": changed(good, iat=claims["iat"] - 1200, exp=claims["iat"] - 600),
        "another's": changed(good, iss="https://other.example"),
        "elsewhere": changed(good, aud=["orders"]),
        "id token": SigningBackend("JWT").encode({**claims, "token_type": "id"}),
        "refresh token": grant.refresh,
    }


def expected(tokens, alice, *, believed=("good",)):
    return {name: alice.sub if name in believed else None for name in tokens}


def by_name(tokens, answers):
    return dict(zip(tokens, answers, strict=True))


PYTHON = """
import json, sys
issuer, *texts = sys.argv[1:]
{block}
def sub_of(text):
    try:
        return verify(text)["sub"]
    except jwt.PyJWTError:
        return None
print(json.dumps([sub_of(text) for text in texts]))
"""


def test_pyjwt(issuer, tokens, alice):
    program = PYTHON.format(block=block(PAGE, "Python: PyJWT", "python"))

    answers = run([sys.executable, "-c", program, issuer, *tokens.values()])

    assert by_name(tokens, answers) == expected(tokens, alice)


def test_pyjwt_reads_our_list(issuer, tokens, alice):
    sessions.end(Session.objects.all(), reason="revoked", by=SYSTEM)
    forget()
    program = PYTHON.format(block=block(PAGE, "Python: PyJWT", "python"))

    assert run([sys.executable, "-c", program, issuer, tokens["good"]]) == [None]


DJANGO = """
import json, sys, django
from django.conf import settings
issuer, client_id, client_secret, *texts = sys.argv[1:]
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"]
{block}
settings.configure(
    ROOT_URLCONF="__main__", ALLOWED_HOSTS=["*"], USE_TZ=True, SECRET_KEY="another service's own",
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}},
    **{{name: value for name, value in globals().items() if name.isupper()}},
)
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.test import Client
from django.urls import path
from rest_framework.permissions import IsAuthenticated
from rest_framework.views import APIView, Response
class View(APIView):
    permission_classes = [IsAuthenticated]
    def get(self, request):
        return Response({{"sub": {who}}})
urlpatterns = [path("", View.as_view())]
def sub_of(text):
    answer = Client().get("/", HTTP_AUTHORIZATION="Bearer " + text)
    assert answer.status_code in (200, 401, 403), answer.status_code
    return answer.json().get("sub") if answer.status_code == 200 else None
print(json.dumps([sub_of(text) for text in texts]))
"""


def test_simplejwt(issuer, tokens, alice):
    program = DJANGO.format(block=block(PAGE, "Python: SimpleJWT", "python"), who="request.user.id")

    answers = run([sys.executable, "-c", program, issuer, "", "", *tokens.values()])

    assert by_name(tokens, answers) == expected(tokens, alice)


@needs(module="oauth2_provider")
def test_django_oauth_toolkit(issuer, tokens, alice):
    client = Client(client_id="bank", name="Bank", scopes=[], audience=["products"])
    secret = clients.register_client(client, by=SYSTEM)
    program = DJANGO.format(block=block(PAGE, "Python: django-oauth-toolkit", "python"), who="request.user.username")

    answers = run([sys.executable, "-c", program, issuer, "bank", secret, *tokens.values()])

    assert by_name(tokens, answers) == {name: "alice@example.com" if name == "good" else None for name in tokens}


AUTHLIB = """
import json, sys, django
from django.conf import settings
settings.configure(USE_TZ=True, ALLOWED_HOSTS=["*"])
django.setup()
from django.http import JsonResponse
from django.test import RequestFactory
issuer, *texts = sys.argv[1:]
{block}
def sub_of(text):
    answer = read_something(RequestFactory().get("/", HTTP_AUTHORIZATION="Bearer " + text))
    assert answer.status_code in (200, 401, 403), answer.status_code
    return json.loads(answer.content).get("sub")
print(json.dumps([sub_of(text) for text in texts]))
"""


@needs(module="authlib")
def test_authlib(issuer, tokens, alice):
    program = AUTHLIB.format(block=block(PAGE, "Python: Authlib", "python"))

    answers = run([sys.executable, "-c", program, issuer, *tokens.values()])

    assert by_name(tokens, answers) == expected(tokens, alice)


JOSE = """
const [issuer, ...tokens] = process.argv.slice(1);
const answers = [];
for (const token of tokens) {{
  try {{
    answers.push(await (async () => {{ {block} return payload.sub; }})());
  }} catch (error) {{
    answers.push(null);
  }}
}}
console.log(JSON.stringify(answers));
"""


def node(program, *arguments):
    return run(["node", "--input-type=module", "-e", program, *arguments], INTEROP)


@needs(program="node")
@needs(package="jose")
def test_jose(issuer, tokens, alice):
    imported, code = block(PAGE, "Node: jose and oauth4webapi", "js").split("\n", 1)
    program = imported + JOSE.format(block=code)

    assert by_name(tokens, node(program, issuer, *tokens.values())) == expected(tokens, alice)


EXPRESS = """
const [issuer, ...tokens] = process.argv.slice(1);
{block}
const server = app.listen(0, "127.0.0.1", async () => {{
  const answers = [];
  for (const token of tokens) {{
    const address = `http://127.0.0.1:${{server.address().port}}/`;
    const answer = await fetch(address, {{ headers: {{ authorization: `Bearer ${{token}}` }} }});
    answers.push(answer.ok ? (await answer.json()).sub : answer.status);
  }}
  console.log(JSON.stringify(answers));
  process.exit(0);
}});
"""


@needs(program="node")
@needs(package="express-oauth2-jwt-bearer")
def test_express(issuer, tokens, alice):
    program = EXPRESS.format(block=block(PAGE, "Node: express-oauth2-jwt-bearer", "js"))

    answers = node(program, issuer, *tokens.values())

    assert by_name(tokens, answers) == {name: alice.sub if name == "good" else 401 for name in tokens}


STATUS_LIST = """
const [issuer, token] = process.argv.slice(1);
{block}
console.log(JSON.stringify(await isRevoked(token)));
"""


@needs(program="node")
@needs(package="@sd-jwt/jwt-status-list")
def test_the_library_for_status_lists(issuer, tokens, alice):
    program = STATUS_LIST.format(
        block=block(PAGE, "Node: the list of revoked tokens, by @sd-jwt/jwt-status-list", "js")
    )
    other = log_in("alice@example.com", PASSWORD, Origin("api"))

    assert node(program, issuer, tokens["good"]) is False
    sessions.end(Session.objects.exclude(pk=claims_of(other.access)["sid"]), reason="revoked", by=SYSTEM)
    forget()

    assert node(program, issuer, tokens["good"]) is True
    assert node(program, issuer, other.access) is False


GO = """package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"os"

	"github.com/golang-jwt/jwt"
)

%s
func main() {
	keys, err := fetchKeys(os.Args[1])
	if err != nil {
		panic(err)
	}
	answers := []interface{}{}
	for _, text := range os.Args[2:] {
		claims, err := verify(text, os.Args[1], keys)
		if err != nil {
			answers = append(answers, nil)
		} else {
			answers = append(answers, claims["sub"])
		}
	}
	json.NewEncoder(os.Stdout).Encode(answers)
}
"""
DEBIAN_GO = Path("/usr/share/gocode")


@needs(program="go")
@pytest.mark.skipif(not (DEBIAN_GO / "src/github.com/golang-jwt").exists(), reason="golang-jwt is not installed")
def test_golang_jwt(issuer, tokens, alice, tmp_path):
    (tmp_path / "main.go").write_text(GO % block(PAGE, "Go: golang-jwt", "go"))
    own = {"GO111MODULE": "off", "GOPATH": str(DEBIAN_GO), "GOCACHE": str(tmp_path / "cache")}

    answers = run(["go", "run", "main.go", issuer, *tokens.values()], tmp_path, **own)

    assert by_name(tokens, answers) == expected(tokens, alice)


RUBY = """
issuer, *texts = ARGV
%s
puts JSON.generate(texts.map { |text| begin; verify.call(text)["sub"]; rescue JWT::DecodeError; nil; end })
"""


def has_gem():
    done = shutil.which("ruby") and subprocess.run(["ruby", "-e", 'require "jwt"'], capture_output=True, check=False)
    return bool(done) and done.returncode == 0


@pytest.mark.skipif(not has_gem(), reason="ruby with its jwt is not installed")
def test_ruby_jwt(issuer, tokens, alice):
    answers = run(["ruby", "-e", RUBY % block(PAGE, "Ruby: jwt", "ruby"), issuer, *tokens.values()])

    assert by_name(tokens, answers) == expected(tokens, alice)


PERL = """
my ($issuer, @texts) = @ARGV;
%s
print encode_json([map { my $claims = eval { verify($_) }; $claims ? $claims->{sub} : undef } @texts]), "\\n";
"""


def has_crypt_jwt():
    done = shutil.which("perl") and subprocess.run(["perl", "-MCrypt::JWT", "-e1"], capture_output=True, check=False)
    return bool(done) and done.returncode == 0


@pytest.mark.skipif(not has_crypt_jwt(), reason="Crypt::JWT of Perl is not installed")
def test_crypt_jwt(issuer, tokens, alice):
    answers = run(["perl", "-e", PERL % block(PAGE, "Perl: Crypt::JWT", "perl"), issuer, *tokens.values()])

    assert by_name(tokens, answers) == expected(tokens, alice)


NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    upstream reviews {{ server 127.0.0.1:{port}; }}
    server {{
        listen 127.0.0.1:{port};
        location = /reviews/behind {{ return 200 "here"; }}
    }}
    server {{
        listen 127.0.0.1:{front};
{block}
    }}
}}
"""


@needs(program="nginx")
def test_nginx_asks_for_the_bearer(issuer, tokens, alice, tmp_path):
    said = block(PAGE, "nginx: auth_request", "nginx")
    assert "https://shop.example/" in said
    front, port = free_port(), free_port()
    text = NGINX.format(folder=tmp_path, front=front, port=port, block=said.replace("https://shop.example", issuer))
    (tmp_path / "nginx.conf").write_text(text)
    narrow = changed(tokens["good"], scope="orders:read")

    def ask(token):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.get(f"http://127.0.0.1:{front}/reviews/behind", headers=headers, timeout=10)

    with running(["nginx", "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)], tmp_path / "log"):
        await_true((tmp_path / "pid").exists, "nginx answers")
        answers = {name: ask(token) for name, token in tokens.items()}
        nobody, lacking = ask(""), ask(narrow)
        sessions.end(Session.objects.all(), reason="revoked", by=SYSTEM)
        forget()
        revoked = ask(tokens["good"])

    statuses = {name: answer.status_code for name, answer in answers.items()}
    assert statuses == {name: 200 if name == "good" else 401 for name in tokens}
    assert answers["good"].text == "here"
    assert 'error="invalid_token"' in answers["forged"].headers["WWW-Authenticate"]
    assert (nobody.status_code, nobody.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert (lacking.status_code, revoked.status_code) == (403, 401)


ISSUED = """
import json, jwt
from accounts.factors.two_steps import log_in
from accounts.login.sessions import Origin
from accounts.people import registration
registration.register("alice@example.com", "correct horse battery", "Alice")
token = log_in("alice@example.com", "correct horse battery", Origin("api")).access
claims = jwt.decode(token, options={"verify_signature": False})
print(json.dumps([claims["aud"], claims["scope"].split()]))
"""


def test_a_service_that_is_written_elsewhere_has_an_audience_and_a_scope(tmp_path):
    folder, heading = tmp_path / "tessera", "A name of its own for your service"
    shutil.copytree(settings.BASE_DIR, folder, ignore=APART)
    (folder / "reviews").mkdir()
    (folder / "reviews" / "service.toml").write_text(block(PAGE, heading, "toml"))
    own = {"SERVICES": "accounts,orders,products", "DATABASE_URL": f"sqlite:///{tmp_path}/shop.sqlite3"}
    command = block(PAGE, heading, "sh").split()[1:]

    python(folder, "manage.py", "migrate", "--verbosity", "0", **own)
    secret = python(folder, *command, **own)
    audience, scopes = json.loads(python(folder, "manage.py", "shell", "-v", "0", "-c", ISSUED, **own).splitlines()[-1])

    assert audience == ["accounts", "orders", "products", "reviews"]
    assert "reviews:read" in scopes
    assert len(secret.strip()) == 43
