"""A log-out ends the session, at every service."""

import pytest

from accounts.models import Event, Session

pytestmark = pytest.mark.django_db


def log_out(api, token):
    return api.post("/api/token/blacklist/", {"refresh": token})


def test_a_log_out_ends_the_session_and_its_access_token(api, alice, log_in, bearer):
    grant = log_in()

    answer = log_out(api, grant["refresh"])

    assert (answer.status_code, answer.json()) == (200, {})
    assert bearer(grant["access"]).get("/api/accounts/me/").status_code == 401
    assert api.post("/api/token/refresh/", {"refresh": grant["refresh"]}).status_code == 401


def test_a_log_out_is_an_event(api, alice, log_in):
    log_out(api, log_in()["refresh"])

    event = Event.objects.get(what="session ended")
    assert (event.sub, event.client_id, event.facts) == (alice.sub, "api", {"reason": "log-out"})


def test_logging_out_twice_is_fine(api, alice, log_in):
    token = log_in()["refresh"]

    assert [log_out(api, token).status_code for _ in range(2)] == [200, 200]
    assert Event.objects.filter(what="session ended").count() == 1


def test_a_token_that_was_used_still_logs_out(api, alice, log_in):
    token = log_in()["refresh"]
    api.post("/api/token/refresh/", {"refresh": token})

    assert log_out(api, token).status_code == 200
    assert not Session.objects.alive().exists()


def test_another_session_goes_on(api, alice, log_in):
    token, other = log_in()["refresh"], log_in()["refresh"]

    log_out(api, token)

    assert api.post("/api/token/refresh/", {"refresh": other}).status_code == 200


@pytest.mark.parametrize("forge", [lambda t: t["access"], lambda t: t["refresh"][:-4] + "AAAA", lambda t: "x"])
def test_what_is_no_refresh_token_ends_nothing(api, alice, log_in, forge):
    answer = log_out(api, forge(log_in()))

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid-token")
    assert Session.objects.alive().exists()


@pytest.mark.parametrize("body", [{}, {"refresh": 1}, {"refresh": "a\0b"}, [1], {"refresh": "a", "all": True}])
def test_a_body_of_the_wrong_shape_is_told_by_field(api, db, body):
    assert api.post("/api/token/blacklist/", body).status_code == 400
