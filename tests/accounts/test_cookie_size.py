"""However long somebody's name, address and roles are, the access cookie fits what browsers keep."""

import secrets

import pytest
from django.test import Client

from accounts.models import Role
from accounts.people import registration
from tests.accounts.conftest import PASSWORD
from tokens.cookies import access_name
from tokens.verification import verify

pytestmark = pytest.mark.django_db

LIMIT = 4096
"""Bytes of name and value together (RFC 6265bis 5.6)."""
EMAIL = f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.example"
ORDINARY = ["admin", "catalogue manager", "customer", "order manager"]


@pytest.fixture(params=[[], [secrets.token_bytes(32)]], ids=["signed", "encrypted"])
def keys(request, settings):
    settings.JWT_ENCRYPTION_KEYS = request.param
    settings.DEBUG = False


def open_cookie(name, email, roles):
    user = registration.register(email, PASSWORD, name)
    user.roles.set([Role.objects.get_or_create(name=role, defaults={"scopes": ["account"]})[0] for role in roles])
    answer = Client().post("/login/", {"email": email, "password": PASSWORD}, secure=True)
    return answer.cookies[access_name()].value


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
@pytest.mark.parametrize(
    ("name", "email", "roles"),
    [
        ("\U0001f409" * 200, EMAIL, ORDINARY),
        ("\x01" * 200, EMAIL, ORDINARY),
        ("\U0001f409" * 200, EMAIL, [*ORDINARY, *(f"{n:02}{'ü' * 62}" for n in range(30))]),
        ("n" * 200, f"a@{'ü' * 60}.{'ü' * 60}.{'ü' * 60}.{'ü' * 60}.example", ORDINARY),
    ],
    ids=["emoji", "escapes", "many roles", "international address"],
)
def test_the_access_cookie_of_anybody_fits(settings, keys, name, email, roles, algorithm):
    settings.JWT_ALGORITHM = algorithm

    token = open_cookie(name, email, roles)

    assert len(access_name()) + len(token) <= LIMIT
    assert verify(token, "products")["email"] == email


def test_the_four_roles_are_told_beside_a_long_name_and_address(keys):
    claims = verify(open_cookie("\U0001f409" * 200, EMAIL, ORDINARY), "products")

    assert (claims["name"], claims["email"], claims["roles"]) == ("\U0001f409" * 200, EMAIL, ORDINARY)


def test_roles_that_find_no_room_are_left_out_and_their_scopes_stay(keys):
    claims = verify(open_cookie("Alice", "alice@example.com", [f"{n:02}{'x' * 62}" for n in range(30)]), "products")

    assert 10 < len(claims["roles"]) < 30
    assert (claims["name"], claims["scope"]) == ("Alice", "account")
