"""A request leaves one line in the log, which says who asked for what, and nothing that opens anything."""

import json
from datetime import datetime, timedelta

import pytest
import structlog
from django.db import OperationalError
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import path

from tests.conftest import Person
from tests.issuer import read
from tests.wire.urls import handler400, handler403, handler500
from tests.wire.urls import urlpatterns as plain
from tokens.cookies import access_name
from wire.api.views import public

__all__ = ["handler400", "handler403", "handler500"]

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@public
def stream(request, count):
    """Some parts, after which what streams breaks off if there are more than three."""
    return StreamingHttpResponse(str(number) if number < 3 else 1 / 0 for number in range(count))


@public
def away(request):
    raise OperationalError("the database is away")


urlpatterns = [path("api/away/", away), path("stream/<int:count>", stream), *plain]


@pytest.fixture
def lines(caplog):
    """What is logged, without the time."""
    caplog.set_level("INFO")

    def read():
        return [record.msg for record in caplog.records]

    return read


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/healthz", "GET /healthz"),
        ("/healthz?access_token=abc.def.ghi", "GET /healthz"),
        ("/password-reset/MQ/abc-def/", "GET /password-reset/***/"),
        ("/password-reset/MQ/abc-def", "GET /password-reset/***/"),
        ("/password-reset/MQ/abc-def/more", "GET /password-reset/***/"),
        ("//password-reset/MQ/abc-def/", "GET /password-reset/***/"),
        ("/account/email/verify/MQ/abc-def/", "GET /account/email/verify/***/"),
        ("/account/email/verify/", "GET /account/email/verify/"),
        ("/password-reset/", "GET /password-reset/"),
        ("/password-reset/sent/", "GET /password-reset/sent/"),
    ],
)
def test_a_line_holds_method_and_path_and_no_secret(client, lines, path, line):
    client.generic("GET", path, PATH_INFO=path.partition("?")[0])

    assert [told["request"] for told in lines()] == [line]


def test_a_line_has_the_time_in_utc(client, lines):
    client.get("/healthz")

    (line,) = lines()
    assert datetime.fromisoformat(line["timestamp"]).utcoffset() == timedelta(0)


@pytest.mark.parametrize("path", ["/a%0Ab", "/a\nb", "/a%0D%0A%7B%22code%22:200%7D", '/a"}', "/a\u2028b", "/a\x1b[2J"])
def test_nothing_in_an_address_makes_another_line(client, lines, path):
    client.get(path)

    (line,) = [structlog.processors.JSONRenderer()(None, "", told) for told in lines()]
    assert line.isprintable()
    assert json.loads(line)["code"] == 404


def test_a_form_of_a_link_by_mail_that_is_refused_shows_no_secret(lines, capfd):
    Client(enforce_csrf_checks=True).post("/password-reset/MQ/abc-def/")

    (line,) = lines()
    assert (line["code"], line["request"]) == (403, "POST /password-reset/***/")
    assert line["reason"].startswith("CSRF cookie not set")
    assert "abc-def" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("claims", "status", "reason"),
    [
        ({"scope": "account"}, 403, "insufficient-scope"),
        ({"scope": "products:read", "aud": ["elsewhere"]}, 401, "invalid-token"),
    ],
)
def test_who_is_refused_is_named(lines, claims, status, reason):
    eve = Person("eve", **{"client_id": "web", **claims})

    eve.get("/api/echo/")

    (line,) = lines()
    assert (line["code"], line["reason"]) == (status, reason)
    assert (line["sub"], line["client_id"]) == (eve.sub, "web")
    assert eve.token not in str(line)


def test_who_is_refused_a_page_is_named(lines):
    eve = Person("eve", "account")

    eve.browser.get("/greet/")

    (line,) = lines()
    assert (line["code"], line["sub"]) == (403, eve.sub)


def test_whose_token_was_revoked_is_named(lines, alice, issuer):
    issuer.revoked.add(read(alice.token)[1]["status"]["status_list"]["idx"])

    alice.get("/api/echo/")

    (line,) = lines()
    assert (line["code"], line["reason"], line["sub"]) == (401, "invalid-token", alice.sub)


def test_nobody_is_named_by_the_request_before(lines, alice, client):
    alice.get("/api/echo/")
    client.get("/api/echo/")

    assert [line.get("sub") for line in lines()] == [alice.sub, None]


def test_an_error_that_nobody_expected_is_one_line_with_its_traceback(lines, alice, capfd):
    alice.raise_request_exception = False

    alice.get("/api/broken/")

    (line,) = lines()
    assert (line["level"], line["code"], line["sub"]) == ("error", 500, alice.sub)
    assert "ZeroDivisionError" in line["exception"]
    assert "Internal Server Error" not in "".join(capfd.readouterr())


def test_a_database_that_is_away_is_one_line(lines, client):
    client.get("/api/away/")

    (line,) = lines()
    assert (line["level"], line["code"], line["reason"]) == ("error", 503, "database-unavailable")
    assert line["error"] == "the database is away"


def test_a_host_that_is_not_served_is_one_line(lines, client, capfd):
    client.get("/greet/", headers={"Host": "evil.example"})

    assert [(line["code"], line["reason"]) for line in lines()] == [(400, "DisallowedHost")]
    assert "Invalid HTTP_HOST" not in "".join(capfd.readouterr())


def test_a_streamed_file_is_one_line_once_it_was_sent(lines, client):
    response = client.get("/stream/3", headers={"X-Request-ID": "file"})
    before = lines()

    body = response.getvalue()

    (line,) = lines()
    assert (before, body) == ([], b"012")
    assert (line["code"], line["request"], line["request_id"]) == (200, "GET /stream/3", "file")


def test_a_stream_that_breaks_off_is_one_line(lines, client):
    response = client.get("/stream/4")

    with pytest.raises(ZeroDivisionError):
        response.getvalue()

    (line,) = lines()
    assert (line["level"], line["code"]) == ("error", 500)
    assert "ZeroDivisionError" in line["exception"]


def test_a_file_of_the_pages_is_one_line(lines, client):
    client.get("/static/tessera/tessera.css").getvalue()

    assert [line["code"] for line in lines()] == [200]


def test_a_browser_with_rubbish_for_a_token_is_one_line(lines, client):
    client.cookies[access_name()] = "rubbish"

    client.get("/greet/")

    (line,) = lines()
    assert "rubbish" not in str(line)
