"""What everybody knows of the demo opens nothing in production."""

import os
import subprocess
import sys
from io import StringIO

import pytest
from django.conf import settings as deployed
from django.contrib.auth.hashers import make_password
from django.core.checks import Tags, run_checks
from django.core.management import CommandError, call_command

from accounts.demo import add
from accounts.models import Role, Session, User
from tests.accounts.conftest import PASSWORD, forget
from wire.demo import ADMIN, ALICE, BOB
from wire.demo import PASSWORD as KNOWN

pytestmark = pytest.mark.django_db

PRODUCTION = {
    "DEBUG": "off",
    "SECRET_KEY": "k9" * 30,
    "ISSUER": "https://shop.example",
    "ALLOWED_HOSTS": "shop.example",
    "EMAIL_URL": "smtp://mail.example",
}


@pytest.fixture(autouse=True)
def demo():
    """The demo's people, as DEBUG makes them."""
    for person in (ALICE, BOB, ADMIN):
        add(person)


@pytest.fixture
def production(settings):
    def production():
        settings.DEVELOPMENT = False
        forget()

    return production


def said():
    found = run_checks(tags=[Tags.security], include_deployment_checks=True)
    return [message for message in found if message.id == "tessera.E002"]


def refused(api, email, password=KNOWN):
    answer = api.post("/api/token/", {"email": email, "password": password})
    return answer.status_code, answer.json()["code"]


def test_in_development_the_demo_logs_in(log_in):
    assert "access" in log_in(ADMIN.email, KNOWN)


@pytest.mark.parametrize("person", [ALICE, ADMIN])
def test_in_production_it_is_nobody(api, production, person):
    unknown = refused(api, "nobody@example.com")
    production()

    assert refused(api, person.email) == unknown


def test_a_page_lets_it_in_no_more_than_the_api(client, production):
    production()

    answer = client.post("/login/", {"email": ADMIN.email, "password": KNOWN})

    assert answer.status_code == 400
    assert not Session.objects.exists()


def test_another_password_makes_no_account_of_the_demo_good(api, production):
    User.objects.filter(email=ADMIN.email).update(password=make_password(PASSWORD))
    production()

    assert refused(api, ADMIN.email, PASSWORD)[0] == 401


def test_an_account_that_was_given_an_address_of_its_own_is_somebodys(production, log_in):
    User.objects.filter(email=ADMIN.email).update(email="erin@shop.example", password=make_password(PASSWORD))
    production()

    assert "access" in log_in("erin@shop.example", PASSWORD)
    assert ADMIN.email not in said()[0].msg


def test_the_demos_password_is_refused_for_every_account(api, production):
    user = User.objects.create_user("erin@shop.example", KNOWN)
    production()

    assert refused(api, user.email)[0] == 401


def test_a_session_from_development_ends_with_its_next_refresh(api, production, log_in):
    refresh = log_in(ADMIN.email, KNOWN)["refresh"]
    production()

    assert api.post("/api/token/refresh/", {"refresh": refresh}).status_code == 401
    assert Session.objects.get().end_reason == "disabled"


def test_nobody_registers_with_the_demos_password(api, production):
    production()

    answer = api.post("/api/accounts/register/", {"email": "erin@shop.example", "password": KNOWN, "name": "Erin"})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["password"])


def test_nobody_changes_to_the_demos_password(production, log_in, bearer):
    User.objects.create_user("erin@shop.example", PASSWORD)
    production()
    erin = bearer(log_in("erin@shop.example")["access"])

    answer = erin.post("/api/accounts/me/password/", {"current_password": PASSWORD, "new_password": KNOWN})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["new_password"])


def test_createsuperuser_takes_it_neither(production, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", KNOWN)
    production()

    with pytest.raises(CommandError, match="Everybody knows the demo's password"):
        call_command("createsuperuser", "--no-input", email="erin@shop.example", stdout=StringIO())
    assert not User.objects.filter(email="erin@shop.example").exists()


def test_the_deployment_check_names_them_and_the_way_out(production):
    before = said()
    production()
    (message,) = said()

    assert before == []
    assert all(person.email in message.msg for person in (ALICE, BOB, ADMIN))
    assert "createsuperuser" in message.hint


def test_what_was_deleted_or_disabled_is_named_no_more(production):
    production()
    User.objects.filter(email=ADMIN.email).update(is_active=False)
    User.objects.exclude(email=ADMIN.email).delete()

    assert said() == []


def test_somebody_who_registered_with_the_address_of_the_demo_is_somebody(production, log_in):
    User.objects.filter(email=ALICE.email).delete()
    User.objects.create_user(ALICE.email, PASSWORD).roles.set(Role.objects.filter(name="customer"))
    production()

    assert "access" in log_in(ALICE.email, PASSWORD)


@pytest.mark.slow
def test_a_database_with_a_demo_fails_the_deployment_check(tmp_path):
    own = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    own["DATABASE_URL"] = f"sqlite:///{tmp_path}/shop.sqlite3"

    def manage(*arguments, **more):
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=deployed.BASE_DIR, env=own | more, capture_output=True, text=True, check=False
        )

    empty = manage("check", "--deploy", **PRODUCTION)
    assert manage("demo", "--migrate").returncode == 0
    done = manage("check", "--deploy", **PRODUCTION)

    assert empty.returncode == 0, empty.stderr
    assert done.returncode == 1
    assert "admin@example.com" in done.stderr
    assert manage("check", **PRODUCTION).returncode == 0
