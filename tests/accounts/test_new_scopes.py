"""The scopes of a new service reach the roles that it names with the next `migrate`, once."""

import pytest
from django.apps.registry import Apps
from django.core.management import call_command

from accounts.apps import grant_new_scopes
from accounts.models import GrantedScope, Role
from accounts.people import initial_scopes
from tokens.registry import Scope, Service, services

pytestmark = pytest.mark.django_db

PEBBLES = Service(
    "pebbles",
    {
        "pebbles:read": Scope("Read pebbles", roles=("customer", "order manager")),
        "pebbles:moderate": Scope("Take a pebble away", clients=True),
        "pebbles:feed": Scope("Send pebbles from elsewhere", clients=True, people=False),
    },
)


@pytest.fixture
def with_pebbles(monkeypatch):
    monkeypatch.setattr(initial_scopes, "services", lambda: {**services(), "pebbles": PEBBLES})


def carried(name):
    return {scope for scope in Role.objects.get(name=name).scopes if scope.startswith("pebbles")}


def test_the_named_roles_and_the_admin_gain_them_with_migrate(with_pebbles):
    call_command("migrate", verbosity=0)

    assert carried("customer") == carried("order manager") == {"pebbles:read"}
    assert carried("catalogue manager") == set()
    assert carried("admin") == {"pebbles:read", "pebbles:moderate"}


def test_what_staff_take_away_stays_taken(with_pebbles):
    initial_scopes.grant_new_scopes()
    customer = Role.objects.get(name="customer")
    customer.scopes = [scope for scope in customer.scopes if scope != "pebbles:read"]
    customer.save()

    assert initial_scopes.grant_new_scopes() == []
    assert carried("customer") == set()


def test_roles_as_they_were_made_are_as_the_services_say():
    made = {role.name: role.scopes for role in Role.objects.all()}
    Role.objects.all().delete()
    GrantedScope.objects.all().delete()

    initial_scopes.grant_new_scopes()

    assert {role.name: role.scopes for role in Role.objects.all()} == made


def test_a_migrate_that_goes_back_before_their_table_grants_nothing(with_pebbles):
    grant_new_scopes(apps=Apps())

    assert carried("customer") == set()
