"""An e-mail address is one, however it is written, and so is a password, on whatever keyboard it is typed."""

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.core import mail
from django.core.management import call_command
from django.test import Client as Browser

from accounts.jobs import JOBS
from accounts.login.hashers import OwaspArgon2
from accounts.models import Event, FailedLogIn, Role, User
from tests.accounts.conftest import PASSWORD
from tests.issuer import read
from tests.older_text import normalize, write_raw
from tokens.cookies import access_name

pytestmark = [pytest.mark.django_db, pytest.mark.database]

STORED = "ida@xn--bcher-kva.example"
WRITTEN = ["ida@bücher.example", "IDA@BÜCHER.Example", "ida@bu\u0308cher.example", STORED, "Ida@XN--bcher-kva.example"]
MAC, PC = "cafe\u0301 au lait", "café au lait"


@pytest.fixture
def register(api):
    def register(email, password=PASSWORD, name="Ida"):
        return api.post("/api/accounts/register/", {"email": email, "password": password, "name": name})

    return register


@pytest.mark.parametrize("email", WRITTEN)
def test_however_it_is_written_an_address_is_one_account(register, log_in, email):
    assert register(email).status_code == 201

    assert User.objects.get().email == STORED
    for other in WRITTEN:
        assert register(other).json()["code"] == "email-taken"
        assert log_in(other)["access"]
        assert Browser().post("/login/", {"email": other, "password": PASSWORD}).status_code == 302


def test_a_link_is_mailed_however_the_address_is_written(register):
    register(WRITTEN[0])

    Browser().post("/password-reset/", {"email": WRITTEN[2]})

    JOBS["send mails"][0]()
    assert [message.to for message in mail.outbox] == [[STORED], [STORED]]


@pytest.mark.parametrize("email", ["ida@☃.example", "idä@example.com", "ida@-ü.example"])
def test_what_is_no_address_is_told(register, email):
    answer = register(email)

    assert (answer.status_code, [*answer.json()["errors"]]) == (400, ["email"])


@pytest.mark.parametrize("email", WRITTEN)
def test_staff_are_told_that_an_address_is_taken(register, log_in, email):
    register(WRITTEN[0])
    User.objects.get().roles.add(Role.objects.get(name="admin"))
    browser = Browser()
    browser.cookies[access_name()] = log_in(STORED)["access"]

    answer = browser.post("/admin/accounts/user/add/", {"email": email, "name": "Other", "is_active": "on"})

    assert answer.status_code == 200
    assert "This e-mail address is taken." in str(answer.context["adminform"].form.errors["email"])


def test_a_command_makes_the_same_account(register, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", email=WRITTEN[1], interactive=False, verbosity=0)

    assert User.objects.get().email == STORED


def test_failures_count_however_the_address_is_written(register, log_in):
    for email in WRITTEN:
        log_in(email, "wrong")

    assert log_in(WRITTEN[0])["code"] == "throttled"
    assert {row.failures for row in FailedLogIn.objects.filter(key__startswith="account")} == {5}


def test_what_is_older_is_moved(alice, log_in):
    write_raw(alice, email=WRITTEN[0], name="A\u200blice\u0301")
    assert log_in(WRITTEN[0])["access"]

    out, code = normalize()

    alice.refresh_from_db()
    assert (alice.email, alice.name, code) == (STORED, "Alicé", 0)
    assert out.splitlines()[-1] == "2 texts changed, 0 left."
    assert normalize() == ("0 texts changed, 0 left.\n", 0)


def test_two_that_would_become_one_both_stay_and_are_told(alice, bob, log_in):
    write_raw(alice, email=WRITTEN[0])
    write_raw(bob, email=WRITTEN[2])

    out, code = normalize()

    assert {*User.objects.values_list("email", flat=True)} == {WRITTEN[0], WRITTEN[2]}
    assert (code, out.count(f"another is '{STORED}', too. Change one of them by hand.")) == (2, 2)
    assert read(log_in(STORED)["access"])[1]["sub"] == alice.sub


def test_a_dry_run_changes_nothing(alice):
    write_raw(alice, email=WRITTEN[0])

    out, code = normalize(dry_run=True)

    alice.refresh_from_db()
    assert (alice.email, code, out.splitlines()[-1]) == (WRITTEN[0], 0, "1 texts would be changed, 0 left.")


def test_the_migration_moves_what_it_can_and_tells_it(alice, bob, capsys):
    write_raw(alice, email=WRITTEN[0])
    write_raw(bob, name="\u200b")

    import_module("accounts.migrations.0005_normal_forms").normalize(apps, None)

    alice.refresh_from_db()
    bob.refresh_from_db()
    assert (alice.email, bob.name) == (STORED, "")
    assert f"accounts.user {alice.pk}: email 'ida@b\\xfccher.example' becomes '{STORED}'" in capsys.readouterr().out


# Passwords --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "typed"), [(MAC, PC), (PC, MAC), ("caf\u00e9\u00a0au lait", PC), (PC, "café\u3000au lait")]
)
def test_a_password_is_one_on_every_keyboard(register, log_in, settings, chosen, typed):
    settings.PASSWORD_HASHERS = ["accounts.login.hashers.OwaspArgon2"]
    register("ida@example.com", chosen)

    assert log_in("ida@example.com", typed)["access"]
    assert log_in("ida@example.com", chosen)["access"]
    assert "access" not in log_in("ida@example.com", "cafe au lait")


def test_an_older_hash_opens_as_typed_and_is_exchanged(alice, log_in, settings):
    write_raw(alice, password=make_password(MAC))  # By a hasher that takes it as it is typed.
    assert "access" not in log_in(password=PC)

    settings.PASSWORD_HASHERS = ["accounts.login.hashers.OwaspArgon2", "django.contrib.auth.hashers.MD5PasswordHasher"]
    assert log_in(password=MAC)["access"]

    alice.refresh_from_db()
    assert alice.password.startswith(OwaspArgon2.algorithm)
    assert log_in(password=PC)["access"]


def test_a_wrong_password_counts_once_in_whichever_form(alice, log_in):
    log_in(password="e\u0301" * 8)

    assert {row.failures for row in FailedLogIn.objects.all()} == {1}
    assert Event.objects.filter(what="log-in failed").count() == 1


@pytest.mark.parametrize("password", ["pass\x07word ok", "pass\u200bword ok", "pass\u202eword ok", "\ue000" * 9])
def test_what_cannot_be_typed_again_is_no_new_password(register, password):
    assert [*register("ida@example.com", password).json()["errors"]] == ["password"]


def test_letters_are_counted_composed(register):
    assert [*register("ida@example.com", "e\u0301" * 7).json()["errors"]] == ["password"]
    assert register("ida@example.com", "éàüßñçő1").status_code == 201


class Counting(MD5PasswordHasher):
    """A hasher that notes each time it hashes."""

    algorithm = "counting"
    hashed = []

    def encode(self, password, salt):
        self.hashed.append(password)
        return super().encode(password, salt)


def test_an_unknown_address_takes_as_long_as_a_known_one(alice, log_in, settings):
    settings.PASSWORD_HASHERS = ["tests.accounts.test_addresses.Counting"]
    alice.set_password(PASSWORD)
    alice.save()
    counts = []
    for email in ("alice@example.com", "nobody@example.com"):
        Counting.hashed.clear()
        log_in(email, MAC)
        counts.append(len(Counting.hashed))

    assert counts == [2, 2]


@pytest.mark.parametrize("name", ["\u200b\u2060", "\u3164", " \u2800 ", "\u202e\u202c"])
def test_a_name_has_something_that_can_be_seen(register, name):
    assert [*register("ida@example.com", name=name).json()["errors"]] == ["name"]
    page = Browser().post("/register/", {"email": "ida@example.com", "password": PASSWORD, "name": name})
    assert page.status_code == 400
    assert not User.objects.exists()
