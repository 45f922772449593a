"""A database of accounts that was restored believes nothing that was issued before, since it may have been revoked."""

import time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.issuing import status_lists
from accounts.models import Client, Event, Session, SigningKey, TokenStatus
from accounts.oauth import clients
from tests.accounts.apps import App, browser_of
from tests.accounts.conftest import PASSWORD, forget
from tests.issuer import read
from tokens.status_list import LIST_BITS, locate
from wire.events import SYSTEM

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def after_restore():
    def run(*arguments):
        out = StringIO()
        call_command("after_restore", *arguments, stdout=out)
        forget()
        return out.getvalue()

    return run


@pytest.fixture
def machine(settings):
    settings.READ_ONLY = []
    return Client(client_id="till", name="Till", scopes=["orders:pay"], audience=["orders"])


def me(bearer, access):
    return bearer(access).get("/api/accounts/me/").status_code


def refresh(api, tokens):
    return api.post("/api/token/refresh/", {"refresh": tokens["refresh"]}).status_code


def test_who_logs_in_afterwards_is_served(alice, log_in, bearer, api, after_restore):
    after_restore()
    tokens = log_in()

    assert me(bearer, tokens["access"]) == 200
    assert refresh(api, tokens) == 200


def test_no_token_of_before_is_believed(alice, log_in, bearer, api, after_restore):
    tokens = log_in()
    assert me(bearer, tokens["access"]) == 200

    told = after_restore()

    assert me(bearer, tokens["access"]) == 401
    assert refresh(api, tokens) == 401
    assert set(Session.objects.values_list("end_reason", flat=True)) == {"restored"}
    assert "accounts: 1 sessions ended: everybody logs in again" in told


def test_every_key_of_before_leaves_the_key_set(alice, log_in, client, after_restore):
    log_in()
    call_command("rotate_keys", stdout=StringIO())
    before = set(SigningKey.objects.values_list("kid", flat=True))

    after_restore()

    published = {jwk["kid"] for jwk in client.get("/.well-known/jwks.json").json()["keys"]}
    assert len(before) == 2
    assert len(published) == 1
    assert not published & before


def test_an_entry_that_a_lost_row_had_is_given_to_nobody(alice, log_in, after_restore):
    log_in()
    lost = Session.objects.get().status_id + 1

    after_restore()
    entry = read(log_in()["access"])[1]["status"]["status_list"]

    number = Session.objects.alive().get().status_id
    assert number > lost
    assert number >> LIST_BITS >= int(time.time()) // 60 - 1
    assert (entry["uri"].rpartition("/")[2], entry["idx"]) == (str(locate(number)[0]), locate(number)[1])


def test_a_list_that_was_begun_is_left_even_where_the_clock_went_back(alice, log_in):
    ahead = int(time.time()) // 60 + 500
    TokenStatus.objects.create(pk=ahead << LIST_BITS)

    number = status_lists.start_list()

    assert number == ahead + 1
    assert TokenStatus.objects.create().pk == (number << LIST_BITS) + 1


def test_a_revocation_in_the_new_list_is_published(alice, log_in, bearer, after_restore):
    after_restore()
    first, second = log_in(), log_in()
    bearer(first["access"]).post("/api/token/blacklist/", {"refresh": first["refresh"]})
    forget()

    assert (me(bearer, first["access"]), me(bearer, second["access"])) == (401, 200)


def test_a_machine_has_its_secret_and_no_token(machine, bearer, after_restore):
    secret = clients.register_client(machine, by=SYSTEM)
    before = machine.status_id

    told = after_restore()

    assert "accounts: client till: its tokens are void; its secret is that of the backup" in told
    assert clients.authenticate("till", secret).status_id > before


def test_a_second_time_does_nothing_unless_it_is_meant(alice, log_in, bearer, after_restore):
    after_restore()
    tokens = log_in()

    with pytest.raises(CommandError, match=r"Nothing was done: accounts .* say --again"):
        after_restore()
    assert me(bearer, tokens["access"]) == 200

    after_restore("--again")
    assert me(bearer, tokens["access"]) == 401
    assert Event.objects.filter(kind="database", what="restored").count() == 2


def test_nothing_is_done_while_accounts_only_reads(alice, log_in, settings, after_restore):
    settings.READ_ONLY = ["accounts"]

    with pytest.raises(CommandError, match="READ_ONLY: accounts only reads for now"):
        after_restore()

    assert not Event.objects.filter(what="restored").exists()


def test_who_shares_a_secret_is_told_to_set_another(settings, after_restore):
    settings.JWT_ALGORITHM, settings.JWT_SIGNING_KEY = "HS256", "s" * 48

    assert "set another JWT_SIGNING_KEY at every service" in after_restore()


def test_thousands_of_sessions_end_in_batches(alice, log_in, after_restore, monkeypatch):
    monkeypatch.setattr("accounts.after_restore.BATCH", 2)
    for _ in range(5):
        log_in(password=PASSWORD)

    assert "accounts: 5 sessions ended" in after_restore()
    assert not Session.objects.alive().exists()


@pytest.fixture(autouse=True)
def sequence_as_before(db):
    """What the command does to the sequence of status entries outlasts a test's transaction."""
    yield
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT setval(pg_get_serial_sequence('accounts_tokenstatus', 'id'), 100000)")


def test_an_app_that_was_let_in_asks_again(alice, after_restore):
    app = App()
    app.allow(browser_of("alice@example.com"))

    told = after_restore()

    assert "1 apps that people let in ask again" in told
    assert app.ask(browser_of("alice@example.com")).status_code == 200
