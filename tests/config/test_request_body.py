"""A body that does not say how long it is, chunked or of HTTP/2, is read like any other."""

import json
from io import BytesIO

import pytest

from config.wsgi import application

pytestmark = pytest.mark.django_db


def post(path, body, media_type="application/json", **environ):
    """Status and body of the answer to what a server hands over that marks the end of a body itself."""
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": media_type,
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.url_scheme": "http",
        "wsgi.errors": BytesIO(),
    } | environ
    statuses = []
    answer = application(environ, lambda status, headers, exc_info=None: statuses.append(int(status[:3])))
    return statuses[0], json.loads(b"".join(answer))


CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked"}
HTTP_2 = {"SERVER_PROTOCOL": "HTTP/2"}


@pytest.mark.parametrize("environ", [CHUNKED, HTTP_2])
def test_json_is_read(environ):
    status, problem = post("/api/token/", b'{"email": "alice@example.com"}', **environ)

    assert (status, problem["errors"]) == (400, {"password": ["This field is required."]})


@pytest.mark.parametrize("environ", [CHUNKED, HTTP_2])
def test_a_form_is_read(environ):
    status, error = post("/oauth/revoke", b"client_id=web", "application/x-www-form-urlencoded", **environ)

    assert (status, error["error_description"]) == (400, "token is missing.")


def test_a_body_of_many_parts_is_read_whole():
    email = "x" * 60_000

    status, problem = post("/api/token/", json.dumps({"email": email, "password": "x"}).encode(), **CHUNKED)

    assert (status, list(problem["errors"])) == (400, ["email"])


def test_no_more_is_read_than_shows_that_it_is_too_much(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100_000
    endless = BytesIO(b"[" * 500_000)

    status, problem = post("/api/token/", b"", **{"wsgi.input": endless}, **CHUNKED)

    assert (status, problem["code"]) == (413, "too-large")
    assert endless.tell() == 100_001


def test_a_server_that_does_not_mark_the_end_is_not_waited_for():
    status, _ = post("/api/token/", b"{}", **{"wsgi.input_terminated": False}, **CHUNKED)

    assert status == 400
