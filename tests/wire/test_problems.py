"""Every error of the API is a problem (RFC 9457), with one and the same set of members."""

from urllib.parse import unquote

import orjson
import pytest
from django.test import Client

pytestmark = pytest.mark.urls("tests.wire.urls")

MISSING = {
    "type": "/problems/not-found/",
    "title": "There is no such thing",
    "status": 404,
    "detail": "There is nothing here, or nothing that is yours.",
    "code": "not-found",
}


def problem(response):
    """The members of a problem but the request id, which is the header's."""
    assert response["Content-Type"] == "application/problem+json"
    members = response.json()
    assert members.pop("request_id") == response["X-Request-ID"]
    assert members["status"] == response.status_code
    return members


def code(response):
    return response.status_code, problem(response)["code"]


def post(person, body, content_type="application/json", **headers):
    return person.generic("POST", "/api/echo/", body, content_type, **headers)


def test_an_address_that_is_not_there_is_404(alice):
    assert problem(alice.get("/api/nowhere/")) == MISSING


@pytest.mark.parametrize("path", ["//api/orders/", "///api/nowhere/", "/api//", "/api/%00", "/api/orders/%zz/"])
def test_a_crooked_address_under_api_is_a_problem(client, path):
    assert problem(client.generic("GET", path, PATH_INFO=unquote(path))) == MISSING


def test_an_address_without_its_slash_is_404_where_a_redirect_would_lose_the_body(alice, settings):
    settings.DEBUG = True

    assert code(alice.post("/api/echo", {})) == (404, "not-found")


def test_a_method_that_is_not_taken_is_405_and_says_which_are(alice):
    response = alice.delete("/api/echo/")

    assert code(response) == (405, "method-not-allowed")
    assert response["Allow"] == "GET, POST, HEAD"


def test_a_representation_that_is_not_there_is_406(alice):
    assert code(alice.get("/api/echo/", HTTP_ACCEPT="text/html")) == (406, "not-acceptable")


def test_ten_megabytes_are_413(alice):
    assert code(post(alice, b'"' + b"a" * 10_000_000 + b'"')) == (413, "too-large")


@pytest.mark.parametrize(("size", "answer"), [(64 * 1024, (400, "invalid")), (64 * 1024 + 1, (413, "too-large"))])
def test_a_body_has_64_kilobytes_at_most(alice, size, answer):
    assert code(post(alice, b'"'.ljust(size - 1, b"a") + b'"')) == answer


@pytest.mark.parametrize(
    "body",
    [b'{"text": "a", "text": "a"}', b'{"text": {"a": 1, "b": 2, "a": 1}}', b'[{"a": 1, "\\u0061": 2}]'],
)
def test_a_name_that_stands_twice_is_400(alice, body):
    answer = post(alice, body)

    assert code(answer) == (400, "malformed")
    assert "twice in one object" in answer.json()["detail"]


def test_the_same_name_in_two_objects_and_long_numbers_are_json(alice):
    body = b'{"text": [{"text": 1}, {"text": ' + b"9" * 40 + b"}]}"

    assert code(post(alice, body)) == (400, "invalid")


@pytest.mark.parametrize("coding", ["gzip", "identity, gzip", "br", "aes128gcm"])
@pytest.mark.parametrize("address", ["/api/echo/", "/greet/"])
def test_a_body_that_is_encoded_is_415_and_says_what_is_taken(alice, coding, address):
    caller = alice if address.startswith("/api/") else alice.browser
    answer = caller.post(address, {"text": "a"}, HTTP_CONTENT_ENCODING=coding)

    assert (answer.status_code, answer["Accept-Encoding"]) == (415, "identity")


@pytest.mark.parametrize("coding", ["identity", " Identity ", ""])
def test_a_body_that_says_it_is_not_encoded_is_taken(alice, coding):
    assert alice.post("/api/echo/", {"text": "a"}, HTTP_CONTENT_ENCODING=coding).status_code == 200


def test_brackets_and_commas_in_strings_are_not_counted(alice):
    text = '[{",\\' * 2000

    assert post(alice, orjson.dumps({"text": text})).json() == {"text": text}


def test_at_most_twenty_errors_are_told(alice):
    members = problem(post(alice, orjson.dumps({str(number): 1 for number in range(900)})))

    assert len(members["errors"]) == 20


def test_errors_that_quote_the_body_are_cut(alice):
    members = problem(post(alice, orjson.dumps({"x" * 60_000: 1, "y": 1})))
    quoted = problem(post(alice, orjson.dumps({"currency": "x" * 60_000})))

    assert members["errors"] == {"x" * 200: ["Unknown field."], "y": ["Unknown field."]}
    assert len(quoted["errors"]["currency"][0]) == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_is_not_json_by_name_is_415(alice, content_type):
    assert code(post(alice, b"a=1", content_type)) == (415, "unsupported-media-type")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"text": NaN}',
        b'{"text": "a"} {}',
        b'{"text": "\xff\xfe"}',
        b'\xef\xbb\xbf{"text": "a"}',
        '{"text": "a"}'.encode("utf-16"),
        b'{"text": "\\ud800"}',
        b"[" * 60_000,
        b"[" * 11 + b"]" * 11,
        b"[" + b"1," * 1000 + b"1]",
        b'{"text": "\\\\", "surplus": [' + b"{}," * 1000 + b"{}]}",
    ],
    ids=[
        "cut",
        "nan",
        "two",
        "no utf-8",
        "bom",
        "utf-16",
        "surrogate",
        "deep",
        "too deep",
        "too many",
        "too many objects",
    ],
)
def test_what_is_not_json_by_nature_is_400(alice, body):
    assert code(post(alice, body)) == (400, "malformed")


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null", b"true"])
def test_json_that_is_no_object_is_400(alice, body):
    assert code(post(alice, body)) == (400, "invalid")


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ('{"text": 1}', "text"),
        ('{"text": "\\u0000"}', "text"),
        ('{"whole": "1"}', "whole"),
        ('{"whole": true}', "whole"),
        ('{"whole": 1.0}', "whole"),
        ('{"flag": "true"}', "flag"),
        ('{"flag": 1}', "flag"),
        ('{"amount": 4.5}', "amount"),
        ('{"amount": "4,50"}', "amount"),
        ('{"amount": "NaN"}', "amount"),
        ('{"amount": "1e400"}', "amount"),
        ('{"amount": "-1"}', "amount"),
        ('{"amount": "\u0664"}', "amount"),
        ('{"currency": "XXX"}', "currency"),
        ('{"currency": ["EUR"]}', "currency"),
        ('{"currency": {}}', "currency"),
        ('{"surplus": 1}', "surplus"),
    ],
)
def test_a_field_that_is_wrong_is_named(alice, body, wrong):
    members = problem(post(alice, body.encode()))

    assert (members["status"], members["code"], list(members["errors"])) == (400, "invalid", [wrong])


def test_good_fields_are_taken(alice):
    body = b'{"text": "tea", "whole": 2, "flag": true, "amount": "4.50", "currency": "EUR"}'

    response = post(alice, body)

    assert response.json() == {"text": "tea", "whole": "2", "flag": "True", "amount": "4.50", "currency": "EUR"}


def test_the_facts_of_an_error_are_members_of_its_problem(alice):
    assert problem(alice.get("/api/taken/")) == {
        "type": "/problems/taken/",
        "title": "Taken",
        "status": 409,
        "detail": "The state of things does not allow this.",
        "code": "taken",
        "lines": [{"product": "tea"}],
    }


def test_an_error_that_nobody_expected_is_a_problem_without_a_trace(alice):
    alice.raise_request_exception = False

    response = alice.get("/api/broken/")

    assert code(response) == (500, "internal-error")
    assert b"division" not in response.content


def test_no_token_is_401(anonymous):
    response = anonymous.get("/api/echo/")

    assert code(response) == (401, "not-authenticated")
    assert response["WWW-Authenticate"] == "Bearer"


def test_a_token_without_the_scope_is_403(orders_service):
    response = orders_service.get("/api/echo/")

    assert code(response) == (403, "insufficient-scope")
    assert response["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="products:read"'


def test_a_host_that_is_not_ours_is_400():
    assert code(Client().get("/api/echo/", HTTP_HOST="evil.example")) == (400, "malformed")


def test_two_tokens_are_400(alice, anonymous):
    twice = f"Bearer {alice.token}, Bearer {alice.token}"

    assert code(anonymous.get("/api/echo/", HTTP_AUTHORIZATION=twice)) == (400, "invalid-request")


def test_a_page_tells_its_errors_as_a_page(client):
    response = client.get("/nowhere/")

    assert response.status_code == 404
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert response["X-Request-ID"] in response.content.decode()


@pytest.mark.parametrize("person", ["alice", "anonymous"])
def test_options_is_a_method_like_any_that_is_not_taken(person, request):
    response = request.getfixturevalue(person).options("/api/echo/")

    expected = {"alice": (405, "method-not-allowed"), "anonymous": (401, "not-authenticated")}
    assert code(response) == expected[person]
    assert "OPTIONS" not in response["Allow"]


@pytest.mark.django_db
def test_too_many_parameters_are_not_called_a_body(alice):
    answer = alice.get("/api/products/?" + "&".join(f"a{number}=1" for number in range(1_001)))

    assert (answer.status_code, answer.json()["detail"]) == (
        413,
        "There are more parameters or fields than are taken here.",
    )
