"""A refresh moves a session on, once; what is older than the last token is theft."""

from datetime import timedelta

import jwt
import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.issuing import status_lists
from accounts.issuing.key_derivation import derive_keys
from accounts.issuing.tokens import REFRESH_PURPOSE, read_refresh
from accounts.models import Session, TokenStatus
from tests.accounts.conftest import PASSWORD
from tokens.errors import TokenRefused

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


def count_statements(act):
    with CaptureQueriesContext(connection) as queries:
        assert act().status_code == 200
    return len([query for query in queries if "SAVEPOINT" not in query["sql"]])


def test_a_refresh_takes_four_statements(api, alice, log_in):
    token = log_in()["refresh"]

    first = count_statements(lambda: refresh(api, token))
    again = count_statements(lambda: refresh(api, token))

    assert (first, again) == (4, 4)


def test_only_the_refresh_that_gets_a_new_entry_takes_three_more(api, alice, log_in):
    token = log_in()["refresh"]
    status_lists.revoke_session_tokens(Session.objects.all())

    assert count_statements(lambda: refresh(api, token)) == 7  # Roles are read again, after it.
    assert count_statements(lambda: refresh(api, token)) == 4


def test_with_a_shared_secret_it_takes_three(api, alice, log_in, settings):
    settings.JWT_ALGORITHM, settings.JWT_SIGNING_KEY = "HS256", "a secret of at least thirty-two bytes"
    token = log_in()["refresh"]

    assert count_statements(lambda: refresh(api, token)) == 3


def test_a_refresh_token_says_what_its_row_says(api, alice, log_in, settings):
    token = log_in()["refresh"]

    header, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})

    session = Session.objects.get()
    assert header == {"alg": "HS256", "typ": "rt+jwt"}
    assert claims == {
        "iss": settings.ISSUER,
        "aud": "accounts",
        "sub": alice.sub,
        "client_id": "api",
        "sid": str(session.pk),
        "generation": 0,
        "iat": int(session.rotated_at.timestamp()),
        "exp": int(session.rotated_at.timestamp()) + 14 * 86400,
        "jti": claims["jti"],
        "token_type": "refresh",
    }


def test_no_refresh_token_outlives_its_session(api, alice, log_in):
    token = log_in()["refresh"]
    Session.objects.update(expires_at=timezone.now() + timedelta(days=1))

    renewed = refresh(api, token).json()["refresh"]

    expires_at = jwt.decode(renewed, options={"verify_signature": False})["exp"]
    assert expires_at == int(Session.objects.get().expires_at.timestamp())


def test_what_another_secret_signed_is_no_token_of_ours(api, alice, log_in, settings):
    token = log_in()["refresh"]
    settings.SECRET_KEY = "another secret key that is long enough for anything here"

    assert refresh(api, token).status_code == 401
    assert Session.objects.get().generation == 0


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("wrong", ["typ", "alg none", "alg", "issuer", "audience", "signature", "access token"])
def test_what_is_no_refresh_token_is_refused(api, alice, log_in, wrong):
    grant = log_in()
    claims = jwt.decode(grant["refresh"], options={"verify_signature": False})
    key = derive_keys(REFRESH_PURPOSE)[0]
    forged = {
        "typ": jwt.encode(claims, key, "HS256", headers={"typ": "at+jwt"}),
        "alg none": jwt.encode(claims, "", "none", headers={"typ": "rt+jwt"}),
        "alg": jwt.encode(claims, key, "HS512", headers={"typ": "rt+jwt"}),
        "issuer": jwt.encode({**claims, "iss": "https://other.example"}, key, "HS256", headers={"typ": "rt+jwt"}),
        "audience": jwt.encode({**claims, "aud": "orders"}, key, "HS256", headers={"typ": "rt+jwt"}),
        "signature": jwt.encode(claims, b"k" * 32, "HS256", headers={"typ": "rt+jwt"}),
        "access token": grant["access"],
    }

    assert refresh(api, forged[wrong]).status_code == 401
    assert Session.objects.get().generation == 0


def test_the_refresh_token_of_a_deleted_user_is_refused(api, alice, log_in):
    token = log_in()["refresh"]
    alice.delete()

    assert refresh(api, token).status_code == 401


@pytest.mark.parametrize("body", [{}, {"refresh": 1}, {"refresh": "a\0b"}, {"refresh": ""}, [], {"access": "x"}])
def test_a_body_of_the_wrong_shape_is_told(api, db, body):
    assert api.post("/api/token/refresh/", body).status_code == 400


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


def test_a_token_of_a_process_whose_clock_is_ahead_is_taken(api, alice, log_in):
    with time_machine.travel(timezone.now() + timedelta(seconds=20)):
        token = log_in()["refresh"]

    assert refresh(api, token).status_code == 200


@pytest.mark.parametrize("seconds", [40, 3600, 86_400])
def test_a_token_of_a_process_whose_clock_is_far_ahead_is_taken_too(api, alice, log_in, seconds):
    """It is ours, and its session lives: to refuse it would end that for a clock that is put right later."""
    with time_machine.travel(timezone.now() + timedelta(seconds=seconds)):
        token = log_in()["refresh"]

    assert refresh(api, token).status_code == 200


def test_it_expires_to_the_second(alice, log_in):
    now = timezone.now().replace(microsecond=0)
    with time_machine.travel(now, tick=False):
        token = log_in()["refresh"]

    with time_machine.travel(now + timedelta(days=14, seconds=-1), tick=False):
        assert read_refresh(token).generation == 0
    with time_machine.travel(now + timedelta(days=14), tick=False), pytest.raises(TokenRefused):
        read_refresh(token)
