"""The life of a signing key: made at first use, announced, signing, retired, gone."""

import hashlib
from base64 import urlsafe_b64encode
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from cryptography.fernet import Fernet
from django.core.checks import Tags, run_checks
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from jwt.utils import base64url_decode

from accounts.issuing import key_derivation, keys
from accounts.models import Event, Session, SigningKey
from tests.accounts.apps import App, browser_of
from tests.accounts.conftest import PASSWORD, forget
from tests.issuer import read
from tokens.errors import IssuerUnavailable
from wire.events import SYSTEM

pytestmark = pytest.mark.django_db

ASYMMETRIC = ["ES256", "RS256", "EdDSA"]


@pytest.fixture(autouse=True)
def closed():
    """No private key is held open from one test to the next."""
    keys.load_private_key.cache_clear()
    yield
    keys.load_private_key.cache_clear()


@pytest.fixture
def published(client):
    """The `kid`s of the key set as it is published now."""
    return lambda: [jwk["kid"] for jwk in client.get("/.well-known/jwks.json").json()["keys"]]


def states():
    return dict(SigningKey.objects.values_list("kid", "state"))


def kid_of(token):
    return read(token)[0]["kid"]


def days(number):
    """A later time, that many days from now."""
    return time_machine.travel(timezone.now() + timedelta(days=number), tick=False)


def rotate(*arguments):
    out = StringIO()
    call_command("rotate_keys", *arguments, stdout=out)
    forget()
    return out.getvalue()


@pytest.mark.parametrize("ask", ["/.well-known/jwks.json", "/.well-known/token-status/0"])
def test_the_first_key_is_made_when_it_is_asked_for_and_signs_at_once(client, ask):
    client.get(ask)

    key = SigningKey.objects.get()
    assert (key.state, key.algorithm) == ("signing", "ES256")
    assert [event.what for event in Event.objects.about(key)] == ["key made"]


def test_a_private_key_is_stored_encrypted(client, published):
    published()

    stored = bytes(SigningKey.objects.get().private_key)
    assert stored.startswith(key_derivation.GCM)
    assert b"PRIVATE" not in stored
    assert keys.current_signer()[2].private_numbers().private_value.to_bytes(32, "big") not in stored


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_first_at_once_one_makes_the_key(at_once):
    def ask(_):
        return keys.current_signer()[0]

    kids = at_once(8, ask)

    assert len(set(kids)) == 1
    assert states() == {kids[0]: "signing"}


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_of_many_who_come_when_the_time_is_up_one_announces_and_one_promotes(at_once, published):
    published()
    with days(89.5):
        at_once(8, lambda _: keys.current_signer()[0])
        assert sorted(states().values()) == ["announced", "signing"]
    with days(90.6):
        kids = at_once(8, lambda _: keys.current_signer()[0])
    assert len(set(kids)) == 1
    assert sorted(states().values()) == ["retired", "signing"]
    assert Event.objects.filter(what="key signs").count() == 1


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_of_many_who_replace_at_once_each_does_and_one_key_signs(at_once, published):
    published()

    at_once(6, lambda _: keys.replace_keys(by=SYSTEM).kid)

    assert sorted(states().values()) == ["retired"] * 6 + ["signing"]
    assert len(published()) == 1


def test_the_next_key_is_announced_a_day_before_it_signs(published, alice, log_in):
    first = kid_of(log_in()["access"])

    with days(88.9):
        log_in()
        assert published() == [first]
    with days(89.1):
        assert kid_of(log_in()["access"]) == first
        assert len(published()) == 2
    with days(90):
        assert kid_of(log_in()["access"]) == first
    with days(90.2):
        second = kid_of(log_in()["access"])
    assert second != first
    assert states() == {first: "retired", second: "signing"}


def test_a_retired_key_stays_published_until_its_last_token_is_long_dead(published, alice, log_in):
    first = kid_of(log_in()["access"])
    rotate()

    with days(1.01):
        second = kid_of(log_in()["access"])
        assert set(published()) == {first, second}
    with days(1.01 + 12.4 / 24):
        assert set(published()) == {first, second}
    with days(1.01 + 12.6 / 24):
        assert published() == [second]


def test_tokens_are_taken_through_a_rotation(alice, log_in, bearer):
    before = log_in()["access"]
    rotate()

    with time_machine.travel(timezone.now() + timedelta(minutes=5), tick=False):
        forget()
        assert bearer(before).get("/api/accounts/me/").status_code == 200
    with days(1.001):
        forget()
        after = log_in()["access"]
        assert kid_of(after) != kid_of(before)
        assert bearer(after).get("/api/accounts/me/").status_code == 200


def test_the_command_announces_the_next_key(published):
    published()
    with time_machine.travel("2030-05-01T12:00Z", tick=False):
        said = rotate()

    announced = SigningKey.objects.get(state="announced")
    assert said == f"{announced.kid} (ES256) is announced and signs from 2030-05-02 12:00 UTC.\n"
    assert set(published()) == set(states())


def test_announcing_twice_announces_once(published):
    published()

    first, second = rotate(), rotate()

    assert first.replace(" is announced", " was announced already") == second
    assert sorted(states().values()) == ["announced", "signing"]


def test_now_replaces_every_key_and_every_token_dies(published, alice, log_in, bearer):
    token = log_in()["access"]
    rotate()

    said = rotate("--now")

    (current,) = published()
    assert said == f"{current} (ES256) signs now; every token signed before is refused within 10 seconds.\n"
    assert sorted(states().values()) == ["retired", "retired", "signing"]
    assert bearer(token).get("/api/accounts/me/").status_code == 401
    assert bearer(log_in()["access"]).get("/api/accounts/me/").status_code == 200


def test_now_also_takes_away_a_key_that_was_retired_just_before(published, alice, log_in):
    log_in()
    rotate()
    with days(1.01):
        log_in()
        rotate("--now")
        assert len(published()) == 1


def test_now_spares_the_sessions(alice, log_in, api):
    refresh = log_in()["refresh"]
    rotate("--now")

    assert api.post("/api/token/refresh/", {"refresh": refresh}).status_code == 200


def test_a_rotation_is_on_the_trail(published):
    published()
    rotate()
    rotate("--now")

    trail = [(event.what, event.sub) for event in Event.objects.filter(kind="signingkey").order_by("id")]
    assert trail == [("key made", "system"), ("key announced", "rotate_keys"), ("key replaced", "rotate_keys")]


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_every_algorithm_signs_and_is_taken(settings, alice, log_in, bearer, algorithm):
    settings.JWT_ALGORITHM = algorithm

    token = log_in()["access"]

    assert read(token)[0]["alg"] == algorithm
    assert bearer(token).get("/api/accounts/me/").status_code == 200


def test_a_key_set_may_hold_several_algorithms(settings, alice, log_in, bearer, client):
    tokens = []
    for algorithm in ASYMMETRIC:
        settings.JWT_ALGORITHM = algorithm
        tokens.append(log_in()["access"])
    forget()

    published = client.get("/.well-known/jwks.json").json()["keys"]

    assert sorted(jwk["alg"] for jwk in published) == sorted(ASYMMETRIC)
    assert [bearer(token).get("/api/accounts/me/").status_code for token in tokens] == [200] * 3


def test_a_key_of_an_algorithm_that_signs_no_more_ends_too(settings, published):
    settings.JWT_ALGORITHM = "RS256"
    (old,) = published()
    settings.JWT_ALGORITHM = "ES256"
    assert old in published()

    with days(91):
        keys.clear_keys()
        assert states()[old] == "signing"
        published()
        keys.clear_keys()
        assert states()[old] == "retired"
        assert old in published()
    with days(92):
        assert old not in published()
    with days(130):
        keys.clear_keys()
        assert old not in states()


def test_clearing_keeps_what_signs_or_may_be_needed(published):
    published()
    rotate()
    with days(1.01):
        published()

    with days(10):
        assert keys.clear_keys() == 0


# SECRET_KEY changes ------------------------------------------------------------------------------


@pytest.fixture
def another_secret(settings):
    """SECRET_KEY is another; the one before is the answer."""

    def change():
        before, settings.SECRET_KEY = settings.SECRET_KEY, "another secret key that is long enough for anything here"
        keys.load_private_key.cache_clear()
        return before

    return change


def test_a_key_opens_under_a_fallback(settings, alice, log_in, bearer, another_secret, api):
    refresh = log_in()["refresh"]
    settings.SECRET_KEY_FALLBACKS = [another_secret()]

    assert bearer(log_in()["access"]).get("/api/accounts/me/").status_code == 200
    assert api.post("/api/token/refresh/", {"refresh": refresh}).status_code == 200


def test_a_key_that_nothing_opens_is_a_503_and_a_log_line_that_names_the_way_out(
    alice, log_in, api, another_secret, caplog
):
    log_in()
    another_secret()

    answer = api.post("/api/token/", {"email": alice.email, "password": PASSWORD})

    assert (answer.status_code, answer.json()["code"]) == (503, "issuer-unavailable")
    assert answer["Retry-After"]
    assert "SECRET_KEY" not in answer.content.decode()
    assert "rotate_keys --now" in caplog.text


def test_what_was_signed_before_is_still_believed_then(alice, log_in, bearer, another_secret):
    token = log_in()["access"]
    another_secret()

    assert bearer(token).get("/api/accounts/me/").status_code == 200


def test_a_refresh_that_cannot_be_signed_uses_nothing_up(settings, alice, log_in, api, another_secret):
    refresh = log_in()["refresh"]
    stored = SigningKey.objects.get().private_key
    SigningKey.objects.update(private_key=b"rubbish")
    keys.load_private_key.cache_clear()

    assert api.post("/api/token/refresh/", {"refresh": refresh}).status_code == 503

    assert Session.objects.get().generation == 0
    SigningKey.objects.update(private_key=stored)
    assert api.post("/api/token/refresh/", {"refresh": refresh}).status_code == 200


def test_the_command_says_what_to_do_about_it(published, another_secret):
    published()
    another_secret()

    with pytest.raises(CommandError, match="Put the SECRET_KEY it was stored under into SECRET_KEY_FALLBACKS"):
        rotate()


def test_replacing_the_key_is_the_way_out(published, alice, log_in, another_secret, bearer):
    published()
    another_secret()

    rotate("--now")

    assert bearer(log_in()["access"]).get("/api/accounts/me/").status_code == 200


def test_what_is_encrypted_for_one_purpose_opens_for_no_other():
    with pytest.raises(key_derivation.Undecryptable):
        key_derivation.decrypt(key_derivation.encrypt(b"text", "signing keys"), "refresh tokens")


@pytest.mark.parametrize("place", [0, 1, 12, 13, -17, -1])
def test_a_bit_changed_in_what_is_encrypted_is_noticed(place):
    encrypted = bytearray(key_derivation.encrypt(b"text", keys.PURPOSE))
    encrypted[place] ^= 1

    with pytest.raises(key_derivation.Undecryptable):
        key_derivation.decrypt(bytes(encrypted), keys.PURPOSE)


@pytest.mark.parametrize("length", [0, 1, 2, 13, 20])
def test_what_was_cut_off_does_not_open(length):
    with pytest.raises(key_derivation.Undecryptable):
        key_derivation.decrypt(key_derivation.encrypt(b"text", keys.PURPOSE)[:length], keys.PURPOSE)


def test_the_same_text_is_never_encrypted_alike():
    assert len({key_derivation.encrypt(b"text", keys.PURPOSE) for _ in range(100)}) == 100


def test_a_failed_transaction_leaves_no_key(db):
    with transaction.atomic():
        keys.current_signer()
        transaction.set_rollback(True)

    assert not SigningKey.objects.exists()
    assert keys.current_signer()[0] == SigningKey.objects.get().kid


# The algorithm changes ---------------------------------------------------------------------------


def test_the_first_key_of_another_algorithm_is_announced_a_day_ahead(settings, published, alice, log_in):
    (old,) = published()
    settings.JWT_ALGORITHM = "EdDSA"

    assert kid_of(log_in()["access"]) == old
    assert sorted(states().values()) == ["announced", "signing"]
    assert len(published()) == 2
    with days(0.99):
        assert kid_of(log_in()["access"]) == old
    with days(1.01):
        new = log_in()["access"]
    assert read(new)[0]["alg"] == "EdDSA"
    assert states()[kid_of(new)] == "signing"


@pytest.mark.parametrize(("before", "after"), [("ES256", "EdDSA"), ("EdDSA", "RS256")])
def test_meanwhile_an_id_token_agrees_with_the_key_that_signs_it_and_with_the_metadata(
    settings, published, client, alice, before, after
):
    settings.JWT_ALGORITHM = before
    published()
    settings.JWT_ALGORITHM = after
    app, browser = App(), browser_of(alice.email)

    tokens = app.tokens(browser)

    header, claims = read(tokens["id_token"])
    hashed = {"EdDSA": hashlib.sha512, "ES256": hashlib.sha256}[before](tokens["access_token"].encode()).digest()
    half = urlsafe_b64encode(hashed[: len(hashed) // 2]).rstrip(b"=").decode()
    assert (header["alg"], claims["at_hash"]) == (before, half)
    assert algorithms(client) == sorted([before, after])
    with days(1.01):
        forget()
        assert read(app.tokens(browser_of(alice.email))["id_token"])[0]["alg"] == after
        assert algorithms(client) == [after]


def algorithms(client):
    return client.get("/.well-known/openid-configuration").json()["id_token_signing_alg_values_supported"]


def test_who_changes_back_signs_with_the_key_there_was(settings, published, alice, log_in):
    (old,) = published()
    settings.JWT_ALGORITHM = "EdDSA"
    log_in()
    settings.JWT_ALGORITHM = "ES256"

    assert kid_of(log_in()["access"]) == old


# A rotation of SECRET_KEY, to its end ------------------------------------------------------------


def rewrap():
    out = StringIO()
    call_command("rewrap_keys", stdout=out)
    keys.load_private_key.cache_clear()
    return out.getvalue()


def ready(client):
    forget()
    answer = client.get("/readyz")
    return answer.status_code, answer.json()["issuer"]


OF_KEYS = ("tessera.E001", "tessera.W001", "tessera.W002")


def deploy_messages():
    """What `check --deploy` says of keys."""
    found = run_checks(tags=[Tags.security], include_deployment_checks=True)
    return [(message.id, message.hint) for message in found if message.id in OF_KEYS]


def test_a_process_that_cannot_sign_is_not_ready(client, alice, log_in, another_secret, settings):
    log_in()
    before = ready(client)
    settings.SECRET_KEY_FALLBACKS = [another_secret()]
    meanwhile = ready(client)
    settings.SECRET_KEY_FALLBACKS = []
    keys.load_private_key.cache_clear()

    assert (before, meanwhile, ready(client)) == ((200, "ok"), (200, "ok"), (503, "unavailable"))


def test_rubbish_for_a_key_is_not_ready(client, published):
    published()
    SigningKey.objects.update(private_key=b"rubbish")
    keys.load_private_key.cache_clear()

    assert ready(client) == (503, "unavailable")


def test_after_rewrapping_the_fallback_is_needed_no_more(client, alice, log_in, another_secret, settings):
    kid = kid_of(log_in()["access"])
    rotate("--now")
    rotate()
    settings.SECRET_KEY_FALLBACKS = [another_secret()]

    first, second = rewrap(), rewrap()
    settings.SECRET_KEY_FALLBACKS = []

    assert (first.split()[0], second.split()[0]) == ("3", "Nothing")
    assert ready(client) == (200, "ok")
    assert kid_of(log_in()["access"]) != kid
    assert keys.keys_to_rewrap() == []


def store_as_a_release_before(key):
    """With Fernet, which has AES-128 in CBC mode."""
    key.private_key = Fernet(urlsafe_b64encode(key_derivation.derive_keys(keys.PURPOSE)[0])).encrypt(
        key_derivation.decrypt(bytes(key.private_key), keys.PURPOSE)
    )
    key.save()


def test_a_key_that_a_release_before_stored_signs_and_is_moved(published, alice, log_in):
    (kid,) = published()
    store_as_a_release_before(SigningKey.objects.get())

    assert kid_of(log_in()["access"]) == kid
    assert [found for found, _ in deploy_messages()] == ["tessera.W002"]
    assert rewrap().startswith("1 ")
    assert SigningKey.objects.get().private_key[:1] == key_derivation.GCM
    assert (kid_of(log_in()["access"]), deploy_messages()) == (kid, [])


def test_a_key_that_a_release_before_stored_opens_under_a_fallback(published, alice, log_in, another_secret, settings):
    (kid,) = published()
    store_as_a_release_before(SigningKey.objects.get())
    settings.SECRET_KEY_FALLBACKS = [another_secret()]

    assert kid_of(log_in()["access"]) == kid


def test_each_key_is_moved_by_one_statement_that_compares(published, another_secret, settings):
    published()
    rotate()
    settings.SECRET_KEY_FALLBACKS = [another_secret()]

    with CaptureQueriesContext(connection) as queries:
        rewrap()

    updates = [query["sql"] for query in queries if query["sql"].startswith("UPDATE")]
    assert len(updates) == 2
    assert all("private_key" in sql.partition("WHERE")[2] for sql in updates)


def test_a_key_that_was_changed_meanwhile_is_left_alone(published, another_secret, settings):
    (kid,) = published()
    old = bytes(SigningKey.objects.get().private_key)
    settings.SECRET_KEY_FALLBACKS = [another_secret()]
    rewrap()
    moved = bytes(SigningKey.objects.get().private_key)

    assert keys.rewrap(kid, old) == 0
    assert bytes(SigningKey.objects.get().private_key) == moved != old


def test_what_nothing_opens_is_not_moved_and_the_way_out_is_named(published, another_secret):
    published()
    another_secret()

    with pytest.raises(CommandError, match=r"run .manage.py rotate_keys --now"):
        rewrap()
    rotate("--now")
    assert rewrap().startswith("Nothing to change")


def test_nothing_is_moved_while_accounts_only_reads(settings):
    settings.READ_ONLY = ["accounts"]

    with pytest.raises(CommandError, match="accounts only reads"):
        rewrap()


def test_the_deployment_check_says_when_rewrapping_is_due(published, another_secret, settings):
    published()
    before = deploy_messages()
    settings.SECRET_KEY_FALLBACKS = [another_secret()]
    due = deploy_messages()
    rewrap()

    assert (before, deploy_messages()) == ([], [])
    assert [(found, "manage.py rewrap_keys" in hint) for found, hint in due] == [("tessera.W002", True)]


def test_the_deployment_check_says_what_nothing_opens(published, another_secret):
    published()
    another_secret()

    assert [(found, "rotate_keys --now" in hint) for found, hint in deploy_messages()] == [("tessera.E001", True)]


def test_a_key_made_in_development_is_refused_in_production(published, another_secret, caplog, settings):
    published()
    another_secret()
    settings.DEVELOPMENT = False

    with pytest.raises(IssuerUnavailable):
        keys.current_signer()
    assert "made under the development key, which everybody knows" in caplog.text
    ((found, hint),) = deploy_messages()
    assert (found, "rotate_keys --now" in hint) == ("tessera.E001", True)


def test_a_shop_with_keys_of_its_own_is_told_that_the_development_key_is_in_use(published, settings, caplog):
    development, settings.SECRET_KEY = settings.SECRET_KEY, "this shop's own key, which is long enough for anything"
    published()
    settings.SECRET_KEY = development
    keys.load_private_key.cache_clear()

    with pytest.raises(IssuerUnavailable):
        keys.current_signer()
    assert "SECRET_KEY is not set, so the public development key is in use" in caplog.text


def test_a_database_that_is_away_does_not_break_the_check(published):
    def away(*_):
        raise OperationalError("away")

    with connection.execute_wrapper(away):
        assert [found for found, _ in deploy_messages()] == ["tessera.W001"]


def test_a_plain_check_asks_no_database(django_assert_num_queries):
    with django_assert_num_queries(0):
        run_checks(databases=[])  # Django 6.1 asks every database for its own checks if none are named.


def test_a_new_rsa_key_has_3072_bits_and_one_of_2048_signs_on(settings, published, alice, log_in, bearer, monkeypatch):
    settings.JWT_ALGORITHM = "RS256"
    monkeypatch.setattr(keys, "RSA_BITS", 2048)
    published()
    monkeypatch.undo()

    assert bearer(log_in()["access"]).get("/api/accounts/me/").status_code == 200
    rotate("--now")
    sizes = [len(base64url_decode(key.public_jwk["n"])) * 8 for key in SigningKey.objects.order_by("created_at")]
    assert sizes == [2048, 3072]


# Accounts only reads -----------------------------------------------------------------------------


def test_while_accounts_only_reads_no_key_is_made(settings, client):
    settings.READ_ONLY = ["accounts"]

    answers = [client.get(path) for path in ("/.well-known/jwks.json", "/.well-known/token-status/0")]

    assert [(answer.status_code, answer["Retry-After"]) for answer in answers] == [(503, "5")] * 2
    assert not SigningKey.objects.exists()


def test_while_accounts_only_reads_no_key_is_announced_or_promoted(settings, published):
    (first,) = published()
    settings.READ_ONLY = ["accounts"]
    with days(89.5):
        assert (keys.current_signer().kid, states()) == (first, {first: "signing"})
    settings.READ_ONLY = []
    with days(89.5):
        published()
    before = states()
    settings.READ_ONLY = ["accounts"]

    with days(91):
        assert (keys.current_signer().kid, states()) == (first, before)
    assert sorted(before.values()) == ["announced", "signing"]


def test_metrics_tell_for_how_long_a_key_has_signed(client, settings):
    keys.signing_key()
    SigningKey.objects.update(signs_from=timezone.now() - timedelta(days=93))

    lines = client.get("/metrics").content.decode().splitlines()

    [line] = [line for line in lines if line.startswith("tessera_signing_key_age_seconds{")]
    assert line.startswith('tessera_signing_key_age_seconds{algorithm="ES256"}')
    assert float(line.split()[1]) // 86400 == 93
