"""Whatever a header says, its request is answered, in little time, and nothing of it stays."""

import encodings
import json
import time
from io import BytesIO
from types import SimpleNamespace
from wsgiref.util import setup_testing_defaults

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from config.request_headers import simplify_type
from config.wsgi import application

LONG = 60_000
"""Bytes, about as many as the gateway lets through."""
FORM = "application/x-www-form-urlencoded"
UNKNOWN = "nobodys"


@pytest.fixture(autouse=True)
def connection(db):
    """The connection of the test, which requests leave open, as those of Django's client do."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def ask(method, path, body="", query="", **headers):
    """The status of an answer, and the answer."""
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": "localhost"}
    environ |= {"wsgi.input": BytesIO(body.encode()), "CONTENT_LENGTH": str(len(body)), **headers}
    setup_testing_defaults(environ)
    statuses = []
    response = application(environ, lambda status, headers: statuses.append(int(status[:3])))
    text = b"".join(response).decode()
    response.close()
    return statuses[0], text


@pytest.mark.parametrize(
    "media_type",
    [
        f"a/b; x*={UNKNOWN}''y",
        f"text/plain; charset*={UNKNOWN}''%41",
        "a/b; charset=rot13",
        "a/b; charset=undefined",
        "a/b; charset=punycode",
        'a/b; charset="zlib"',
        "; charset=base64",
        ";;=;*=''",
    ],
)
@pytest.mark.parametrize("path", ["/healthz", "/api/nothing/", "/nothing/"])
def test_no_media_type_breaks_a_request(path, media_type):
    assert ask("GET", path, query="a=b", CONTENT_TYPE=media_type)[0] in (200, 404)


def test_too_many_parameters_are_told_beside_a_charset():
    status, problem = ask("GET", "/api/nothing/", query="a=&" * 300, CONTENT_TYPE="application/json; charset=utf-8")

    assert (status, json.loads(problem)["code"]) == (413, "too-large")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CONTENT_TYPE", 'a/b;"' + ";" * LONG),
        ("CONTENT_TYPE", "a/b;" + ";a" * (LONG // 2)),
        ("CONTENT_TYPE", "a/b; charset" + " " * LONG),
        ("CONTENT_TYPE", 'multipart/form-data; boundary="' + '\\"' * (LONG // 2)),
        ("HTTP_COOKIE", 'access="' + '\\"' * (LONG // 2) + '"'),
        ("HTTP_COOKIE", 'a="\\' + "\\".join("0" * (LONG // 2)) + '"'),
        ("HTTP_COOKIE", "; ".join(f"a{number}=b" for number in range(LONG // 8))),
    ],
)
def test_a_long_header_is_read_in_no_time(name, text):
    ask("GET", "/healthz")
    started = time.thread_time()

    status, _ = ask("GET", "/healthz", **{name: text})

    assert status == 200
    assert time.thread_time() - started < 0.5


@pytest.mark.parametrize("media_type", [f"a/b; charset={UNKNOWN}", f"a/b; charset*={UNKNOWN}''b"])
def test_no_name_of_a_charset_is_kept(media_type):
    ask("GET", "/healthz", CONTENT_TYPE=media_type)

    assert UNKNOWN not in encodings._cache


@pytest.mark.parametrize(
    "header",
    [
        f"Content-Disposition: form-data; name*={UNKNOWN}''a",
        f"Content-Disposition: form-data; name=a\r\nX: y; z*0* = {UNKNOWN}''a",
    ],
)
@pytest.mark.parametrize("path", ["/login/", "/oauth/authorize"])
def test_a_form_whose_parts_name_charsets_is_refused(path, header):
    body = f"--B\r\n{header}\r\n\r\nb\r\n--B--\r\n"

    status, page = ask("POST", path, body, CONTENT_TYPE="multipart/form-data; boundary=B")

    assert (status, UNKNOWN in encodings._cache) == (400, False)
    assert "That request could not be read" in page


@pytest.mark.parametrize("media_type", [FORM, "multipart/form-data; boundary=B"])
@pytest.mark.parametrize("charset", ["iso-8859-1", "UTF-16", "utf-7", "rot13", UNKNOWN])
def test_a_form_in_another_charset_is_refused(media_type, charset):
    page = ask("POST", "/login/", "a=b", CONTENT_TYPE=f"{media_type}; charset={charset}")
    answer = ask("POST", "/oauth/token", "a=b", CONTENT_TYPE=f"{media_type}; charset={charset}")

    assert page[0] == answer[0] == 400
    assert json.loads(answer[1]) == {"error": "invalid_request", "error_description": "The form is not in UTF-8."}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("application/json", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
        (f'{FORM};charset="UTF-8"', FORM),
        (f"{FORM}; charset=latin-1", f"{FORM}; charset=other"),
        (
            "multipart/form-data; boundary=----WebKitFormBoundaryA1",
            'multipart/form-data; boundary="----WebKitFormBoundaryA1"',
        ),
        ('multipart/form-data; Boundary="a b\'c"; x=y', 'multipart/form-data; boundary="a b\'c"'),
        ("multipart/form-data; boundary=" + "a" * 71, "multipart/form-data"),
        ("a" * 300 + ";", "a" * 100),
    ],
)
def test_of_a_media_type_what_is_read_is_kept(said, kept):
    assert simplify_type(said) == kept


def test_a_form_in_parts_is_read_as_before():
    body = '--a b\r\nContent-Disposition: form-data; name="client_id"\r\n\r\nx\r\n--a b--\r\n'

    status, _ = ask("POST", "/oauth/authorize", body, CONTENT_TYPE='multipart/form-data; boundary="a b"; charset=UTF-8')

    assert status == 303


@pytest.fixture
def describe():
    """The environment of a request with some headers: those that granian can read, and the names of all."""
    rsgi = pytest.importorskip("config.rsgi", reason="needs granian, of requirements/prod.txt", exc_type=ImportError)
    said = {"http_version": "1.1", "server": "127.0.0.1:1", "client": "127.0.0.1:2", "scheme": "http", "method": "POST"}

    def describe(*headers, unreadable=()):
        names = [*dict(headers), *unreadable]
        sent = SimpleNamespace(items=lambda: headers, keys=lambda: names)
        return rsgi.describe(SimpleNamespace(**said, path="/", query_string="", headers=sent))

    return describe


def test_a_header_with_an_underscore_passes_for_no_other(describe):
    environ = describe(
        ("x-forwarded-for", "10.0.0.7"),
        ("x_forwarded_for", "6.6.6.6"),
        ("x-forwarded_proto", "https"),
        ("content-length", "4"),
        ("content_length", "5"),
    )

    assert {name for name in environ if name.startswith("HTTP_")} == {"HTTP_X_FORWARDED_FOR"}
    assert (environ["HTTP_X_FORWARDED_FOR"], environ["CONTENT_LENGTH"]) == ("10.0.0.7", "4")


def test_a_header_that_cannot_be_read_is_there_all_the_same(describe):
    environ = describe(("host", "localhost"), unreadable=["if-match", "cookie", "x-forwarded-for"])

    assert {name: environ[name] for name in environ if name.startswith("HTTP_")} == {
        "HTTP_HOST": "localhost",
        "HTTP_IF_MATCH": "?",
        "HTTP_X_FORWARDED_FOR": "?",
    }
