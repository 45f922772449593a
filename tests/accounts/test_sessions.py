"""One sees where one is logged in, and ends what one does not know."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Event, Session, TokenStatus

pytestmark = pytest.mark.django_db

SESSIONS = "/api/accounts/sessions/"


@pytest.fixture
def own(alice, log_in, bearer):
    """Alice's API client."""
    return bearer(log_in()["access"])


def open_sessions(user, count, **fields):
    now = timezone.now()
    return [
        Session.objects.create(
            user=user,
            client_id="web",
            status=TokenStatus.objects.create(),
            expires_at=now + timedelta(days=90),
            **({"rotated_at": now - timedelta(minutes=number + 1)} | fields),
        )
        for number in range(count)
    ]


def test_the_list_says_which_device_where_and_when(api, alice, bearer):
    headers = {"HTTP_USER_AGENT": "Looking Glass 1.0", "REMOTE_ADDR": "192.0.2.7"}
    body = {"email": "alice@example.com", "password": "correct horse battery"}
    own = bearer(api.post("/api/token/", body, **headers).json()["access"])

    session, listed = Session.objects.get(), own.get(SESSIONS).json()

    assert listed == {
        "results": [
            {
                "id": str(session.pk),
                "client_id": "api",
                "device": "Looking Glass 1.0",
                "address": "192.0.2.7",
                "created_at": write(session.created_at),
                "last_used_at": write(session.rotated_at),
                "expires_at": write(session.expires_at),
                "current": True,
            }
        ],
        "next": None,
        "previous": None,
    }


def write(time):
    return time.isoformat().replace("+00:00", "Z")


def test_only_ones_own_living_sessions_are_listed_the_latest_used_first(own, alice, bob):
    recent, older = open_sessions(alice, 2)
    open_sessions(alice, 1, ended_at=timezone.now())
    open_sessions(alice, 1, rotated_at=timezone.now() - timedelta(days=15))
    open_sessions(bob, 1)

    results = own.get(SESSIONS).json()["results"]

    assert [(row["id"], row["current"]) for row in results][1:] == [(str(recent.pk), False), (str(older.pk), False)]
    assert [row["current"] for row in results] == [True, False, False]


def test_the_list_has_pages(own, alice):
    open_sessions(alice, 4)

    first = own.get(f"{SESSIONS}?limit=3").json()
    second = own.get(first["next"]).json()

    assert (len(first["results"]), len(second["results"]), second["next"]) == (3, 2, None)
    assert len({row["id"] for row in first["results"] + second["results"]}) == 5


@pytest.mark.parametrize("query", ["cursor=made-up", "cursor=%00", "limit=0", "limit=101", "limit=x"])
def test_a_made_up_page_is_refused(own, query):
    assert own.get(f"{SESSIONS}?{query}").status_code == 400


def test_ending_one_ends_its_tokens(own, alice, log_in, api):
    other = log_in()
    sid = Session.objects.latest("created_at").pk

    assert own.delete(f"{SESSIONS}{sid}/").status_code == 204

    assert api.post("/api/token/refresh/", {"refresh": other["refresh"]}).status_code == 401
    ended = Session.objects.get(pk=sid)
    assert (ended.end_reason, ended.status.revoked_at is None) == ("log-out", False)
    assert own.delete(f"{SESSIONS}{sid}/").status_code == 404


def test_nobody_ends_what_is_not_his(own, bob):
    (session,) = open_sessions(bob, 1)

    assert own.delete(f"{SESSIONS}{session.pk}/").status_code == 404
    assert Session.objects.alive().filter(pk=session.pk).exists()


def test_a_session_that_never_was_is_not_found(own):
    assert own.delete(f"{SESSIONS}{uuid.uuid4()}/").status_code == 404


def test_ending_the_others_leaves_this_one(own, alice, bob):
    open_sessions(alice, 3)
    open_sessions(bob, 1)

    assert own.delete(SESSIONS).status_code == 204

    assert Session.objects.alive().filter(user=alice).count() == 1
    assert Session.objects.alive().filter(user=bob).count() == 1
    assert Event.objects.filter(what="session ended", sub=alice.sub).count() == 3


def test_a_session_that_ended_stays_ended_once(alice, own):
    own.delete(SESSIONS + str(Session.objects.get().pk) + "/")
    own.delete(SESSIONS)

    assert Event.objects.filter(what="session ended").count() == 1


@pytest.mark.parametrize("address", ["not an address", "1.2.3.4:99", "", "fe80::1%eth0", "::ffff:192.0.2.1"])
def test_an_odd_address_is_no_error(api, alice, address):
    body = {"email": "alice@example.com", "password": "correct horse battery"}

    assert api.post("/api/token/", body, REMOTE_ADDR=address).status_code == 200
    assert Session.objects.get().address in (None, "1.2.3.4", "fe80::1", "192.0.2.1")


def test_an_odd_device_is_no_error(api, alice):
    body = {"email": "alice@example.com", "password": "correct horse battery"}

    assert api.post("/api/token/", body, HTTP_USER_AGENT="\0\x7fé" + "x" * 5000).status_code == 200
    assert len(Session.objects.get().device) == 200


def test_the_list_takes_one_statement_however_many_there_are(own, alice):
    own.get(SESSIONS)
    counts = []
    for _ in range(2):
        open_sessions(alice, 8)
        with CaptureQueriesContext(connection) as queries:
            own.get(SESSIONS)
        counts.append(len(queries))

    assert counts == [1, 1]


def test_ending_sessions_takes_as_many_statements_for_many_as_for_one(own, alice):
    own.get(SESSIONS)
    counts = []
    for number in (1, 20):
        open_sessions(alice, number)
        with CaptureQueriesContext(connection) as queries:
            own.delete(SESSIONS)
        counts.append(len([query for query in queries if "SAVEPOINT" not in query["sql"]]))

    assert counts[0] == counts[1]


@pytest.mark.database
def test_with_one_session_too_many_the_one_not_used_for_longest_ends(own, alice, log_in, settings):
    settings.SESSIONS_PER_PERSON = 4
    oldest, newer = open_sessions(alice, 2, rotated_at=timezone.now() - timedelta(hours=1)), open_sessions(alice, 1)
    Session.objects.filter(pk=oldest[0].pk).update(rotated_at=timezone.now() - timedelta(hours=2))

    log_in()

    ended = Session.objects.exclude(ended_at=None).get()
    assert (ended.pk, ended.end_reason) == (oldest[0].pk, "too many")
    assert TokenStatus.objects.get(pk=oldest[0].status_id).revoked_at
    assert Session.objects.alive().filter(pk=newer[0].pk).exists()
    assert own.get(SESSIONS).status_code == 200


def test_sessions_that_are_over_take_no_room(alice, log_in, settings):
    settings.SESSIONS_PER_PERSON = 2
    open_sessions(alice, 3, ended_at=timezone.now())
    open_sessions(alice, 3, rotated_at=timezone.now() - timedelta(days=15))
    log_in(), log_in()

    assert not Session.objects.filter(end_reason="too many").exists()


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_of_eight_log_ins_at_once_no_more_stay_than_one_person_may_have(alice, log_in, settings, at_once):
    settings.SESSIONS_PER_PERSON = 3

    at_once(8, lambda _: log_in())

    assert Session.objects.alive().count() == 3
