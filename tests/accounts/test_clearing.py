"""What has served is cleared away beside requests, and nothing that may still be asked about."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.issuing import status_lists
from accounts.jobs import JOBS
from accounts.login import sessions
from accounts.models import Client, Event, Session, TokenStatus
from accounts.oauth import clients
from config.periodic_jobs import find_jobs
from wire.events import SYSTEM

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def later(**delta):
    return time_machine.travel(timezone.now() + timedelta(**delta), tick=False)


def test_every_job_is_found_and_runs(alice, log_in):
    log_in()

    names = [job.name for job in find_jobs() if job.service == "accounts"]
    assert names == [
        "clear sessions",
        "clear codes",
        "clear client assertions",
        "clear failed log-ins",
        "clear challenges",
        "clear token statuses",
        "clear roles",
        "clear signing keys",
        "forget deleted people",
        "forget people",
        "send mails",
        "clear mails",
    ]
    assert [run() for run, _ in JOBS.values()] == [0] * 12
    assert Session.objects.alive().count() == 1


def test_sessions_that_are_over_go_after_a_month_and_the_trail_stays(alice, log_in, api):
    api.post("/api/token/blacklist/", {"refresh": log_in()["refresh"]})

    with later(days=29):
        assert sessions.clear_sessions() == 0
    with later(days=31):
        assert sessions.clear_sessions() == 1
    assert not Session.objects.exists()
    assert Event.objects.filter(what="session ended").count() == 1


def test_sessions_nobody_renewed_go_too(alice, log_in):
    log_in()

    with later(days=43):
        assert sessions.clear_sessions() == 0
    with later(days=45):
        assert sessions.clear_sessions() == 1


def test_an_entry_goes_when_no_session_has_it_and_no_living_token_names_it(alice, log_in, api):
    api.post("/api/token/blacklist/", {"refresh": log_in()["refresh"]})
    log_in()

    with later(days=31):
        assert status_lists.clear_statuses() == 0
        sessions.clear_sessions()
        assert status_lists.clear_statuses() == 1
    assert Session.objects.get().status_id == TokenStatus.objects.get().pk


def test_an_entry_that_a_session_lost_stays_while_its_tokens_live(alice, log_in, api):
    refresh = log_in()["refresh"]
    status_lists.revoke_session_tokens(Session.objects.all())
    api.post("/api/token/refresh/", {"refresh": refresh})

    with later(hours=24):
        assert status_lists.clear_statuses() == 0
    with later(hours=26):
        assert status_lists.clear_statuses() == 1


def test_the_entries_of_clients_stay(db):
    client = Client(client_id="orders", name="Orders", scopes=["stock:reserve"], audience=["products"])
    clients.register_client(client, by=SYSTEM)
    clients.revoke_tokens(client, by=SYSTEM)

    with later(days=2):
        assert status_lists.clear_statuses() == 1
    assert Client.objects.get().status_id == TokenStatus.objects.get().pk


def test_the_last_entry_stays_so_that_no_list_goes_and_no_number_comes_twice(alice, log_in):
    log_in()
    last = TokenStatus.objects.get().pk
    Session.objects.all().delete()

    assert status_lists.clear_statuses() == 0
    assert TokenStatus.objects.create().pk == last + 1
