"""`createsuperuser`, for whoever has lost the way in: a whole admin or none."""

import os
import subprocess
import sys
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import Event, Role, User
from accounts.people.initial_scopes import grant_new_scopes
from tests.accounts.conftest import PASSWORD
from tokens.registry import ROLES

pytestmark = pytest.mark.django_db


def create(monkeypatch, email="erin@example.com", password=PASSWORD):
    if password is not None:
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", password)
    call_command("createsuperuser", "--no-input", email=email, stdout=StringIO())


def test_it_makes_an_admin_who_can_log_in(monkeypatch, log_in, bearer):
    create(monkeypatch, "Erin@Example.com")

    erin = User.objects.get(email="erin@example.com")
    assert sorted(role.name for role in erin.roles.all()) == ["admin", "customer"]
    assert [event.what for event in Event.objects.about(erin)] == ["superuser created"]
    scopes = bearer(log_in("erin@example.com")["access"]).get("/api/accounts/me/").json()["scopes"]
    assert "accounts:manage" in scopes


@pytest.mark.parametrize(
    ("email", "password", "words"),
    [
        ("alice@example.com", PASSWORD, "taken"),
        ("ALICE@example.com", PASSWORD, "taken"),
        ("erin@example.com", "short", "too short"),
        ("erin@example.com", "password1", "too common"),
        ("erin@example.com", None, "needs a password"),
        ("erin@example.com", "", "needs a password"),
        ("erin@example.com", f"{PASSWORD}{'e' * 4096}", "at most 4096 characters"),
        ("erin", PASSWORD, "valid email"),
        ("erin@example.com\0", PASSWORD, ""),
        (f"{'e' * 250}@example.com", PASSWORD, ""),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_stored(monkeypatch, alice, email, password, words):
    with pytest.raises(CommandError) as refused:
        create(monkeypatch, email, password)

    assert words in str(refused.value)
    assert [user.email for user in User.objects.all()] == ["alice@example.com"]
    assert [role.name for role in alice.roles.all()] == ["customer"]


def test_without_the_role_nobody_is_made_and_migrate_brings_it_back(monkeypatch):
    scopes = Role.objects.get(name="admin").scopes
    Role.objects.filter(name="admin").delete()

    with pytest.raises(CommandError, match="migrate"):
        create(monkeypatch)

    assert not User.objects.exists()
    grant_new_scopes()
    assert Role.objects.get(name="admin").scopes == scopes
    create(monkeypatch)
    assert {*Role.objects.values_list("name", flat=True)} == {*ROLES}


def test_a_role_that_is_there_keeps_what_staff_changed():
    Role.objects.filter(name="customer").update(scopes=["account"])
    Role.objects.filter(name="order manager").delete()

    grant_new_scopes()

    assert Role.objects.get(name="customer").scopes == ["account"]
    assert "orders:manage" in Role.objects.get(name="order manager").scopes


def test_killed_half_way_it_leaves_nobody(database, tmp_path):
    """The process dies where the event is written, after the user and the roles."""
    script = (
        "import os, django; django.setup()\n"
        "from wire.events import EventQuerySet\n"
        "EventQuerySet.record = lambda *_, **__: os._exit(9)\n"
        "from django.core.management import call_command\n"
        "call_command('createsuperuser', '--no-input', email='erin@example.com')\n"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    env["DATABASE_URL"] = f"sqlite:///{connection.settings_dict['NAME']}"

    killed = subprocess.run([sys.executable, "-c", script], env=env, check=False, timeout=60)

    assert killed.returncode == 9
    assert not User.objects.exists()
