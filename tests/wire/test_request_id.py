"""The id of a request stands in its answer, its problem and its log lines."""

import uuid

import pytest

pytestmark = pytest.mark.urls("tests.wire.urls")


def test_a_request_is_given_an_id(client):
    assert uuid.UUID(client.get("/healthz")["X-Request-ID"])


def test_each_request_has_an_id_of_its_own(client):
    assert client.get("/healthz")["X-Request-ID"] != client.get("/healthz")["X-Request-ID"]


def test_the_callers_id_is_kept(client):
    assert client.get("/healthz", HTTP_X_REQUEST_ID="order-7")["X-Request-ID"] == "order-7"


@pytest.mark.parametrize("name", ["", "two words", "a\tb", "é", "<b>", "a" * 65, "a\x00"])
def test_an_id_that_is_no_plain_word_is_replaced(client, name):
    assert uuid.UUID(client.get("/healthz", HTTP_X_REQUEST_ID=name)["X-Request-ID"])


def test_the_id_is_in_the_problem_and_in_the_log_line(alice, caplog):
    response = alice.get("/api/nowhere/", HTTP_X_REQUEST_ID="order-7")

    [line] = [record.msg for record in caplog.records if record.msg["event"] == "request_finished"]
    assert response.json()["request_id"] == "order-7"
    assert (line["request_id"], line["code"], line["ip"]) == ("order-7", 404, "127.0.0.1")


def test_the_id_of_one_request_does_not_leak_into_the_next(client, caplog):
    client.get("/healthz", HTTP_X_REQUEST_ID="first")
    client.get("/healthz", HTTP_X_REQUEST_ID="second")

    named = [record.msg["request_id"] for record in caplog.records if record.msg["event"] == "request_finished"]
    assert named == ["first", "second"]
