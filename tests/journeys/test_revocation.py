"""Whatever takes a right away is known to every service within ten seconds, without a call per request.

Real processes: accounts, products and orders, each with a database of its own. Tokens are tried at
products and orders throughout, so that what they know of the issuer is always just a little old.
"""

import base64
import hashlib
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
import requests

from tests.journeys.running_services import PASSWORD, Browser, Services, Staff, Watch, opened

pytestmark = pytest.mark.slow

LIMIT = 10.0
"""Seconds."""

CALLBACK = "https://app.example/back"
VERIFIER = "a-verifier-that-is-long-enough-for-rfc-7636"

SETUP = f"""
from accounts.models import *
from accounts.oauth import clients
from accounts.people import registration
from wire.events import SYSTEM
import json
roles = {{role.name: role for role in Role.objects.all()}}
for name in ("herald", "taster"):
    roles[name] = Role.objects.create(name=name, scopes=["products:write"])
admin = registration.register("admin@example.com", {PASSWORD!r}, "Admin")
admin.roles.add(roles["admin"])
users, secrets = {{}}, {{}}
for name in %(people)s:
    user = registration.register(name + "@example.com", {PASSWORD!r}, name)
    users[name] = user.sub
    if name in %(extra)s:
        user.roles.add(roles[%(extra)s[name]])
for name in %(apps)s:
    app = Client(client_id=name, name=name, is_public=True, redirect_uris={CALLBACK!r})
    app.app_scopes = ["orders:read", "products:read"]
    clients.register_client(app, by=SYSTEM)
for name in %(machines)s:
    client = Client(client_id=name, name=name, scopes=["orders:read", "products:read"], audience=["orders", "products"])
    secrets[name] = clients.register_client(client, by=SYSTEM)
print(json.dumps([users, secrets, {{name: role.pk for name, role in roles.items()}}]))
"""


class Case:
    """One cause, one token that it must kill, and what the cause needs to know."""

    def __init__(self, name: str, services: Services, staff: Staff, pk: str) -> None:
        self.name, self.services, self.staff, self.pk = name, services, staff, pk
        self.email = f"{name}@example.com"
        self.secret = ""

    def prepare(self) -> str:
        """Log in; the token that will be killed."""
        self.grant = self.services.log_in(self.email)
        return self.grant["access"]

    @property
    def sid(self) -> str:
        return jwt.decode(self.grant["access"], options={"verify_signature": False})["sid"]

    def elsewhere(self) -> str:
        """The token of another session of the same person."""
        return self.services.log_in(self.email)["access"]


class App(Case):
    """A cause that kills the token of an app that somebody let in; it has the name of the cause."""

    def prepare(self) -> str:
        self.browser = Browser(self.services)
        self.browser.fill("/login/", email=self.email, password=PASSWORD)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=")
        said = {"client_id": self.name, "redirect_uri": CALLBACK, "response_type": "code"}
        query = urlencode({**said, "code_challenge": challenge, "code_challenge_method": "S256"})
        self.browser.http.get(f"{self.browser.url}/oauth/authorize?{query}", timeout=30)
        decision = {"decision": "allow", "shown": "orders:read products:read"}
        back = self.browser.send(f"/oauth/consent?{query}", decision, expect=303)
        form = {
            "grant_type": "authorization_code",
            "code": parse_qs(urlsplit(back.headers["Location"]).query)["code"][0],
        }
        self.form = {**form, "client_id": self.name, "code_verifier": VERIFIER}
        return self.exchange().json()["access_token"]

    def exchange(self):
        return requests.post(f"{self.services.urls['accounts']}/oauth/token", self.form, timeout=30)


class Machine(Case):
    """A cause that kills a machine's token."""

    def prepare(self) -> str:
        return self.post("token", grant_type="client_credentials")["access_token"]

    def post(self, path: str, **form: str):
        url = f"{self.services.urls['accounts']}/oauth/{path}"
        answer = requests.post(url, form, auth=(self.name, self.secret), timeout=30)
        assert answer.ok, answer.text
        return answer.json()


def log_out(case):
    case.services.post("/api/token/blacklist/", {"refresh": case.grant["refresh"]})


def revoke_access(case):
    form = {"client_id": "api", "token": case.grant["access"]}
    assert requests.post(f"{case.services.urls['accounts']}/oauth/revoke", form, timeout=30).json() == {}


def end_session(case):
    case.services.post(f"/api/accounts/sessions/{case.sid}/", method="DELETE", token=case.elsewhere())


def end_others(case):
    case.services.post("/api/accounts/sessions/", method="DELETE", token=case.elsewhere())


def change_password(case):
    body = {"current_password": PASSWORD, "new_password": "a staple and a horse"}
    case.services.post("/api/accounts/me/password/", body, token=case.elsewhere())


def change_email(case):
    """Ask for another address, and confirm it by the link that is mailed there."""
    token, email = case.elsewhere(), f"{uuid.uuid4().hex}@example.com"
    case.services.post("/api/accounts/me/email/", {"current_password": PASSWORD, "email": email}, token=token)
    sent = case.services.read_link("/account/email/verify/", email).split("/")[-2]
    case.services.post("/api/accounts/me/email/verify/", {"token": sent}, token=token)


def delete_oneself(case):
    body = {"current_password": PASSWORD}
    case.services.post("/api/accounts/me/", body, method="DELETE", token=case.elsewhere())


def reuse(case):
    """Use a refresh token that was used twice before, as who stole it would."""
    token = case.grant["refresh"]
    for _ in range(2):
        token = case.services.post("/api/token/refresh/", {"refresh": token}).json()["refresh"]
    body = {"refresh": case.grant["refresh"]}
    assert (
        requests.post(f"{case.services.urls['accounts']}/api/token/refresh/", json=body, timeout=30).status_code == 401
    )


def reset_password(case):
    """Ask for a link by mail, and choose a password by it."""
    browser = Browser(case.services)
    browser.fill("/password-reset/", email=case.email)
    browser.fill(case.services.read_link("/password-reset/", case.email), new_password="a staple and a horse")


def disable(case):
    case.staff.save(f"user/{case.pk}", is_active=None)


def shut_out(case):
    case.staff.act("user", "disable", case.pk)


def kill_all(case):
    case.staff.act("user", "end_sessions", case.pk)


def kill_one(case):
    case.staff.act("session", "end_selected", case.sid)


def delete(case):
    case.staff.delete(f"user/{case.pk}")


def set_address(case):
    case.staff.save(f"user/{case.pk}", email=f"{uuid.uuid4().hex}@example.com")


def take_role(case):
    case.staff.save(f"user/{case.pk}", roles=[case.roles["customer"]])


def take_scope(case):
    case.staff.save(f"role/{case.roles['herald']}", scopes=["products:read"])


def delete_role(case):
    case.staff.delete(f"role/{case.roles['taster']}")


def disable_client(case):
    case.staff.save(f"client/{case.name}", is_active=None)


def narrow_client(case):
    case.staff.save(f"client/{case.name}", scopes=["products:read"])


def renew_secret(case):
    case.staff.act("client", "renew_secrets", case.name, expect=200)  # The page shows the secret.


def revoke_own(case):
    case.post("revoke", token=case.prepared)


def end_app(case):
    case.browser.send("/account/apps/", {"app": case.name})


def use_code_again(case):
    """Exchange a code that was exchanged, as who stole it would."""
    assert case.exchange().json()["error"] == "invalid_grant"


def disable_app(case):
    case.staff.save(f"client/{case.name}", is_active=None, redirect_uris=CALLBACK)


PEOPLE = {
    "log-out": log_out,
    "revoked-by-client": revoke_access,
    "session-ended": end_session,
    "others-ended": end_others,
    "password-changed": change_password,
    "email-changed": change_email,
    "deleted-oneself": delete_oneself,
    "refresh-reused": reuse,
    "password-reset": reset_password,
    "disabled": disable,
    "shut-out": shut_out,
    "staff-ended-all": kill_all,
    "staff-ended-one": kill_one,
    "staff-deleted": delete,
    "staff-set-address": set_address,
    "role-taken": take_role,
    "scope-taken": take_scope,
    "role-deleted": delete_role,
}
EXTRA = {"role-taken": "catalogue manager", "scope-taken": "herald", "role-deleted": "taster"}
MACHINES = {
    "client-disabled": disable_client,
    "client-narrowed": narrow_client,
    "secret-renewed": renew_secret,
    "client-revoked": revoke_own,
}
APPS = {"app-ended": end_app, "code-used-again": use_code_again, "app-disabled": disable_app}
CAUSES = PEOPLE | MACHINES | APPS
BYSTANDERS = ["nobody-touches-alice", "nobody-touches-bob"]


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("services")) as services:
        yield services


@pytest.fixture(scope="module")
def cases(services):
    """One person or machine for each cause, and two whom nothing happens to."""
    people = [*PEOPLE, *APPS, *BYSTANDERS]
    names = {"people": people, "extra": EXTRA, "machines": [*MACHINES], "apps": [*APPS]}
    told = services.manage("shell", "--no-imports", "--command", SETUP % names)
    users, secrets, roles = json.loads(told.splitlines()[-1])
    staff = Staff(services)
    cases = {name: (App if name in APPS else Case)(name, services, staff, pk) for name, pk in users.items()}
    cases |= {name: Machine(name, services, staff, name) for name in secrets}
    for name, case in cases.items():
        case.roles, case.secret = roles, secrets.get(name, "")
        case.prepared = case.prepare()
    return cases


def cause(case):
    """Let it happen; when it had been answered."""
    CAUSES[case.name](case)
    return time.monotonic()


def test_whatever_takes_a_right_away_is_known_everywhere_in_ten_seconds(services, cases, record_property):
    with Watch(services, {name: case.prepared for name, case in cases.items()}) as watch:
        time.sleep(5)
        assert (watch.refused_at, watch.odd) == ({}, [])
        with ThreadPoolExecutor(4) as pool:
            since = dict(zip(CAUSES, pool.map(lambda name: cause(cases[name]), CAUSES), strict=True))
        watch.wait(CAUSES, LIMIT)

    delays = watch.delays(CAUSES, since)
    for name, seconds in delays.items():
        told = ", ".join(f"{service} {delay:.1f} s" for service, delay in seconds.items())
        record_property(f"refused after {name}", told)
    assert watch.odd == []
    assert {name: seconds for name, seconds in delays.items() if max(seconds.values()) > LIMIT} == {}
    assert {name for _, name in watch.refused_at} == set(CAUSES)


def test_a_key_that_was_replaced_takes_every_token_along(services, cases, record_property):
    tokens = {name: cases[name].prepared for name in BYSTANDERS}
    with Watch(services, tokens) as watch:
        time.sleep(1)
        assert (watch.refused_at, watch.odd) == ({}, [])
        services.manage("rotate_keys", "--now")
        since = dict.fromkeys(BYSTANDERS, time.monotonic())
        watch.wait(BYSTANDERS, LIMIT)
        fresh = cases[BYSTANDERS[0]].prepare()

    delays = watch.delays(BYSTANDERS, since)
    slowest = {service: max(seconds[service] for seconds in delays.values()) for service in ("products", "orders")}
    record_property("refused after key-replaced", ", ".join(f"{name} {delay:.1f} s" for name, delay in slowest.items()))
    assert watch.odd == []
    assert max(slowest.values()) < LIMIT
    with Watch(services, {"fresh": fresh}) as watch:
        time.sleep(1)
    assert (watch.refused_at, watch.odd) == ({}, [])
