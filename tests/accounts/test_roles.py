"""Every shop begins with four roles, and what they carry is what a token says."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.utils import timezone

from accounts.login import sessions
from accounts.models import Event, Role, Session, User
from accounts.people import access
from database import batch_delete
from tests.accounts.conftest import PASSWORD
from tests.conftest import scopes_of
from tests.issuer import read
from tokens.registry import services
from tokens.scopes import SCOPES
from wire.events import SYSTEM

pytestmark = pytest.mark.django_db


SHOP_SCOPES = {name for service in ("accounts", "orders", "products") for name in services()[service].scopes}


def test_there_are_the_four_roles():
    extra = {*SCOPES} - {*SHOP_SCOPES}
    carried = {role.name: sorted({*role.scopes} - extra) for role in Role.objects.all()}

    assert carried == {
        "admin": [
            "account",
            "accounts:manage",
            "orders:manage",
            "orders:read",
            "orders:write",
            "products:read",
            "products:write",
        ],
        "catalogue manager": ["account", "orders:read", "orders:write", "products:read", "products:write"],
        "customer": ["account", "orders:read", "orders:write", "products:read"],
        "order manager": ["account", "orders:manage", "orders:read", "orders:write", "products:read"],
    }


def test_writing_them_again_leaves_what_staff_changed(db):
    Role.objects.filter(name="customer").update(scopes=["products:read"])

    import_module("accounts.migrations.0002_roles").create_roles(apps, None)

    assert Role.objects.get(name="customer").scopes == ["products:read"]
    assert Role.objects.count() == 4


def test_a_superuser_has_the_role_admin(db, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", "--noinput", email="admin@example.com", verbosity=0)

    admin = User.objects.get()
    assert sorted(role.name for role in admin.roles.all()) == ["admin", "customer"]


def test_a_token_carries_what_all_roles_carry_together(alice, log_in):
    alice.roles.add(Role.objects.get(name="catalogue manager"), Role.objects.get(name="order manager"))

    _, claims = read(log_in()["access"])

    assert claims["scope"] == " ".join(scopes_of("catalogue manager", "customer", "order manager"))
    assert claims["roles"] == ["catalogue manager", "customer", "order manager"]


def test_who_has_no_role_may_nothing(alice, log_in, bearer):
    alice.roles.clear()

    access = log_in()["access"]

    assert read(access)[1]["scope"] == ""
    assert bearer(access).get("/api/accounts/me/").status_code == 403


@pytest.mark.parametrize("scopes", [["stock:reserve"], ["orders:pay"], ["made:up"], "account", {"account": 1}, [1]])
def test_a_role_carries_no_more_than_a_role_may(scopes):
    with pytest.raises(ValidationError):
        Role(name="thief", scopes=scopes).full_clean()


def test_disabling_twice_is_told_once(alice, log_in):
    log_in()

    assert [access.disable(User.objects.filter(pk=alice.pk), by=SYSTEM) for _ in range(2)] == [1, 0]
    assert [event.what for event in Event.objects.about(alice)] == ["registered", "user disabled"]


def test_who_was_disabled_by_a_bare_update_is_refused_at_the_next_refresh(alice, log_in, api):
    refresh = log_in()["refresh"]
    User.objects.filter(pk=alice.pk).update(is_active=False)

    assert api.post("/api/token/refresh/", {"refresh": refresh}).status_code == 401

    session = Session.objects.get()
    assert (session.end_reason, session.status.revoked_at is None) == ("disabled", False)


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "another"}])
def test_a_log_in_that_was_overtaken_opens_nothing(alice, change):
    User.objects.filter(pk=alice.pk).update(**change)

    with pytest.raises(sessions.InvalidCredentials):
        sessions.open_session(alice, sessions.Origin("api"))

    assert not Session.objects.exists()


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_no_session_survives_a_user_who_is_disabled_while_he_logs_in(alice, at_once, api):
    def act(number):
        if number == 0:
            return access.disable(User.objects.filter(pk=alice.pk), by=SYSTEM)
        body = {"email": alice.email, "password": PASSWORD}
        return api.post("/api/token/", body, REMOTE_ADDR=f"10.0.{number}.1").status_code

    outcomes = at_once(8, act)

    assert outcomes[0] == 1
    assert set(outcomes[1:]) <= {200, 401}
    assert not Session.objects.alive().exists()
    assert not Session.objects.filter(status__revoked_at=None).exists()


@pytest.mark.parametrize(
    ("change", "revoked"),
    [
        ({}, True),
        ({"expires_at": timedelta(minutes=-5)}, True),
        ({"expires_at": timedelta(minutes=-11)}, False),
        ({"rotated_at": timedelta(days=-15)}, False),
        ({"ended_at": timedelta(0)}, False),
    ],
    ids=["living", "just over", "long over", "idle", "ended"],
)
def test_a_role_that_loses_a_scope_revokes_where_a_token_may_live(alice, log_in, change, revoked):
    log_in()
    Session.objects.update(**{name: timezone.now() + by for name, by in change.items()})

    access.revoke_role_tokens(Role.objects.get(name="customer"), by=SYSTEM)

    assert (Session.objects.get().status.revoked_at is not None) == revoked


def test_the_sessions_of_a_big_role_are_revoked_in_batches(alice, log_in, monkeypatch):
    monkeypatch.setattr(batch_delete, "BATCH", 2)
    for _ in range(5):
        log_in()

    access.revoke_role_tokens(Role.objects.get(name="customer"), by=SYSTEM)

    assert not Session.objects.filter(status__revoked_at=None).exists()
