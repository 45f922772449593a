"""However long somebody's name, address and roles are, the access cookie fits what browsers keep."""

import secrets
from datetime import timedelta
from functools import cache

import pytest
from django.test import Client
from joserfc.jwk import RSAKey

from accounts.issuing.tokens import issue_access
from accounts.login import sessions
from accounts.models import Role, Session, TokenStatus, User
from database import clock, sequences
from tests.accounts.conftest import PASSWORD, register
from tokens.cookies import access_name
from tokens.verification import verify
from wire import text

pytestmark = pytest.mark.django_db

LIMIT = 4096
"""Bytes of name and value together (RFC 6265bis 5.6)."""
EMAIL = f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.example"
ORDINARY = ["admin", "catalogue manager", "customer", "order manager"]


@pytest.fixture(autouse=True, scope="module")
def one_rsa_key():
    """To make one takes most of a second, and any is as long as another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RSAKey, "generate_key", cache(RSAKey.generate_key))
        yield


@pytest.fixture(params=[[], [secrets.token_bytes(32)]], ids=["signed", "encrypted"])
def keys(request, settings):
    settings.JWT_ENCRYPTION_KEYS = request.param
    settings.DEBUG = False


def open_cookie(name, email, roles):
    user = register(email, PASSWORD, name)
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
        ("n" * 200, f"a@{'ü' * 55}.{'ü' * 55}.{'ü' * 55}.example", ORDINARY),
    ],
    ids=["emoji", "escapes", "many roles", "international address"],
)
def test_the_access_cookie_of_anybody_fits(settings, keys, name, email, roles, algorithm):
    settings.JWT_ALGORITHM = algorithm

    token = open_cookie(name, email, roles)

    assert len(access_name()) + len(token) <= LIMIT
    assert verify(token, "products")["email"] == text.email(email)


def test_the_access_cookie_of_anybody_fits_in_the_list_after_a_restore(settings, keys):
    settings.JWT_ALGORITHM = "RS256"
    TokenStatus.objects.create(pk=(1 << 20) * 999_999_999 + 1_000_000)
    sequences.follow_greatest(TokenStatus)

    token = open_cookie("\U0001f409" * 200, EMAIL, ORDINARY)

    assert len(access_name()) + len(token) <= LIMIT
    assert verify(token, "products")["status"]["status_list"]["uri"].endswith("/999999999")


def test_the_four_roles_are_told_beside_a_long_name_and_address(keys):
    claims = verify(open_cookie("\U0001f409" * 200, EMAIL, ORDINARY), "products")

    assert (claims["name"], claims["email"], claims["roles"]) == ("\U0001f409" * 200, EMAIL, ORDINARY)


def test_roles_that_find_no_room_are_left_out_and_their_scopes_stay(keys):
    claims = verify(open_cookie("Alice", "alice@example.com", [f"{n:02}{'x' * 62}" for n in range(30)]), "products")

    assert 10 < len(claims["roles"]) < 30
    assert (claims["name"], claims["scope"]) == ("Alice", "account")


@pytest.mark.parametrize("is_verified", [True, False])
@pytest.mark.parametrize("age", [timedelta(), timedelta(hours=13)])
def test_the_cookie_with_everything_on_fits(settings, keys, is_verified, age):
    settings.JWT_ALGORITHM, settings.STAFF_FACTORS = "RS256", 2
    TokenStatus.objects.create(pk=(1 << 20) * 999_999_999 + 1_000_000)
    sequences.follow_greatest(TokenStatus)
    user = register(EMAIL, PASSWORD, "\U0001f409" * 200)
    user.roles.set([*Role.objects.all(), *(Role.objects.create(name=f"{n:02}") for n in range(90))])
    User.objects.update(email_verified_at=user.created_at if is_verified else None)
    sessions.open_session(user, sessions.Origin("web"), "pwd hwk user mfa")
    Session.objects.update(second_factor_at=clock.now() - age)

    token = issue_access(Session.objects.get())

    claims = verify(token, "products")
    assert 4000 * bool(settings.JWT_ENCRYPTION_KEYS) < len(access_name()) + len(token) <= LIMIT
    assert {"auth_time", "acr", "amr"} <= claims.keys()
    assert ("email_verified" in claims, "withheld" in claims) == (is_verified, bool(age) or not is_verified)
