"""A refresh moves a session on, once; what is older than the last token is theft."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Session, TokenStatus
from tests.accounts.conftest import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def refresh(api, token):
    return api.post("/api/token/refresh/", {"refresh": token})


def test_a_refresh_answers_the_next_pair(api, alice, log_in):
    first = log_in()

    second = refresh(api, first["refresh"]).json()

    assert second["refresh"] != first["refresh"]
    assert refresh(api, second["refresh"]).status_code == 200


def test_a_refresh_whose_answer_was_lost_is_answered_the_same_again(api, alice, log_in):
    token = log_in()["refresh"]

    first, again = refresh(api, token).json(), refresh(api, token).json()

    assert first["refresh"] == again["refresh"]


def test_a_token_used_after_the_grace_ends_its_session(api, alice, log_in, bearer):
    stolen = log_in()["refresh"]
    successor = refresh(api, stolen).json()

    with time_machine.travel(timezone.now() + timedelta(seconds=31), tick=False):
        assert refresh(api, stolen).status_code == 401
        assert refresh(api, successor["refresh"]).status_code == 401
    assert Session.objects.get().end_reason == "reuse"
    assert TokenStatus.objects.get().revoked_at is not None


def test_a_token_older_than_the_last_but_one_ends_its_session_at_once(api, alice, log_in):
    stolen = log_in()["refresh"]
    refresh(api, refresh(api, stolen).json()["refresh"])

    assert refresh(api, stolen).status_code == 401
    assert Session.objects.get().end_reason == "reuse"


def test_a_forged_token_touches_nothing(api, alice, log_in):
    token = log_in()["refresh"]

    assert refresh(api, token[:-5] + "AAAAA").status_code == 401
    assert Session.objects.get().generation == 0


def test_another_clients_token_touches_nothing(api, alice, log_in):
    token = log_in()["refresh"]
    Session.objects.update(client_id="web")

    assert refresh(api, token).status_code == 401
    assert Session.objects.get().generation == 0


def test_a_session_that_was_idle_too_long_is_over(api, alice, log_in):
    token = log_in()["refresh"]

    with time_machine.travel(timezone.now() + timedelta(days=14, seconds=1)):
        assert refresh(api, token).status_code == 401


def test_a_session_ends_after_ninety_days_however_busy(api, alice, log_in):
    token = log_in()["refresh"]
    start = timezone.now()
    for day in range(10, 90, 10):
        with time_machine.travel(start + timedelta(days=day)):
            token = refresh(api, token).json()["refresh"]

    with time_machine.travel(start + timedelta(days=90, seconds=1)):
        assert refresh(api, token).status_code == 401


def test_a_refresh_reads_the_scopes_afresh(api, alice, log_in):
    token = log_in()["refresh"]
    alice.roles.clear()

    access = refresh(api, token).json()["access"]

    assert api.get("/api/accounts/me/", HTTP_AUTHORIZATION=f"Bearer {access}").status_code == 403


def test_a_refresh_takes_four_statements(api, alice, log_in):
    token = log_in()["refresh"]

    with CaptureQueriesContext(connection) as queries:
        refresh(api, token)

    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert len(statements) == 4


def test_a_log_out_ends_the_session_and_its_tokens(api, alice, log_in, bearer):
    grant = log_in()

    assert api.post("/api/token/blacklist/", {"refresh": grant["refresh"]}).json() == {}

    assert refresh(api, grant["refresh"]).status_code == 401
    assert TokenStatus.objects.get().revoked_at is not None


def test_a_changed_password_ends_every_other_session(api, alice, log_in, bearer):
    other, own = log_in(), log_in()

    answer = bearer(own["access"]).post(
        "/api/accounts/me/password/", {"current_password": PASSWORD, "new_password": "another horse battery"}
    )

    assert answer.json() == {}
    assert refresh(api, other["refresh"]).status_code == 401
    assert refresh(api, own["refresh"]).status_code == 200
