"""A scope is taken from a role that many people have: nothing is written for each of them."""

import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.issuing import revoked_entries as module
from accounts.issuing import status_lists
from accounts.issuing.revoked_entries import close_role_revocations, revoked_entries
from accounts.models import Role, Session, TokenStatus
from accounts.people import access
from tests.issuer import read
from wire.events import SYSTEM

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def many(monkeypatch):
    """Every role has many people, and what is not read yet is left to nobody: these tests commit nothing."""
    monkeypatch.setattr(access, "MANY", 0)
    monkeypatch.setattr(module, "LEFT_TO_OTHERS", module.timedelta(0))


@pytest.fixture
def customer():
    return Role.objects.get(name="customer")


def take(role, scope="orders:write"):
    role.scopes = [carried for carried in role.scopes if carried != scope]
    access.store_role(role, by=SYSTEM)


def entry_of(token):
    return read(token)[1]["status"]["status_list"]["idx"]


def is_revoked(token):
    return status_lists.read_list(0).is_revoked(entry_of(token))


def test_every_token_of_the_role_is_revoked_and_the_sessions_go_on(alice, bob, log_in, api, customer):
    first, other = log_in(), log_in("bob@example.com")

    take(customer)

    assert [is_revoked(grant["access"]) for grant in (first, other)] == [True, True]
    assert not TokenStatus.objects.exclude(revoked_at=None).exists()
    assert Session.objects.alive().count() == 2


def test_the_next_refresh_brings_a_valid_token_with_what_is_left(alice, log_in, api, customer):
    before = log_in()
    take(customer)
    is_revoked(before["access"])

    after = api.post("/api/token/refresh/", {"refresh": before["refresh"]}).json()

    assert "orders:write" not in read(after["access"])[1]["scope"].split()
    assert [is_revoked(before["access"]), is_revoked(after["access"])] == [True, False]


def test_a_process_that_has_just_been_started_knows_what_was_refreshed_since(alice, log_in, api, customer):
    before = log_in()
    take(customer)
    close_role_revocations()
    after = api.post("/api/token/refresh/", {"refresh": before["refresh"]}).json()

    revoked_entries.clear()

    assert [is_revoked(before["access"]), is_revoked(after["access"])] == [True, False]


def test_one_refresh_is_enough(alice, log_in, api, customer):
    take(customer)
    grant = log_in()
    is_revoked(grant["access"])
    grant = log_in()

    after = api.post("/api/token/refresh/", {"refresh": grant["refresh"]}).json()

    assert entry_of(after["access"]) == entry_of(grant["access"])
    assert not is_revoked(after["access"])


def test_a_second_loss_revokes_what_the_first_one_left(alice, log_in, api, customer):
    grant = log_in()
    for scope in ("orders:write", "orders:read"):
        take(customer, scope)
        assert is_revoked(grant["access"])
        grant = api.post("/api/token/refresh/", {"refresh": grant["refresh"]}).json()

    assert not is_revoked(grant["access"])
    assert "orders:read" not in read(grant["access"])[1]["scope"].split()


def test_who_has_not_the_role_keeps_the_token(alice, bob, log_in, customer):
    bob.roles.set([])
    grant = log_in("bob@example.com")

    take(customer)

    assert not is_revoked(grant["access"])


def test_who_leaves_the_role_meanwhile_is_revoked_all_the_same(alice, log_in, customer):
    grant = log_in()
    take(customer)
    close_role_revocations()

    alike = Role.objects.create(name="alike", scopes=Role.objects.get(pk=customer.pk).scopes)
    access.change_user(alice, [], roles=[alike], by=SYSTEM)

    assert is_revoked(grant["access"])


def test_introspection_says_so_at_once(alice, log_in, customer):
    grant = log_in()
    status = read(grant["access"])[1]["status"]
    assert status_lists.is_valid(status)

    take(customer)

    assert not status_lists.is_valid(status)


def test_it_takes_as_few_statements_whatever_was_revoked(alice, log_in, customer):
    for _ in range(3):
        log_in()

    with CaptureQueriesContext(connection) as queries:
        take(customer)

    assert not [
        query["sql"] for query in queries if query["sql"].startswith("UPDATE") and "tokenstatus" in query["sql"]
    ]


def test_a_log_in_that_was_under_way_is_found_when_the_role_is_read_again(
    transactional_db, database, alice, log_in, customer, monkeypatch
):
    """It has an entry from before the loss, and commits after the role was read."""
    entry = TokenStatus.objects.create()
    take(customer)
    close_role_revocations()
    assert not status_lists.read_list(0).is_revoked(entry.pk)

    Session.objects.create(user=alice, client_id="api", status=entry, expires_at=timezone.now() + module.timedelta(1))
    monkeypatch.setattr(module, "monotonic", lambda: time.monotonic() + 4)

    deadline = time.monotonic() + 10
    while not status_lists.read_list(0).is_revoked(entry.pk) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert status_lists.read_list(0).is_revoked(entry.pk)


def test_after_half_an_hour_nothing_is_left_of_it(alice, log_in, customer):
    grant = log_in()
    take(customer)
    assert is_revoked(grant["access"])

    Role.objects.update(revoked_at=timezone.now() - module.timedelta(minutes=32))

    assert not is_revoked(grant["access"])


# Deleting a role that many have -----------------------------------------------------------------


@pytest.fixture
def crowd(alice, bob):
    """A role that many people have, with a scope of its own."""
    role = Role.objects.create(name="crowd", scopes=["products:write"])
    role.users.set([alice, bob])
    return role


def half_an_hour_later():
    Role.objects.exclude(deleted_at=None).update(deleted_at=timezone.now() - module.timedelta(minutes=32))


def test_its_tokens_are_revoked_at_once_and_nobody_is_locked(crowd, log_in):
    grants = [log_in(), log_in("bob@example.com")]

    with CaptureQueriesContext(connection) as queries:
        access.delete_role(crowd, by=SYSTEM)

    assert [is_revoked(grant["access"]) for grant in grants] == [True, True]
    locks = [query["sql"] for query in queries if "FOR" in query["sql"] and "accounts_user" in query["sql"]]
    assert not [sql for sql in locks if "UPDATE" in sql]


def test_nobody_sees_it_any_more_and_its_name_is_free(crowd, admin):
    access.delete_role(crowd, by=SYSTEM)

    access.store_role(Role(name="crowd", scopes=["account"]), by=SYSTEM)

    for page in ("role/", "user/", "user/add/", "user/?q=alice"):
        assert "deleted role" not in admin.get(f"/admin/accounts/{page}", follow=True).content.decode()


def test_a_refresh_brings_a_valid_token_without_its_scope(crowd, log_in, api):
    before = log_in()
    access.delete_role(crowd, by=SYSTEM)
    is_revoked(before["access"])

    after = api.post("/api/token/refresh/", {"refresh": before["refresh"]}).json()

    assert "products:write" not in read(after["access"])[1]["scope"].split()
    assert [is_revoked(before["access"]), is_revoked(after["access"])] == [True, False]


def test_it_goes_with_its_members_when_no_token_says_it_any_more(crowd, alice, log_in):
    log_in()
    access.delete_role(crowd, by=SYSTEM)

    assert access.clear_roles() == 0
    half_an_hour_later()
    assert access.clear_roles() == 2

    assert not Role.objects.filter(pk=crowd.pk).exists()
    assert [role.name for role in alice.roles.all()] == ["customer"]
