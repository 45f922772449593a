"""One deletes oneself for good."""

import pytest

from accounts.models import Event, Session, TokenStatus, User
from accounts.people import credentials, deletion
from tests.accounts.conftest import PASSWORD
from wire.events import SYSTEM

pytestmark = pytest.mark.django_db


@pytest.fixture
def own(alice, log_in, bearer):
    """Alice's API client."""
    return bearer(log_in()["access"])


def delete(client, current=PASSWORD):
    return client.delete("/api/accounts/me/", {"current_password": current})


def test_who_deletes_himself_is_gone_and_his_tokens_are_revoked(own, alice, bob, log_in, api):
    refresh = log_in()["refresh"]

    answer = delete(own)

    assert (answer.status_code, answer.content) == (204, b"")
    assert [user.email for user in User.objects.all()] == ["bob@example.com"]
    assert not Session.objects.exists()
    assert [status.revoked_at is None for status in TokenStatus.objects.all()] == [False, False]
    assert api.post("/api/token/refresh/", {"refresh": refresh}).status_code == 401


def test_deleting_oneself_stays_on_the_trail(own, alice):
    sub = alice.sub

    delete(own)

    event = Event.objects.get(what="user deleted")
    assert (event.kind, event.subject, event.sub) == ("user", sub, sub)


def test_the_address_is_free_again(own, api):
    delete(own)

    body = {"email": "alice@example.com", "password": PASSWORD, "name": "Another Alice"}
    assert api.post("/api/accounts/register/", body).status_code == 201


@pytest.mark.parametrize("body", [{"current_password": "wrong"}, {}, None, {"current_password": 1}])
def test_without_the_password_nothing_happens(own, alice, body):
    assert own.delete("/api/accounts/me/", body).status_code == 400
    assert User.objects.count() == 1
    assert Session.objects.alive().exists()


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_a_log_in_while_one_is_deleted_leaves_no_session(alice, log_in, bearer, api, at_once):
    own = bearer(log_in()["access"])

    def act(number):
        if number == 0:
            return delete(own).status_code
        return api.post("/api/token/", {"email": "alice@example.com", "password": PASSWORD}).status_code

    statuses = at_once(4, act)

    assert statuses[0] == 204
    assert set(statuses[1:]) <= {200, 401, 429}
    assert not Session.objects.exists()


def test_a_deletion_that_a_new_password_overtook_is_refused(alice):
    stale = User.objects.get()
    credentials.reset_password(alice, "a staple and a horse")

    with pytest.raises(credentials.WrongPassword):
        deletion.delete_unchanged(stale, by=SYSTEM)

    assert User.objects.count() == 1
