"""The scopes of a new service reach the roles that it names with the next `migrate`, once."""

import pytest
from django.apps.registry import Apps
from django.core.management import call_command

from accounts.apps import grant_new_scopes
from accounts.models import GrantedScope, Role
from accounts.people import initial_scopes
from tokens.registry import Scope, Service, services

pytestmark = pytest.mark.django_db

REVIEWS = Service(
    "reviews",
    {
        "reviews:read": Scope("Read reviews", roles=("customer", "order manager")),
        "reviews:moderate": Scope("Take a review away", clients=True),
        "reviews:feed": Scope("Send reviews from elsewhere", clients=True, people=False),
    },
)


@pytest.fixture
def with_reviews(monkeypatch):
    monkeypatch.setattr(initial_scopes, "services", lambda: {**services(), "reviews": REVIEWS})


def carried(name):
    return {scope for scope in Role.objects.get(name=name).scopes if scope.startswith("reviews")}


def test_the_named_roles_and_the_admin_gain_them_with_migrate(with_reviews):
    call_command("migrate", verbosity=0)

    assert carried("customer") == carried("order manager") == {"reviews:read"}
    assert carried("catalogue manager") == set()
    assert carried("admin") == {"reviews:read", "reviews:moderate"}


def test_what_staff_take_away_stays_taken(with_reviews):
    initial_scopes.grant_new_scopes()
    customer = Role.objects.get(name="customer")
    customer.scopes = [scope for scope in customer.scopes if scope != "reviews:read"]
    customer.save()

    assert initial_scopes.grant_new_scopes() == []
    assert carried("customer") == set()


def test_roles_as_they_were_made_are_as_the_services_say():
    made = {role.name: role.scopes for role in Role.objects.all()}
    Role.objects.all().delete()
    GrantedScope.objects.all().delete()

    initial_scopes.grant_new_scopes()

    assert {role.name: role.scopes for role in Role.objects.all()} == made


def test_a_migrate_that_goes_back_before_their_table_grants_nothing(with_reviews):
    grant_new_scopes(apps=Apps())

    assert carried("customer") == set()
