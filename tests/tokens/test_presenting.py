"""A token is taken from one place alone, and credentials that contradict each other are sent back."""

import time

import pytest
from django.conf import settings
from django.test import Client

from tests.issuer import claims, header, said_in, seal, sign
from tokens import encryption
from tokens.cookies import access_name

FORM = "application/x-www-form-urlencoded"
SHAPELESS = (
    "The token is not encrypted as ours are." if encryption.is_enabled() else "The token is not three base64url parts."
)


@pytest.fixture
def ask(server, target):
    """A request that a good token turns into 405: past authentication, without a query."""

    def ask(*headers, path=target, method="PUT", body=b"{}"):
        return server.ask(path, *headers, method=method, body=body)

    return ask


def bearer(token=None):
    return ("Authorization", f"Bearer {token or sign()}")


def assert_anonymous(answer):
    """401 without an error: nobody tried (RFC 6750 3.1)."""
    told = answer.status, said_in(answer.headers["WWW-Authenticate"]), answer.problem["code"]
    assert told == (401, "Bearer", "not-authenticated")


def assert_refused(answer, detail):
    challenge = f'Bearer error="invalid_token", error_description="{detail}"'
    told = answer.status, said_in(answer.headers["WWW-Authenticate"]), answer.problem["code"]
    assert told == (401, challenge, "invalid-token")


def assert_contradictory(answer, detail):
    challenge = f'Bearer error="invalid_request", error_description="{detail}"'
    told = answer.status, said_in(answer.headers["WWW-Authenticate"]), answer.problem["code"], answer.problem["detail"]
    assert told == (400, challenge, "invalid-request", detail)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer  "])
def test_the_scheme_is_spelled_as_one_likes(ask, scheme):
    assert ask(("Authorization", f"{scheme} {sign()}")).status == 405


def test_no_credentials_are_told_without_an_error(ask):
    assert_anonymous(ask())


@pytest.mark.parametrize(
    "value",
    ["Basic YWxpY2U6c2VjcmV0", "Token {token}", "Bearer\t{token}", "Bearer{token}", "JWT {token}", "{token}", ""],
)
def test_another_scheme_is_no_credential_here(ask, value):
    assert_anonymous(ask(("Authorization", value.format(token=sign()))))


@pytest.mark.parametrize("header", ["Proxy-Authorization", "X-Authorization", "X-Access-Token", "X-Forwarded-User"])
def test_another_header_is_no_credential(ask, header):
    assert_anonymous(ask((header, f"Bearer {sign()}")))


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Bearer      "])
def test_a_scheme_without_a_token_is_refused(ask, value):
    assert_refused(ask(("Authorization", value)), SHAPELESS)


@pytest.mark.parametrize("value", [b"Bearer \xff\xfe", "Bearer \u00e9\u00e9".encode(), b"Bearer \xf0\x9f\x94\x91"])
def test_a_token_that_is_not_ascii_is_refused(ask, value):
    assert_refused(ask(("Authorization", value)), SHAPELESS)


@pytest.mark.parametrize("other", ["Bearer {token}", "Basic YWxpY2U6c2VjcmV0", "bearer x"])
@pytest.mark.parametrize("order", [1, -1], ids=["after", "before"])
def test_two_authorization_headers_contradict_each_other(ask, other, order):
    token = sign()
    headers = [bearer(token), ("Authorization", other.format(token=token))][::order]

    assert_contradictory(ask(*headers), "The request carries several credentials.")


@pytest.mark.parametrize(
    "value", ["Bearer {token},Bearer {token}", "Bearer {token}, Basic YTpi", "Basic YTpi, bearer {token}"]
)
def test_two_credentials_in_one_header_contradict_each_other(ask, value):
    answer = ask(("Authorization", value.format(token=sign())))

    assert_contradictory(answer, "The request carries several credentials.")


@pytest.mark.parametrize("media_type", [FORM, f"{FORM}; charset=utf-8", FORM.upper()])
def test_a_header_and_a_form_contradict_each_other(ask, media_type):
    token = sign()

    answer = ask(bearer(token), ("Content-Type", media_type), method="POST", body=f"access_token={token}".encode())

    assert_contradictory(answer, "The request carries a token in its header and in its form.")


def test_a_token_in_a_form_is_ignored(ask):
    assert_anonymous(ask(("Content-Type", FORM), method="POST", body=f"access_token={sign()}".encode()))


def test_a_token_in_the_query_is_ignored(ask, target):
    assert_anonymous(ask(path=f"{target}?access_token={sign()}"))


def test_a_token_in_the_query_takes_nothing_from_the_header(ask, target):
    assert ask(bearer(), path=f"{target}?access_token=rubbish").status == 405


def test_a_cookie_is_ignored_by_the_api(ask):
    assert_anonymous(ask(("Cookie", f"{access_name()}={sign()}")))


def test_a_rubbish_cookie_takes_nothing_from_the_header(ask):
    assert ask(bearer(), ("Cookie", f"{access_name()}=rubbish")).status == 405


def test_a_page_ignores_the_header():
    service = settings.SERVICES[-1]
    address = {"accounts": "/account/"}.get(service, f"/{service}/")

    answer = Client().get(address, HTTP_AUTHORIZATION=f"Bearer {sign()}")

    assert (answer.status_code, answer["Location"]) == (302, f"/login/?next={address}")


def visit(address, token):
    browser = Client()
    browser.cookies[access_name()] = token
    return browser.get(address)


whole = pytest.mark.skipif(len(settings.SERVICES) < 3, reason="needs all services in one process")


@whole
def test_in_one_process_a_token_opens_only_the_services_it_is_meant_for(server):
    token = sign(aud=["products"])

    opened = server.bear("/api/products/", token, method="PUT", body=b"{}")
    refused = [server.bear(path, token) for path in ("/api/orders/", "/api/accounts/me/")]

    assert opened.status == 405
    for answer in refused:
        assert_refused(answer, "The token is meant for another service.")


@whole
@pytest.mark.django_db
def test_in_the_admin_a_token_opens_only_the_sections_it_is_meant_for():
    token = sign(aud=["products"], scope="products:write orders:manage accounts:manage")

    opened = {section: visit(f"/admin/{section}/", token).status_code for section in settings.SERVICES}

    assert opened == dict.fromkeys(settings.SERVICES, 302) | {"products": 200}


@pytest.mark.parametrize("list_number", ["0", "00", "000000000"])
def test_of_a_status_list_only_the_number_counts(ask, list_number):
    uri = f"{settings.ISSUER}/.well-known/token-status/{list_number}"

    assert ask(bearer(sign(status={"status_list": {"idx": 1, "uri": uri}}))).status == 405


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c", "x5t"])
def test_a_good_token_may_name_keys_that_nobody_looks_at(ask, ear, name):
    address = f"http://127.0.0.1:{ear.port}/"

    assert ask(bearer(sign({name: address}))).status == 405
    assert ear.heard == 0


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt"])
def test_both_names_of_the_type_are_taken(ask, typ):
    assert ask(bearer(sign({"typ": typ}))).status == 405


@pytest.mark.parametrize("left_out", ["sid", "name", "email"])
def test_what_is_not_required_may_be_left_out(ask, left_out):
    token = seal(header(), {name: value for name, value in claims().items() if name != left_out})

    assert ask(bearer(encryption.encrypt(token))).status == 405


def test_the_longest_names_are_taken(ask):
    token = sign(sub="s" * 64, jti="j" * 255, client_id="c" * 255, sid="i" * 255, roles=[], scope="")

    assert ask(bearer(token)).status == 405


def test_the_clock_of_another_machine_may_be_ahead(ask):
    now = int(time.time())

    assert ask(bearer(sign(iat=now + 25, nbf=now + 25, exp=now + 60))).status == 405
