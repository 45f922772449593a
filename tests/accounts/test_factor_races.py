"""Of many who send one code, one answer or one challenge at once, one gets in; of two last ways in, one stays."""

import json

import pytest
from rest_framework.test import APIClient

from accounts.factors import passkeys, recovery_codes, totp, two_steps
from accounts.factors.challenges import FactorRefused
from accounts.factors.two_steps import Answer
from accounts.login import sessions, throttling
from accounts.models import Passkey, RecoveryCode, Session, Totp, User
from tests.accounts.conftest import PASSWORD
from tests.accounts.factors import add_codes, add_passkey, add_totp, caller, code_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

MANY = 64


def test_of_many_with_one_code_of_an_app_one_gets_in(alice, at_once):
    code = code_of(add_totp(alice))

    used = at_once(MANY, lambda _: totp.use_code(alice, code))

    assert used.count(True) == 1


def test_of_many_with_codes_of_two_steps_none_is_good_after_the_later(alice, at_once):
    app = add_totp(alice)
    Totp.objects.update(last_step=0)
    codes = [code_of(app, steps) for steps in (0, 1)]

    used = at_once(16, lambda number: (number % 2, totp.use_code(alice, codes[number % 2])))

    assert used.count((1, True)) == 1
    assert used.count((0, True)) <= 1
    assert not totp.use_code(alice, codes[0])


def test_of_many_with_one_recovery_code_one_gets_in(alice, at_once):
    add_totp(alice)
    code = add_codes(alice)[0].replace("-", "")

    used = at_once(MANY, lambda _: recovery_codes.use_code(alice, code))

    assert used.count(True) == 1
    assert RecoveryCode.objects.count() == 9


def test_of_many_with_one_challenge_and_a_code_each_one_gets_in(alice, at_once):
    """Each code is right and its own: it is the challenge that is good once."""
    add_totp(alice)
    codes, origin = add_codes(alice), sessions.Origin("api")
    with pytest.raises(two_steps.SecondFactorRequired) as required:
        two_steps.log_in("alice@example.com", PASSWORD, origin)
    before = Session.objects.count()

    def finish(number):
        try:
            return bool(two_steps.finish(required.value.challenge, Answer(code=codes[number]), origin))
        except (FactorRefused, throttling.TooManyFailures):
            return False

    assert at_once(len(codes), finish).count(True) == 1
    assert Session.objects.count() == before + 1


def test_of_many_with_one_answer_of_a_passkey_one_gets_in(alice, at_once):
    device = add_passkey(alice)
    options = APIClient().post("/api/token/passkey/options/").json()["publicKey"]
    credential = json.dumps(device.answer(options))
    before = Session.objects.count()

    def log_in(_):
        try:
            return bool(two_steps.log_in_by_passkey(credential, sessions.Origin("api")))
        except (FactorRefused, throttling.TooManyFailures):
            return False

    assert at_once(MANY, log_in).count(True) == 1
    assert Session.objects.count() == before + 1


def test_of_two_passkeys_that_are_the_last_ways_in_one_stays(alice, at_once):
    add_passkey(alice)
    add_passkey(alice)
    by = caller(alice)
    alice.set_unusable_password()
    alice.save()
    ids = list(Passkey.objects.values_list("pk", flat=True))

    def remove(number):
        try:
            return passkeys.remove(User.objects.get(pk=alice.pk), ids[number], by=by)
        except passkeys.LastWayIn:
            return False

    assert sorted(at_once(2, remove)) == [False, True]
    assert Passkey.objects.count() == 1


def test_whether_there_is_a_factor_is_noted_when_both_go_at_once(alice, at_once):
    add_totp(alice)
    add_passkey(alice)
    by, key = caller(alice), Passkey.objects.get().pk
    people = [User.objects.get(pk=alice.pk) for _ in range(2)]
    removals = [lambda: totp.remove(people[0], by=by), lambda: passkeys.remove(people[1], key, by=by)]

    assert at_once(2, lambda number: removals[number]()) == [True, True]

    alice.refresh_from_db()
    assert not alice.has_second_factor
