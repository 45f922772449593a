"""What accounts holds of somebody is handed out, and goes when they do."""

import json

import pytest
from django.core.management import CommandError, call_command

from accounts.factors.two_steps import log_in
from accounts.jobs import JOBS
from accounts.login.sessions import InvalidCredentials, Origin
from accounts.login.throttling import TooManyFailures
from accounts.models import Consent, Event, Mail, Passkey, RecoveryCode, Session, Totp, User
from accounts.people import deletion, email_addresses
from accounts.personal_data import export
from tests.accounts.conftest import PASSWORD
from wire.events import SYSTEM, Named

pytestmark = [pytest.mark.django_db, pytest.mark.database]

ORIGIN = Origin("web", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "203.0.113.7")
TELLING = ("alice", "allie", "203.0.113", "Firefox")
HELD = {
    "apps": Consent,
    "sessions": Session,
    "roles": User.roles.through,
    "authenticator app": Totp,
    "passkeys": Passkey,
    "recovery codes": RecoveryCode,
}
"""The tables of `export` that point to somebody."""


@pytest.fixture
def lived(alice):
    """Alice has lived a while: an earlier address, a log-in, failures, a mail."""
    log_in("alice@example.com", PASSWORD, ORIGIN)
    for _ in range(6):
        with pytest.raises((InvalidCredentials, TooManyFailures)):
            log_in("alice@example.com", "wrong", ORIGIN)
    Mail.objects.write("password reset", "alice@example.com")
    by = Named(alice.sub)
    email_addresses.change_email(alice, current_password=PASSWORD, email="allie@example.com", by=by)
    email_addresses.store_confirmed(alice, by=by)
    Mail.objects.update(state="sent")
    return alice


def told():
    """Which of what tells of Alice is anywhere in the tables of events and mails."""
    rows = json.dumps([*Event.objects.values(), *Mail.objects.values(), *User.objects.values()], default=str)
    return [word for word in TELLING if word in rows]


def erase(person, *words):
    call_command("erase_person", person, *words, verbosity=0)


def forget_deleted():
    """The job, once the mail which says that the account is deleted was sent."""
    Mail.objects.update(state="sent")
    return JOBS["forget deleted people"][0]()


def test_all_that_is_held_is_handed_out_and_no_secret(lived, bob, tmp_path):
    call_command("export_person", "allie@example.com", str(tmp_path / "allie.json"))

    held = json.loads((tmp_path / "allie.json").read_bytes())["accounts"]
    assert [len(held[name]) for name in ("account", "sessions", "roles")] == [1, 1, 1]
    assert {mail["to"] for mail in held["mails"]} == {"alice@example.com", "allie@example.com"}
    assert held["account"][0]["email"] == "allie@example.com"
    assert held["sessions"][0]["address"] == "203.0.113.7"
    assert {"registered", "logged in", "e-mail changed"} <= {event["what"] for event in held["events"]}
    text = (tmp_path / "allie.json").read_text()
    secrets = (lived.password, Session.objects.get().password_mark)
    assert [word for word in ("bob", "password_mark", *secrets) if word in text] == []
    assert "password" not in held["account"][0]
    assert (tmp_path / "allie.json").stat().st_mode & 0o777 == 0o600


def test_what_staff_did_to_others_is_handed_out_without_what_it_tells_of_them(lived, bob):
    staff = User.objects.create_user("dave@example.com")
    by = Named(staff.sub)
    for facts in ({"fields": {"email": ["bob@example.com", "rob@example.com"]}}, {"name": "bob@example.com"}):
        Event.objects.record(bob, "changed", by=by, **facts)
    Event.objects.record(Session(), "deleted", by=by, name="bob@example.com (Firefox)")
    Event.objects.record(staff, "e-mail changed", by=Named(bob.sub), before="david@example.com")

    events = [*export(staff.sub)["events"]]

    assert [event["what"] for event in events] == ["changed", "changed", "deleted", "e-mail changed"]
    assert [event["facts"] for event in events] == [{}, {}, {}, {"before": "david@example.com"}]
    assert [event["sub"] for event in events] == [staff.sub] * 3 + [""]


def test_every_table_that_points_to_somebody_is_handed_out():
    related = {relation.related_model for relation in User._meta.related_objects} | {User.roles.through}
    pointing = {model for model in related if model._meta.app_label == "accounts"}

    assert pointing == {*HELD.values()}
    assert HELD.keys() <= export("nobody").keys()


def test_who_is_erased_is_named_nowhere(lived, bob):
    assert told() == [*TELLING]

    erase(lived.sub, "--yes")
    forget_deleted()

    assert told() == []
    assert [user.email for user in User.objects.all()] == ["bob@example.com"]
    assert Event.objects.filter(what="user deleted", subject=lived.sub, sub="erase_person").exists()


def test_it_is_safe_to_repeat_and_to_name_somebody_whose_account_is_gone(lived):
    sub = lived.sub
    deletion.delete_user(lived, by=SYSTEM)

    erase(sub, "--yes")
    Mail.objects.update(state="sent")
    erase(sub, "--yes")

    assert told() == []


def test_others_are_left_alone(lived, bob):
    log_in("bob@example.com", PASSWORD, ORIGIN)
    Mail.objects.write("password reset", "bob@example.com")

    erase(lived.sub, "--yes")
    forget_deleted()

    assert Event.objects.get(what="logged in", sub=bob.sub).facts["address"] == "203.0.113.7"
    assert [mail.to for mail in Mail.objects.all()] == ["bob@example.com"]


def test_nothing_happens_without_a_yes(lived):
    with pytest.raises(CommandError, match="Nothing was done"):
        erase("allie@example.com")

    assert User.objects.filter(pk=lived.pk).exists()


@pytest.mark.parametrize("person", ["nobody@example.com", "alice@example.com", "system", "orders", ""])
def test_a_name_that_is_nobodys_is_said_to_be(lived, person):
    with pytest.raises(CommandError, match="Nobody is known here"):
        erase(person, "--yes")


def test_the_last_manager_stays(admin):
    with pytest.raises(CommandError, match="Nobody would be left"):
        erase("admin@example.com", "--yes")

    assert User.objects.filter(email="admin@example.com").exists()


def test_who_deletes_their_account_is_forgotten_by_the_events_within_the_hour(lived, bob):
    deletion.delete_own(lived, current_password=PASSWORD, by=Named(lived.sub))

    assert JOBS["forget deleted people"][0]() == 1
    assert [mail.to for mail in Mail.objects.filter(state="waiting")] == ["allie@example.com"]
    assert (forget_deleted(), told(), forget_deleted()) == (1, [], 0)


def test_what_happened_stays_on_the_trail(lived):
    before = Event.objects.count()

    erase(lived.sub, "--yes")

    # And the deletion.
    assert Event.objects.count() == before + 1
    assert Event.objects.filter(what="e-mail changed", subject=lived.sub, facts={}).exists()
