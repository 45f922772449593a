"""One reads oneself, and changes one's name."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Event, User
from tests.accounts.conftest import forget
from tests.issuer import challenge, sign

pytestmark = pytest.mark.django_db

ME = "/api/accounts/me/"


@pytest.fixture
def own(alice, log_in, bearer):
    """Alice's API client."""
    return bearer(log_in()["access"])


def test_a_new_name_is_answered_and_kept(own, alice):
    answer = own.patch(ME, {"name": "Alice Liddell"})

    alice.refresh_from_db()
    assert (answer.status_code, answer.json()["name"], alice.name) == (200, "Alice Liddell", "Alice Liddell")
    assert Event.objects.about(alice).last().what == "renamed"


def test_the_next_token_carries_the_new_name(own, log_in, bearer, api):
    refresh = log_in()["refresh"]
    own.patch(ME, {"name": "Alice Liddell"})

    access = api.post("/api/token/refresh/", {"refresh": refresh}).json()["access"]

    assert bearer(access).get(ME).json()["name"] == "Alice Liddell"


def test_nothing_to_change_changes_nothing(own, alice):
    assert own.patch(ME, {}).json()["name"] == "Alice"
    assert not Event.objects.filter(what="renamed").exists()


@pytest.mark.parametrize("body", [{"name": ""}, {"name": None}, {"name": "A\0"}, {"email": "x@example.com"}, [], "a"])
def test_what_may_not_be_changed_is_told(own, alice, body):
    answer = own.patch(ME, body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert User.objects.get().name == "Alice"


def test_without_a_token_there_is_nobody(api, alice):
    answer = api.get(ME)

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, challenge("accounts"))


def test_who_was_deleted_a_moment_ago_is_not_found(own, alice):
    User.objects.all().delete()

    assert own.get(ME).status_code == 404


@pytest.mark.parametrize("sub", ["orders", "72c892e9-a913-4542-b068-3a84165f813e"])
def test_a_subject_without_a_row_is_not_found(bearer, alice, settings, sub):
    settings.TOKEN_ISSUER = "tests.issuer.InMemoryIssuer"
    forget()

    assert bearer(sign(sub=sub)).get(ME).status_code == 404


def test_oneself_is_read_in_two_statements_however_many_roles(own, alice):
    for number in range(5):
        alice.roles.create(name=f"role {number}", scopes=["products:read"])

    own.get(ME)
    with CaptureQueriesContext(connection) as queries:
        own.get(ME)

    assert len(queries) == 2


def test_a_name_is_changed_so_often_in_an_hour_and_no_more(own):
    answers = [own.patch(ME, {"name": f"Alice {number}"}) for number in range(22)]

    assert [answer.status_code for answer in answers] == [200] * 20 + [429] * 2
    assert 3_500 < int(answers[-1]["Retry-After"]) <= 3_600
    assert Event.objects.filter(what="renamed").count() == 20
