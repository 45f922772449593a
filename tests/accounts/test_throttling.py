"""Guessing a password gets slower and slower; nobody else is locked out by it."""

import time
from contextlib import ExitStack
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher
from django.utils import timezone

from accounts.login import sessions, throttling
from accounts.login.sessions import InvalidCredentials, Origin
from accounts.login.throttling import Limit, TooManyFailures, count_attempt, login_limits
from accounts.models import Event, FailedLogIn, User
from database.deadlines import deadline
from tests.accounts.conftest import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("clock")]

ALICE = "alice@example.com"


@pytest.fixture
def guess(api):
    """Try to log in, by default with a wrong password from one address."""

    def guess(password="wrong", email=ALICE, address="192.0.2.1", **headers):
        return api.post("/api/token/", {"email": email, "password": password}, REMOTE_ADDR=address, **headers)

    return guess


def statuses(answers):
    return [answer.status_code for answer in answers]


def failures(email=ALICE, address="192.0.2.1"):
    keys = [limit.key for limit in login_limits(email, address)]
    found = dict(FailedLogIn.objects.values_list("key", "failures"))
    return [found.get(key, 0) for key in keys]


def test_the_sixth_guess_has_to_wait(guess, alice):
    answers = [guess() for _ in range(6)]

    assert statuses(answers) == [401] * 5 + [429]
    assert (answers[-1].json()["code"], answers[-1]["Retry-After"]) == ("throttled", "1")
    assert answers[-1]["Content-Type"] == "application/problem+json"


def test_not_even_the_right_password_gets_in_meanwhile(guess, alice):
    for _ in range(5):
        guess()

    assert guess(PASSWORD).status_code == 429


def test_an_unknown_address_is_counted_alike(guess, alice):
    known = [guess() for _ in range(7)]
    unknown = [guess(email="nobody@example.com", address="198.51.100.1") for _ in range(7)]

    assert statuses(unknown) == statuses(known)
    assert unknown[-1]["Retry-After"] == known[-1]["Retry-After"]


def test_the_wait_doubles_up_to_five_minutes(db):
    now = timezone.now().replace(microsecond=0)
    waits = []
    for _ in range(14):
        with time_machine.travel(now, tick=False):
            waits.append(count_attempt([Limit("key", free=5)]))
        now += timedelta(seconds=waits[-1])

    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300]


def test_who_waits_may_try_again(guess, alice):
    for _ in range(6):
        guess()

    with time_machine.travel(timezone.now() + timedelta(seconds=2)):
        assert guess(PASSWORD).status_code == 200


def test_a_good_log_in_starts_anew(guess, alice):
    for _ in range(4):
        guess()
    guess(PASSWORD)

    assert statuses([guess() for _ in range(5)]) == [401] * 5
    assert failures() == [5, 9, 9]


def test_good_log_ins_never_count(guess, alice):
    assert statuses([guess(PASSWORD) for _ in range(30)]) == [200] * 30
    assert failures() == [0, 0, 0]


def test_alice_gets_in_from_elsewhere_while_her_account_is_guessed_at(guess, alice):
    for _ in range(10):
        guess()

    assert guess(PASSWORD, address="198.51.100.7").status_code == 200


def test_who_is_put_off_does_not_lock_the_account_for_others(guess, alice):
    for _ in range(150):
        guess()

    assert failures() == [5, 5, 5]
    assert guess(PASSWORD, address="198.51.100.7").status_code == 200


def test_an_attempt_that_one_key_puts_off_counts_under_none(guess, alice):
    for number in range(20):
        guess(email=f"user{number}@example.com")

    assert guess().status_code == 429
    assert failures() == [0, 20, 0]


def test_an_account_guessed_at_from_everywhere_closes_for_the_hour(guess, alice):
    start = timezone.now()
    for number in range(100):
        guess(address=f"10.0.{number}.1")

    answer = guess(PASSWORD, address="198.51.100.7")
    with time_machine.travel(start + timedelta(hours=1, seconds=5)):
        later = guess(PASSWORD, address="198.51.100.7")

    assert answer.status_code == 429
    assert 3500 < int(answer["Retry-After"]) <= 3600
    assert later.status_code == 200


def test_one_address_cannot_try_many_accounts(guess, alice):
    answers = [guess(email=f"user{number}@example.com") for number in range(21)]

    assert statuses(answers) == [401] * 20 + [429]
    assert guess(PASSWORD).status_code == 429
    assert guess(PASSWORD, address="192.0.2.2").status_code == 200


@pytest.mark.parametrize(
    ("address", "neighbour"),
    [("192.0.2.1", "192.0.2.254"), ("2001:db8::1", "2001:db8::ffff:1"), ("::ffff:192.0.2.1", "192.0.2.9")],
)
def test_an_account_is_guarded_from_a_whole_network(guess, alice, address, neighbour):
    for _ in range(5):
        guess(address=address)

    assert guess(address=neighbour).status_code == 429


def test_who_guesses_from_all_over_one_site_of_ipv6_does_not_close_the_account(guess, alice):
    for number in range(101):
        guess(address=f"2001:db8:0:{number:x}::1")

    assert guess(PASSWORD, address="2001:db8:1::1").status_code == 200


@pytest.mark.parametrize(("neighbour", "status"), [("2001:db8:0:ff::1", 429), ("2001:db8:0:100::1", 401)])
def test_an_account_is_guarded_from_a_56_of_ipv6(guess, alice, neighbour, status):
    for number in range(5):
        guess(address=f"2001:db8:0:{number:x}::1")

    assert guess(address=neighbour).status_code == status


def test_who_has_a_whole_network_of_ipv6_has_one_address(guess, alice):
    answers = [guess(email=f"user{number}@example.com", address=f"2001:db8::{number:x}") for number in range(21)]

    assert statuses(answers) == [401] * 20 + [429]


def test_without_a_trusted_proxy_nobody_chooses_his_address(guess, alice):
    answers = [guess(HTTP_X_FORWARDED_FOR=f"203.0.{number}.1") for number in range(6)]

    assert answers[-1].status_code == 429


def test_the_trusted_proxy_says_whose_address_it_is(guess, alice, settings):
    settings.PROXIES = 1
    for _ in range(5):
        guess(address="10.0.0.1", HTTP_X_FORWARDED_FOR="198.51.100.9, 203.0.113.5")

    assert guess(address="10.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.5").status_code == 429
    assert guess(PASSWORD, address="10.0.0.1", HTTP_X_FORWARDED_FOR="198.51.100.9").status_code == 200


def test_what_stands_left_of_the_trusted_hop_is_anybodys_word(guess, alice, settings):
    settings.PROXIES = 1

    answers = [guess(address="10.0.0.1", HTTP_X_FORWARDED_FOR=f"10.9.{n}.1, 203.0.113.5") for n in range(6)]

    assert answers[-1].status_code == 429


@pytest.mark.parametrize(
    ("forwarded", "again"),
    [
        ("203.0.113.9:4711", "203.0.113.9:4712"),
        ("203.0.113.9:", "64:ff9b::203.0.113.9"),
        ("[2001:db8::9]:4711", "2001:DB8::9"),
        ("[2001:db8::9]", '"[2001:db8::9]:80"'),
        ("2001:db8:0:0:0:0:0:9:4711", "2001:db8::9%eth0"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("unknown", "unknown"),
        ("_hidden", "_hidden"),
    ],
)
def test_a_forwarded_address_counts_however_it_is_written(guess, alice, settings, forwarded, again):
    settings.PROXIES = 1
    for number in range(20):
        guess(email=f"user{number}@example.com", HTTP_X_FORWARDED_FOR=forwarded)

    assert guess(PASSWORD, HTTP_X_FORWARDED_FOR=again).status_code == 429
    assert guess(PASSWORD, HTTP_X_FORWARDED_FOR="198.51.100.9:4711").status_code == 200
    assert guess(PASSWORD, HTTP_X_FORWARDED_FOR="nonsense").status_code == 200


@pytest.mark.parametrize("forwarded", ["unknown", "203.0.113.5:443", "<script>", ",,,", "9" * 500])
def test_a_forwarded_address_that_is_none_is_no_error(guess, alice, settings, forwarded):
    settings.PROXIES = 1

    assert guess(PASSWORD, HTTP_X_FORWARDED_FOR=forwarded).status_code == 200


def test_a_failure_and_a_lock_are_events(guess, alice):
    for _ in range(5):
        guess()

    trail = [(event.what, event.facts) for event in Event.objects.filter(what__startswith="log-in").order_by("id")]
    failed = ("log-in failed", {"email": ALICE, "address": "192.0.2.1"})
    assert trail == [failed] * 5 + [("log-in locked", {"email": ALICE, "address": "192.0.2.1", "seconds": 1})]


def test_the_pages_count_too(client, guess, alice):
    for _ in range(5):
        client.post("/login/", {"email": ALICE, "password": "wrong"}, REMOTE_ADDR="192.0.2.1")

    answer = client.post("/login/", {"email": ALICE, "password": PASSWORD}, REMOTE_ADDR="192.0.2.1")

    assert (answer.status_code, answer["Retry-After"]) == (429, "1")
    assert guess().status_code == 429


@pytest.mark.django_db(transaction=True)
def test_of_a_burst_no_more_slip_through_than_one_by_one(alice, guess, at_once):
    answers = statuses(at_once(64, lambda _: guess()))

    assert (answers.count(401), answers.count(429)) == (5, 59)
    assert failures() == [5, 5, 5]
    assert Event.objects.filter(what="log-in failed").count() == 5


@pytest.mark.django_db(transaction=True)
def test_of_200_guesses_at_once_the_free_ones_are_answered(alice, guess, at_once):
    answers = [code for codes in at_once(20, lambda _: [guess().status_code for _ in range(10)]) for code in codes]

    assert (answers.count(401), answers.count(429)) == (5, 195)


class Slow(MD5PasswordHasher):
    """A hasher that takes a while, as good ones do."""

    def verify(self, *args):
        time.sleep(0.05)
        return super().verify(*args)


@pytest.fixture
def slow(settings):
    settings.PASSWORD_HASHERS = [f"{__name__}.Slow"]


@pytest.mark.django_db(transaction=True)
def test_right_passwords_are_never_put_off_by_each_other(slow, alice, guess, at_once):
    assert statuses(at_once(12, lambda _: guess(PASSWORD))) == [200] * 12
    assert failures() == [0, 0, 0]


@pytest.mark.django_db(transaction=True)
def test_thirty_people_behind_one_address_log_in_at_once(slow, db, guess, at_once):
    people = [User.objects.create_user(f"user{number}@example.com", PASSWORD) for number in range(30)]

    assert statuses(at_once(30, lambda n: guess(PASSWORD, email=people[n].email))) == [200] * 30


@pytest.mark.django_db(transaction=True)
def test_the_right_password_gets_in_beside_wrong_ones_while_those_are_free(slow, alice, guess, at_once):
    answers = statuses(at_once(8, lambda n: guess("wrong" if n < 4 else PASSWORD)))

    assert answers == [401] * 4 + [200] * 4


@pytest.mark.django_db(transaction=True)
def test_no_count_is_lost_however_many_come_at_once(at_once, settings):
    def fail(number):
        count_attempt([Limit(f"own {number}", free=5), Limit("shared", free=1000)])

    at_once(64, fail)

    assert FailedLogIn.objects.get(key="shared").failures == 64


@pytest.mark.django_db(transaction=True)
def test_many_good_and_bad_at_once_leave_the_bad_counted(alice, at_once, guess):
    answers = at_once(
        32, lambda n: guess(PASSWORD if n % 2 else "wrong", email=ALICE if n % 2 else f"user{n}@example.com")
    )

    wrong = statuses(answers[::2]).count(401)
    assert set(statuses(answers)) <= {200, 401, 429}
    assert failures()[1] == wrong


def test_counts_whose_hour_is_over_are_forgotten(guess, alice):
    guess()

    assert throttling.clear_failures() == 0
    with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=2)):
        assert throttling.clear_failures() == 3
    assert not FailedLogIn.objects.exists()


def test_a_blocked_key_says_how_long(db):
    for _ in range(5):
        count_attempt([Limit("key", free=5)])

    with pytest.raises(TooManyFailures, match="try again in 1 seconds"):
        count_attempt([Limit("key", free=5)])


def test_a_wrong_guess_counts_though_its_request_has_no_time_left():
    limits = login_limits(ALICE, "192.0.2.1")

    with ExitStack() as late:
        guessed = throttling.try_password(limits, lambda: late.enter_context(deadline(0)))

    assert guessed == (None, 0)
    assert failures() == [1] * len(limits)


def test_a_log_in_that_took_all_its_time_is_refused_and_recorded(alice, monkeypatch):
    compare, origin = MD5PasswordHasher.verify, Origin("web", address="192.0.2.1")

    with ExitStack() as late:
        monkeypatch.setattr(
            MD5PasswordHasher, "verify", lambda *each: late.enter_context(deadline(0)) or compare(*each)
        )
        with pytest.raises(InvalidCredentials):
            sessions.authenticate(ALICE, "wrong", origin)

    assert failures()[0] == 1
    assert Event.objects.filter(what="log-in failed").count() == 1
