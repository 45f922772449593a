"""Apps that people log in to, as tests need them: what an app sends and what comes back."""

import base64
import hashlib
from urllib.parse import parse_qs, urlencode, urlsplit

from django.test import Client as Browser

from accounts.models import Client
from accounts.oauth import clients
from tests.accounts.conftest import PASSWORD
from tokens.scopes import SCOPES
from wire.events import SYSTEM

AUTHORIZE, CONSENT, TOKEN = "/oauth/authorize", "/oauth/consent", "/oauth/token"
CALLBACK = "https://app.example/callback"
VERIFIER = "a-verifier-that-is-long-enough-for-rfc-7636"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
EVERYTHING = ["orders:read", "orders:write", "products:read"]


class App:
    """A registered app, and somebody's browser that it sends to us."""

    def __init__(self, client_id="app", **columns):
        columns = {"redirect_uris": CALLBACK, "app_scopes": EVERYTHING, "is_public": True, **columns}
        self.client_id, row = client_id, Client(client_id=client_id, name=client_id.capitalize(), **columns)
        self.secret = clients.register_client(row, by=SYSTEM)

    @property
    def row(self):
        return Client.objects.get(pk=self.client_id)

    def query(self, **changed):
        said = {
            "client_id": self.client_id,
            "redirect_uri": self.row.redirect_uris.split()[0],
            "response_type": "code",
            "scope": "openid orders:read",
            "state": "a state",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changed,
        }
        return urlencode({name: value for name, value in said.items() if value is not None}, doseq=True)

    def ask(self, browser, **changed):
        return browser.get(f"{AUTHORIZE}?{self.query(**changed)}")

    def allow(self, browser, decision="allow", **changed):
        """What the person answers to the question, whatever the page has shown."""
        return browser.post(f"{CONSENT}?{self.query(**changed)}", {"decision": decision, "shown": " ".join(SCOPES)})

    def code(self, browser, **changed):
        return answer_of(self.allow(browser, **changed))["code"]

    def exchange(self, code, **changed):
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, **changed}
        return self.post(TOKEN, **form)

    def post(self, address, **form):
        shown = {"client_id": self.client_id, **({"client_secret": self.secret} if self.secret else {})}
        body = urlencode({name: value for name, value in {**shown, **form}.items() if value is not None}, doseq=True)
        return Browser().post(address, body, content_type="application/x-www-form-urlencoded")

    def tokens(self, browser, **changed):
        return self.exchange(self.code(browser, **changed)).json()

    def refresh(self, token, **changed):
        return self.post(TOKEN, grant_type="refresh_token", refresh_token=token, **changed)


def browser_of(email):
    """A browser in which somebody is logged in."""
    browser = Browser()
    assert browser.post("/login/", {"email": email, "password": PASSWORD}).status_code == 302
    return browser


def answer_of(response):
    """What an app reads in the address to which a browser comes back."""
    assert response.status_code == 303, response.content
    return {name: values[0] for name, values in parse_qs(urlsplit(response["Location"]).query).items()}
