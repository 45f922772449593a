"""What verifiers anywhere fetch: the key set and the status lists."""

import base64
import time
import zlib
from datetime import timedelta

import jwt
import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.issuing import revoked_entries as revoked_entries_module
from accounts.issuing import status_lists
from accounts.issuing.tokens import sign_status_list
from accounts.models import Session, SigningKey, TokenStatus
from tests.accounts.conftest import forget
from tests.issuer import read
from tokens.issuer import get_issuer
from tokens.status_list import LIST_SIZE

pytestmark = pytest.mark.django_db

JWKS = "/.well-known/jwks.json"
LIST = "/.well-known/token-status/0"


def next_minute():
    return timezone.now().replace(second=10) + timedelta(minutes=1)


def read_list(answer):
    """The claims of a status list token, its signature checked against our key."""
    jwk = SigningKey.objects.get(state="signing").public_jwk
    return jwt.decode(answer.content, jwt.PyJWK(jwk).key, algorithms=["ES256"], options={"verify_aud": False})


def revoked_in(answer):
    lst = read_list(answer)["status_list"]["lst"]
    bits = zlib.decompress(base64.urlsafe_b64decode(lst + "=" * (-len(lst) % 4)))
    return [at * 8 + bit for at, byte in enumerate(bits) if byte for bit in range(8) if byte >> bit & 1]


def allot_from(number):
    """Have the next entry be that one; no rollback undoes this on PostgreSQL."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT setval(pg_get_serial_sequence('accounts_tokenstatus', 'id'), %s)", [number - 1])


@pytest.fixture
def two_lists_full(db):
    """So many log-ins that two lists are full."""
    TokenStatus.objects.create(pk=LIST_SIZE * 2 - 1)
    allot_from(LIST_SIZE * 2)
    yield
    allot_from(2)


def test_the_key_set_says_what_verifiers_need_and_no_more(client):
    answer = client.get(JWKS)

    key = SigningKey.objects.get()
    (jwk,) = answer.json()["keys"]
    assert answer.status_code == 200
    assert jwk.keys() == {"kty", "crv", "x", "y", "use", "alg", "kid"}
    assert (jwk["kty"], jwk["crv"], jwk["use"], jwk["alg"], jwk["kid"]) == ("EC", "P-256", "sig", "ES256", key.kid)
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "public, max-age=300"
    assert answer["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("algorithm", "members"), [("RS256", {"kty", "n", "e"}), ("EdDSA", {"kty", "crv", "x"})], ids=["RS256", "EdDSA"]
)
def test_no_key_has_members_of_another(client, settings, algorithm, members):
    settings.JWT_ALGORITHM = algorithm

    (jwk,) = client.get(JWKS).json()["keys"]

    assert jwk.keys() == members | {"use", "alg", "kid"}


@pytest.mark.parametrize("address", [JWKS, LIST, "/.well-known/oauth-authorization-server"])
def test_what_is_known_is_not_sent_again(client, address):
    etag = client.get(address)["ETag"]

    answers = [client.get(address, HTTP_IF_NONE_MATCH=known) for known in (etag, f"W/{etag}", f'"x", {etag}', "*")]

    assert [(answer.status_code, answer.content) for answer in answers] == [(304, b"")] * 4
    assert {answer["ETag"] for answer in answers} == {etag}
    assert client.get(address, HTTP_IF_NONE_MATCH='"another"').status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("address", [JWKS, LIST, "/.well-known/openid-configuration"])
def test_documents_are_only_read(address, method):
    browser = Client(enforce_csrf_checks=True)

    answer = browser.generic(method, address)

    assert browser.head(address).status_code == 200
    assert (answer.status_code, answer["Allow"], answer.content) == (405, "GET, HEAD", b"")


@pytest.mark.parametrize("address", [JWKS, LIST, "/.well-known/token-status/999999999", "/.well-known/nothing"])
def test_a_browser_of_any_origin_may_read_a_document_or_that_there_is_none(client, address):
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}

    preflight, answer = client.options(address, headers=headers), client.get(address, headers=headers)

    assert (preflight.status_code, preflight["Access-Control-Allow-Methods"]) == (200, "GET, HEAD")
    assert answer.status_code in (200, 404)
    assert [response["Access-Control-Allow-Origin"] for response in (preflight, answer)] == ["*", "*"]
    assert [response["Access-Control-Expose-Headers"] for response in (preflight, answer)] == ["ETag", "ETag"]


@pytest.mark.parametrize("address", [JWKS, LIST])
def test_a_document_asks_for_no_token_and_no_cookie(client, address):
    answer = client.get(address, HTTP_AUTHORIZATION="Bearer rubbish")

    assert answer.status_code == 200
    assert not answer.cookies


def test_a_status_list_is_one_of_the_draft(client, settings):
    before = int(time.time())
    answer = client.get(LIST)

    claims = read_list(answer)
    header = jwt.get_unverified_header(answer.content.decode())
    assert answer["Content-Type"] == "application/statuslist+jwt"
    assert answer["Cache-Control"] == "no-cache"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert header == {"alg": "ES256", "typ": "statuslist+jwt", "kid": SigningKey.objects.get().kid}
    assert claims.keys() == {"sub", "iat", "exp", "ttl", "status_list"}
    assert claims["sub"] == f"{settings.ISSUER}{LIST}"
    assert before - 60 <= claims["iat"] <= time.time()
    assert claims["exp"] - claims["iat"] == 30 * 60 + 5 * 60
    assert claims["ttl"] == 4
    assert claims["status_list"]["bits"] == 1


def test_every_list_has_all_its_entries_from_birth(client):
    lst = read_list(client.get(LIST))["status_list"]["lst"]

    packed = base64.urlsafe_b64decode(lst + "=" * (-len(lst) % 4))
    assert len(zlib.decompress(packed)) * 8 == LIST_SIZE
    assert len(packed) < 200


def test_a_revoked_token_is_in_the_list_fetched_next(client, alice, log_in, api):
    grant = log_in()
    client.get(LIST)

    api.post("/api/token/blacklist/", {"refresh": grant["refresh"]})

    assert revoked_in(client.get(LIST)) == [TokenStatus.objects.get().pk]


def test_a_list_is_signed_once_per_change_and_minute(client, alice, log_in):
    start = timezone.now().replace(second=5)
    signed = []
    for seconds in (0, 20, 50, 56, 70):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            signed.append(client.get(LIST).content)

    assert [signed.index(token) for token in signed] == [0, 0, 0, 3, 3]


def test_another_key_signs_the_list_anew(client):
    before = client.get(LIST).content
    SigningKey.objects.all().delete()

    after = client.get(LIST)

    assert after.content != before
    assert read_list(after)


def test_two_processes_date_the_same_list_alike(client, alice, log_in, api):
    grant = log_in()
    start = next_minute()
    with time_machine.travel(start, tick=False):
        api.post("/api/token/blacklist/", {"refresh": grant["refresh"]})
        first = read_list(client.get(LIST))
    sign_status_list.cache_clear()

    with time_machine.travel(start + timedelta(seconds=40), tick=False):
        second = read_list(client.get(LIST))

    assert second == first
    assert first["iat"] == int(start.timestamp())


def test_the_list_that_knows_more_is_never_the_older(client, alice, log_in, api):
    grants = [log_in() for _ in range(3)]
    start = next_minute()
    dates = []
    for seconds, grant in zip((0, 15, 60), grants, strict=True):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            dates.append(read_list(client.get(LIST))["iat"])
            api.post("/api/token/blacklist/", {"refresh": grant["refresh"]})
            dates.append(read_list(client.get(LIST))["iat"])

    assert dates == sorted(dates)


def test_what_nobody_can_hold_any_more_leaves_the_list(client, alice, log_in, api):
    api.post("/api/token/blacklist/", {"refresh": log_in()["refresh"]})

    with time_machine.travel(timezone.now() + timedelta(minutes=30), tick=False):
        assert len(revoked_in(client.get(LIST))) == 1
    with time_machine.travel(timezone.now() + timedelta(minutes=32), tick=False):
        assert revoked_in(client.get(LIST)) == []


@pytest.mark.parametrize("number", ["1", "63", "999999999", "9" * 19, "9" * 30, "9" * 5000, "x", "-1", "0x0", "%00"])
def test_a_list_that_nobody_was_given_an_entry_in_is_not_found(client, number):
    assert client.get(f"/.well-known/token-status/{number}").status_code == 404


def test_made_up_lists_take_nothing_from_the_real_ones(client, alice, log_in, bearer):
    for number in range(1, 200):
        client.get(f"/.well-known/token-status/{number}")
    TokenStatus.objects.create(pk=LIST_SIZE * 3 + 7)

    assert client.get("/.well-known/token-status/3").status_code == 200
    assert bearer(log_in()["access"]).get("/api/accounts/me/").status_code == 200
    assert sign_status_list.cache_info().currsize == 1


def test_an_entry_beyond_the_first_list_is_in_its_own(two_lists_full, client, alice, log_in, bearer, api, settings):
    grant = log_in()
    entry = TokenStatus.objects.latest("pk").pk

    api.post("/api/token/blacklist/", {"refresh": grant["refresh"]})

    _, claims = read(grant["access"])
    assert entry == LIST_SIZE * 2
    assert claims["status"] == {
        "status_list": {"idx": 0, "uri": f"{settings.ISSUER}/.well-known/token-status/2"},
    }
    assert get_issuer().status_list(2).is_revoked(0)
    assert bearer(grant["access"]).get("/api/accounts/me/").status_code == 401


def test_a_fetch_takes_as_few_statements_whatever_was_revoked(client, alice, log_in, api):
    """The signer, the counts and the roles each time; what was revoked once, in one span of ten seconds or in two."""
    client.get(LIST)
    counts = []
    for number in (1, 5):
        for _ in range(number):
            api.post("/api/token/blacklist/", {"refresh": log_in()["refresh"]})
        with CaptureQueriesContext(connection) as queries:
            client.get(LIST)
            client.get(LIST)
        counts.append(len(queries))

    assert max(counts) <= 8


def test_with_a_shared_secret_there_is_no_key_to_publish(client, settings, alice, log_in, bearer):
    settings.JWT_ALGORITHM, settings.JWT_SIGNING_KEY = "HS256", "a secret of at least thirty-two bytes"
    forget()

    token = log_in()["access"]

    assert read(token)[0] == {"alg": "HS256", "typ": "at+jwt", "kid": "shared"}
    assert client.get(JWKS).json() == {"keys": []}
    assert bearer(token).get("/api/accounts/me/").status_code == 200
    assert jwt.get_unverified_header(client.get(LIST).content.decode())["kid"] == "shared"
    assert not SigningKey.objects.exists()


def test_with_a_shared_secret_no_other_algorithm_is_taken(settings, alice, log_in, bearer):
    asymmetric = log_in()["access"]
    settings.JWT_ALGORITHM, settings.JWT_SIGNING_KEY = "HS256", "a secret of at least thirty-two bytes"
    forget()

    assert bearer(asymmetric).get("/api/accounts/me/").status_code == 401
    assert Session.objects.alive().exists()


def test_without_one_hs256_is_never_taken(settings, alice, log_in, bearer):
    settings.JWT_ALGORITHM, settings.JWT_SIGNING_KEY = "HS256", "a secret of at least thirty-two bytes"
    forget()
    shared = log_in()["access"]
    settings.JWT_ALGORITHM, settings.JWT_SIGNING_KEY = "ES256", ""
    forget()

    assert bearer(shared).get("/api/accounts/me/").status_code == 401


# Kept built from what changed ---------------------------------------------------------------------


def revoke(*numbers, at=None):
    """Entries that are revoked, as by a transaction that commits now and began at some time."""
    entries = [TokenStatus(pk=number, revoked_at=at or timezone.now()) for number in numbers]
    TokenStatus.objects.bulk_create(entries)


@pytest.mark.parametrize("late", [0, 5, 59])
def test_what_commits_late_is_seen_at_the_next_fetch(client, db, late):
    revoke(40)
    assert revoked_in(client.get(LIST)) == [40]

    revoke(41, 42, at=timezone.now() - timedelta(seconds=late))

    assert revoked_in(client.get(LIST)) == [40, 41, 42]


def test_what_commits_later_than_that_is_seen_within_a_minute(client, db, monkeypatch):
    client.get(LIST)
    revoke(41, at=timezone.now() - timedelta(minutes=10))

    monkeypatch.setattr(revoked_entries_module, "monotonic", lambda: time.monotonic() + 60)

    assert revoked_in(client.get(LIST)) == [41]


def test_what_is_taken_back_leaves_the_list_and_takes_nothing_along(client, db):
    """Nobody does that but an operator by SQL; two entries of one span and of one word."""
    revoke(40, 41)
    revoke(42, at=timezone.now() - timedelta(seconds=30))
    assert revoked_in(client.get(LIST)) == [40, 41, 42]

    TokenStatus.objects.filter(pk=41).update(revoked_at=None)

    assert revoked_in(client.get(LIST)) == [40, 42]


def test_an_entry_whose_time_is_changed_stays(client, db):
    revoke(40, at=timezone.now() - timedelta(seconds=30))
    assert revoked_in(client.get(LIST)) == [40]

    TokenStatus.objects.filter(pk=40).update(revoked_at=timezone.now())

    assert revoked_in(client.get(LIST)) == [40]


def test_each_entry_is_in_its_own_place_and_list(client, db):
    places = {0: [0, 7, 8, 31, 32, 63, 1_048_575], 1: [0, 31], 3: [5]}
    revoke(*[(number << 20) + index for number, indexes in places.items() for index in indexes if number or index])

    for number, indexes in places.items():
        assert revoked_in(client.get(f"/.well-known/token-status/{number}")) == [i for i in indexes if number or i]


def test_what_nobody_revoked_is_read_by_two_statements(client, db):
    revoke(*range(1, 2_000))
    status_lists.read_list(0)

    with CaptureQueriesContext(connection) as queries:
        status_lists.read_list(0)

    assert len(queries) == 2
