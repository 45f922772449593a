"""Whatever becomes of accounts, tokens that are known go on working, and a log line and a metric say so."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
import time_machine
from django.conf import settings as deployed
from django.test import Client

from tests.issuer import KEY, KID, header, jwks, public_jwk, seal, sign, sign_inner, sign_list
from tests.journeys.processes import free_port
from tests.tokens import scripted_issuer
from tests.tokens.attacks import OTHER_EC
from tests.tokens.scripted_issuer import drip, page, silence
from tokens import encryption
from tokens.cookies import access_name
from tokens.errors import IssuerUnavailable, ListUnknown, TokenRefused
from tokens.fresh_documents import fetch_failures
from tokens.issuer import get_issuer
from tokens.status_list import LIST_SIZE, PATH, TYPE, compress, pack
from tokens.verification import cache, verify

KEYS_PATH, LIST_PATH = "/.well-known/jwks.json", f"{PATH}0"
HTML = b"<!doctype html><title>Sign in to the hotel's network</title>"


@pytest.fixture
def accounts():
    with scripted_issuer.serve() as accounts:
        yield accounts


@pytest.fixture(autouse=True)
def issuer(settings, accounts):
    """The remote issuer as in a process that has just been started."""
    settings.TOKEN_ISSUER = "tokens.issuer.RemoteIssuer"
    settings.ACCOUNTS_URL = accounts.url
    forget()
    yield get_issuer()
    forget()


def forget():
    get_issuer.cache_clear()
    cache.clear()


def away(accounts, settings):
    settings.ACCOUNTS_URL = f"http://127.0.0.1:{free_port()}"


def answer(**scripts):
    """Break the keys, the lists or both by answering otherwise."""

    def broken(accounts, settings):
        for name, script in scripts.items():
            setattr(accounts, name, script)

    return broken


def both(script):
    return answer(keys=lambda: script, lists=lambda: script)


def keyed(document):
    return answer(keys=lambda: page(document))


def listed(**changes):
    return answer(lists=lambda: page(sign_list(**changes).encode()))


def listing(**changes):
    now = int(time.time())
    entries = {"bits": 1, "lst": compress(bytes(8))}
    return {"sub": f"{deployed.ISSUER}{LIST_PATH}", "iat": now, "exp": now + 2100, "status_list": entries} | changes


def endless(line):
    line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        line.sendall(b" " * 65_536)


def continued(line):
    while True:
        line.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.01)


def longer(raw):
    """An answer that announces more than it holds."""
    return raw.replace(b"Content-Length: ", b"Content-Length: 1")


def unending(raw):
    """An answer that is whole, but never says so."""

    def script(line):
        line.sendall(raw.replace(b"Content-Length", b"X-Length"))
        silence(line)

    return script


def hang_up(line):
    line.shutdown(socket.SHUT_RDWR)


BOTH_GO_WRONG = {
    "away": away,
    "slow": both(silence),
    "hangs up": both(hang_up),
    "drips its headers": both(drip(page(b"{}", "200 OK", f"X: {'x' * 600}"))),
    "drips its body": both(lambda line: (line.sendall(page(b" " * 600)[:-600]), drip(b" " * 600)(line))),
    "never comes to the point": both(continued),
    "500": both(page(b"{}", "500 Internal Server Error")),
    "503": both(page(b"{}", "503 Service Unavailable", "Retry-After: 5")),
    "500 around good documents": answer(
        keys=lambda: page(jwks(), "500 Internal Server Error"),
        lists=lambda: page(sign_list().encode(), "500 Internal Server Error"),
    ),
    "404": both(page(b"{}", "404 Not Found")),
    "204": both(page(b"", "204 No Content")),
    "206": both(page(b"{}", "206 Partial Content")),
    "304": both(page(b"", "304 Not Modified")),
    "HTML": both(page(HTML, "200 OK", "Content-Type: text/html")),
    "nothing": both(page(b"")),
    "no HTTP": both(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "a body without an end": both(endless),
    "10 MB": both(page(b" " * 10_000_000)),
    "cut off": both(page(b" " * 99)[:-50]),
    "shorter than it says": answer(
        keys=lambda: longer(page(jwks())),
        lists=lambda: longer(page(sign_list().encode())),
    ),
    "held open": answer(
        keys=lambda: unending(page(jwks())),
        lists=lambda: unending(page(sign_list().encode())),
    ),
    "a thousand headers": both(page(b"{}", "200 OK", *(f"X-{n}: x" for n in range(1000)))),
    "a header of 100 kB": both(page(b"{}", "200 OK", f"X: {'x' * 100_000}")),
    "broken UTF-8": both(page(b"\xff\xfe\x00")),
}
KEYS_GO_WRONG = {
    "no key": keyed({"keys": []}),
    "no key set": keyed({"key": []}),
    "a key twice": keyed({"keys": jwks()["keys"] * 2}),
    "a private key": keyed({"keys": [public_jwk(KEY, "ES256") | {"d": KEY.as_dict(private=True)["d"]}]}),
    "a secret": keyed({"keys": [{"kty": "oct", "k": "c2VjcmV0", "use": "sig", "alg": "HS256", "kid": "shared"}]}),
    "a wrong kid": keyed({"keys": [public_jwk(KEY, "ES256") | {"kid": "mine"}]}),
    "cut off in JSON": answer(keys=lambda: page(orjson.dumps(jwks())[:-10])),
}
LISTS_GO_WRONG = {
    "older by iat": listed(iat=int(time.time()) - 3600),
    "of tomorrow": listed(iat=int(time.time()) + 86_400, exp=int(time.time()) + 90_000),
    "expired": listed(exp=int(time.time()) - 1),
    "without exp": listed(exp=None),
    "exp true": listed(exp=True),
    "iat a text": listed(iat="0"),
    "another list's": listed(number=1),
    "without sub": listed(sub=None),
    "another issuer's": listed(sub=f"http://127.0.0.1{PATH}0"),
    "an access token": answer(lists=lambda: page(sign_inner().encode())),
    "typ JWT": listed(changes={"typ": "JWT"}),
    "typ of an access token": listed(changes={"typ": "at+jwt"}),
    "alg none": listed(changes={"alg": "none"}),
    "alg of another key": listed(changes={"alg": "RS256"}),
    "kid unknown": listed(changes={"kid": "unknown"}),
    "kid a list": listed(changes={"kid": [KID]}),
    "signed by another": answer(
        lists=lambda: page(seal(header(typ=TYPE), listing(), key=OTHER_EC.private_key).encode())
    ),
    "unsigned": answer(lists=lambda: page(sign_list().rpartition(".")[0].encode() + b".")),
    "bits missing": listed(status_list={"lst": compress(b"\0")}),
    "bits three": listed(status_list={"bits": 3, "lst": compress(b"\0")}),
    "bits true": listed(status_list={"bits": True, "lst": compress(b"\0")}),
    "bits a text": listed(status_list={"bits": "1", "lst": compress(b"\0")}),
    "entries no zlib": listed(status_list={"bits": 1, "lst": "AAAA"}),
    "an entry too many": listed(status_list={"bits": 1, "lst": compress(bytes(LIST_SIZE // 8 + 1))}),
    "entries a bomb": listed(status_list={"bits": 1, "lst": compress(bytes(16 * 1024 * 1024))}),
    "no entries": listed(status_list=None),
    "entries in a list": listed(status_list=[1]),
}


EVERYTHING = BOTH_GO_WRONG | KEYS_GO_WRONG | LISTS_GO_WRONG
TAKES_LONG = {"slow", "drips its headers", "drips its body", "never comes to the point", "held open"}
"""Half a minute or more, for whoever would wait for the end."""


@pytest.fixture(autouse=True)
def be_patient(monkeypatch):
    """Set for how many seconds accounts is waited for: whoever answers is heard, however busy the machine is."""

    def set_timeout(seconds):
        monkeypatch.setattr("tokens.fresh_documents.TIMEOUT", seconds)
        monkeypatch.setattr("tokens.issuer.TIMEOUT", seconds)

    set_timeout(20)
    return set_timeout


@pytest.fixture
def go_wrong(accounts, settings, be_patient):
    """Have something of `EVERYTHING` happen; what takes long is waited for briefly."""

    def happen(name):
        if name in TAKES_LONG:
            be_patient(0.25)
        EVERYTHING[name](accounts, settings)

    return happen


def failures():
    """Of keys and of lists, as the metric counts them."""
    return [fetch_failures.labels(document)._value.get() for document in ("keys", "status-list")]


def told(caplog):
    """The documents that log lines tell of."""
    return sorted({record.msg["document"] for record in caplog.records if record.name == "tokens.fresh_documents"})


def is_believed(token):
    try:
        verify(token, "orders")
    except TokenRefused:
        return False
    return True


# Known tokens go on working -----------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_known_token_goes_on_working(go_wrong, clock, caplog, name):
    token = sign()
    assert is_believed(token)
    before = failures()
    wrong = [name in BOTH_GO_WRONG or name in KEYS_GO_WRONG, name in BOTH_GO_WRONG or name in LISTS_GO_WRONG]

    go_wrong(name)
    clock.move(9)
    started = time.monotonic()

    assert is_believed(token)
    assert is_believed(sign(sub="bob"))
    assert time.monotonic() - started < 10
    wait_for(lambda: [now > then for now, then in zip(failures(), before, strict=True)] == wrong)
    assert told(caplog) == [
        document for document, is_wrong in zip(["keys", "status-list 0"], wrong, strict=True) if is_wrong
    ]


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)


@pytest.mark.parametrize("name", EVERYTHING)
def test_what_recovers_is_heard_again(accounts, settings, go_wrong, be_patient, clock, name):
    token = sign()
    assert is_believed(token)
    go_wrong(name)
    clock.move(9)
    assert is_believed(token)

    be_patient(20)
    accounts.recover()
    settings.ACCOUNTS_URL = accounts.url
    accounts.lists = lambda: page(sign_list(1).encode())

    def is_heard():
        # An answer may be under way still; all of this is less than what is known lives.
        time.sleep(0.1)
        clock.move(5)
        return not is_believed(token)

    wait_for(is_heard)


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "303 See Other", "307 T", "308 P"])
def test_no_redirect_is_followed(accounts, clock, status):
    token = sign()
    assert is_believed(token)
    with scripted_issuer.serve() as elsewhere:
        accounts.keys = lambda: page(b"", status, f"Location: {elsewhere.url}{KEYS_PATH}")
        accounts.lists = lambda: page(b"", status, f"Location: {elsewhere.url}{LIST_PATH}")
        clock.move(9)

        assert is_believed(token)
        assert elsewhere.asked == []


# Nothing is known ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in EVERYTHING if name != "older by iat"])
def test_what_was_never_had_cannot_be_told(go_wrong, name):
    go_wrong(name)

    with pytest.raises(IssuerUnavailable):
        verify(sign(), "orders")


def test_a_request_is_answered_503_while_nothing_can_be_known(accounts, settings, target):
    away(accounts, settings)

    answer = Client().get(target, HTTP_AUTHORIZATION=f"Bearer {sign()}")

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer["Content-Type"] == "application/problem+json"
    assert "WWW-Authenticate" not in answer
    assert answer.json() == {
        "type": "/problems/issuer-unavailable/",
        "title": "No token can be checked for now",
        "status": 503,
        "detail": "The issuer's keys cannot be had.",
        "code": "issuer-unavailable",
        "request_id": answer.json()["request_id"],
    }


PAGES = {"products": "/products/", "orders": "/orders/", "accounts": "/account/"}


@pytest.mark.parametrize("address", [PAGES.get(service, f"/{service}/") for service in deployed.SERVICES] + ["/admin/"])
def test_a_page_says_so_and_keeps_the_cookie(accounts, settings, address):
    away(accounts, settings)
    browser = Client()
    browser.cookies[access_name()] = sign()

    answer = browser.get(address)

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer["Content-Type"].startswith("text/html")
    assert answer.cookies == {}


@pytest.mark.django_db
def test_a_process_that_knows_nothing_is_not_ready(accounts, settings):
    assert ready() == (200, "ok")

    forget()
    away(accounts, settings)
    assert ready() == (503, "unavailable")


@pytest.mark.django_db
def test_a_process_without_a_status_list_is_not_ready(accounts):
    accounts.lists = lambda: page(b"", "404 Not Found")

    assert ready() == (503, "unavailable")


def ready():
    answer = Client().get("/readyz")
    return answer.status_code, answer.json()["issuer"]


@pytest.mark.django_db
def test_a_list_past_its_end_says_nothing_any_more(accounts, settings, target):
    token = sign()
    accounts.lists = lambda: page(sign_list(exp=int(time.time()) + 60).encode())
    assert is_believed(token)
    assert ready() == (200, "ok")
    away(accounts, settings)

    with time_machine.travel(time.time() + 61, tick=False):
        answer = Client().get(target, HTTP_AUTHORIZATION=f"Bearer {token}")

        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert answer.json()["code"] == "issuer-unavailable"
        assert ready() == (503, "unavailable")


def test_a_token_revoked_before_the_list_ended_stays_refused(accounts, settings):
    token = sign()
    accounts.lists = lambda: page(sign_list(1, exp=int(time.time()) + 60).encode())
    assert not is_believed(token)
    away(accounts, settings)

    with time_machine.travel(time.time() + 61, tick=False):
        assert not is_believed(token)


# What is asked for --------------------------------------------------------------------------------


def test_what_is_fresh_is_not_asked_for_again(accounts, clock):
    token = sign()

    assert [is_believed(token) for _ in range(50)] == [True] * 50
    assert [is_believed(sign(sub=f"u{number}")) for number in range(50)] == [True] * 50
    assert accounts.asked == [KEYS_PATH, LIST_PATH]


def test_many_at_once_ask_once(accounts, clock):
    tokens = [sign(sub=f"u{number}") for number in range(16)]

    with ThreadPoolExecutor(16) as pool:
        believed = list(pool.map(is_believed, tokens))

    assert believed == [True] * 16
    assert accounts.asked == [KEYS_PATH, LIST_PATH]


def test_made_up_kids_are_looked_for_once(accounts, clock):
    assert is_believed(sign())

    assert not any(is_believed(sign({"kid": f"made-up-{number}"})) for number in range(100))
    assert accounts.asked == [KEYS_PATH, LIST_PATH, KEYS_PATH]


def test_an_unsigned_token_makes_nobody_ask_for_a_list(accounts):
    signature = sign_inner().rpartition(".")[2]
    uris = [f"{deployed.ISSUER}{PATH}{number}" for number in range(20)]
    bodies = [sign_inner(status={"status_list": {"idx": 1, "uri": uri}}).rpartition(".")[0] for uri in uris]
    forged = [encryption.encrypt(f"{body}.{signature}") for body in bodies]

    assert not any(is_believed(token) for token in forged)
    assert accounts.asked == [KEYS_PATH]


def test_an_unknown_list_is_asked_for_once_in_four_seconds(accounts, clock):
    token = sign(status={"status_list": {"idx": 1, "uri": f"{deployed.ISSUER}{PATH}7"}})

    for _ in range(6):
        assert not is_believed(token)
        clock.move(1)

    assert accounts.asked.count(f"{PATH}7") == 2


def test_an_unknown_list_is_no_failure(accounts, caplog):
    before = failures()

    with pytest.raises(ListUnknown):
        get_issuer().status_list(7)

    assert (failures(), told(caplog)) == (before, [])


def test_what_a_document_says_of_its_age_is_not_heeded(accounts, clock):
    token = sign()
    accounts.keys = lambda: page(jwks(), "200 OK", "Cache-Control: public, max-age=86400, immutable")
    accounts.lists = lambda: page(sign_list(ttl=86_400).encode(), "200 OK", "Cache-Control: max-age=86400")
    assert is_believed(token)
    accounts.lists = lambda: page(sign_list(1, ttl=86_400).encode())

    clock.move(8)

    assert not is_believed(token)


# Documents that change ----------------------------------------------------------------------------


def test_a_key_that_goes_takes_its_tokens_along(accounts, clock):
    old, new = sign(), sign(by="RS256")
    assert [is_believed(old), is_believed(new)] == [True, True]

    accounts.keys = lambda: page(jwks("RS256"))
    accounts.lists = lambda: page(seal(header("RS256", typ=TYPE), listing(), "RS256").encode())
    clock.move(8)

    assert [is_believed(old), is_believed(new)] == [False, True]


def test_a_list_under_a_new_key_has_the_key_looked_for(accounts, clock):
    accounts.keys = lambda: page(jwks("ES256"))
    token, before = sign(), failures()
    assert is_believed(token)
    accounts.keys = lambda: page(jwks("ES256", "RS256"))
    accounts.lists = lambda: page(seal(header("RS256", typ=TYPE), listing(), "RS256").encode())
    clock.move(4)
    assert is_believed(token)  # keys and list are fetched behind it, in either order

    clock.move(4)

    assert is_believed(token)
    assert failures() == before


def test_a_list_dated_like_the_one_held_is_newer_if_it_came_later(accounts, clock):
    token, now = sign(), int(time.time())
    accounts.lists = lambda: page(sign_list(iat=now).encode())
    assert is_believed(token)
    accounts.lists = lambda: page(sign_list(1, iat=now).encode())

    clock.move(8)

    assert not is_believed(token)


def test_an_older_list_takes_no_revocation_back(accounts, clock):
    token, now = sign(), int(time.time())
    accounts.lists = lambda: page(sign_list(1, iat=now).encode())
    assert not is_believed(token)
    accounts.lists = lambda: page(sign_list(iat=now - 1).encode())

    clock.move(8)

    assert not is_believed(token)


def test_a_clock_that_was_ahead_and_is_put_right_hides_no_revocation(accounts, clock):
    token, now = sign(), int(time.time())
    accounts.lists = lambda: page(sign_list(iat=now + 25).encode())
    assert is_believed(token)
    accounts.lists = lambda: page(sign_list(1, iat=now).encode())

    clock.move(8)

    assert not is_believed(token)


def test_an_old_list_is_not_let_in_by_one_of_the_future(accounts, clock):
    token, now = sign(), int(time.time())
    accounts.lists = lambda: page(sign_list(1, iat=now + 25).encode())
    assert not is_believed(token)
    accounts.lists = lambda: page(sign_list(iat=now - 120).encode())

    clock.move(8)

    assert not is_believed(token)


def test_a_fresh_key_is_found_soon_while_others_make_up_kids(accounts, clock):
    """As after `rotate_keys --now`, with somebody who sends forged tokens all the time."""
    accounts.keys = lambda: page(jwks("RS256"))
    accounts.lists = lambda: page(seal(header("RS256", typ=TYPE), listing(), "RS256").encode())
    assert is_believed(sign(by="RS256"))
    assert not is_believed(sign({"kid": "made-up"}))
    accounts.keys = lambda: page(jwks("ES256", "RS256"))

    clock.move(0.5)

    assert is_believed(sign())


def test_entries_may_be_wider(accounts):
    entries = {"bits": 2, "lst": compress(pack({1: 2}, 8, width=2))}
    accounts.lists = lambda: page(sign_list(status_list=entries).encode())
    at = [sign(status={"status_list": {"idx": index, "uri": f"{deployed.ISSUER}{LIST_PATH}"}}) for index in (0, 1, 8)]

    assert [is_believed(token) for token in at] == [True, False, False]


def test_under_the_shared_secret_no_key_is_fetched(accounts, shared):
    accounts.lists = lambda: page(sign_list().encode())

    assert is_believed(sign())
    assert accounts.asked == [LIST_PATH]
