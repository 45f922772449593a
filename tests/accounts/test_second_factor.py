"""Who has a second factor logs in in two steps: over the API and in the pages."""

import json
import re
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from webauthn.helpers import bytes_to_base64url

from accounts.factors import challenges, passkeys, totp, two_steps
from accounts.factors.challenges import Challenge
from accounts.login import sessions
from accounts.models import Event, FailedLogIn, Mail, Passkey, RecoveryCode, Session, SpentChallenge, Totp
from accounts.people import credentials
from tests.accounts.authenticator import PRESENT, Authenticator
from tests.accounts.conftest import PASSWORD
from tests.accounts.factors import add_codes, add_passkey, add_totp, caller, code_of
from tests.issuer import read
from tokens.cookies import access_name

pytestmark = pytest.mark.django_db

ALICE = {"email": "alice@example.com", "password": PASSWORD}


@pytest.fixture
def app(alice):
    return add_totp(alice)


@pytest.fixture
def second(api):
    """Send the second step; the answer."""

    def second(challenge, **answer):
        return api.post("/api/token/second-factor/", {"challenge": challenge, **answer}, format="json")

    return second


@pytest.fixture
def challenge(api, app):
    return api.post("/api/token/", ALICE).json()["challenge"]


def claims(answer):
    return read(answer.json()["access"])[1]


def test_a_password_earns_a_challenge_and_a_code_the_tokens(api, app, second):
    first = api.post("/api/token/", ALICE)
    answer = second(first.json()["challenge"], code=code_of(app))

    assert (first.status_code, first.json()["code"], first.json()["factors"]) == (
        401,
        "second-factor-required",
        ["totp"],
    )
    assert "access" not in first.json()
    assert answer.status_code == 200
    assert {"amr": ["pwd", "otp", "mfa"], "acr": "aal2"}.items() <= claims(answer).items()


def test_a_wrong_password_says_nothing_of_a_second_factor(api, app, bob):
    answers = [
        api.post("/api/token/", {"email": email, "password": "not the password"}).json()
        for email in ("alice@example.com", "bob@example.com", "nobody@example.com")
    ]

    assert len({(answer["code"], answer["detail"]) for answer in answers}) == 1


def test_a_wrong_password_takes_the_same_statements_whoever_has_a_second_factor(api, app, bob):
    counts = []
    for email in ("alice@example.com", "bob@example.com", "nobody@example.com"):
        with CaptureQueriesContext(connection) as captured:
            api.post("/api/token/", {"email": email, "password": "not the password"})
        counts.append(len(captured))

    assert len({*counts}) == 1


def test_a_code_is_good_once(api, app, second):
    code = code_of(app)
    first, again = [second(api.post("/api/token/", ALICE).json()["challenge"], code=code) for _ in range(2)]

    assert (first.status_code, again.status_code) == (200, 401)
    assert again.json()["code"] == "factor-refused"


def test_a_code_before_the_one_that_was_used_is_not_good(api, app, second):
    later = second(api.post("/api/token/", ALICE).json()["challenge"], code=code_of(app, 1))
    earlier = second(api.post("/api/token/", ALICE).json()["challenge"], code=code_of(app, 0))

    assert (later.status_code, earlier.status_code) == (200, 401)


@pytest.mark.parametrize("steps", [-2, 2, 2880])
def test_a_code_of_another_time_is_not_good(clock, app, challenge, second, steps):
    assert second(challenge, code=code_of(app, steps)).status_code == 401


def test_the_code_with_which_the_app_was_added_is_used(app, challenge, second):
    assert second(challenge, code=app.now()).status_code == 401


def test_a_code_is_taken_however_it_is_typed(app, challenge, second):
    code = code_of(app)

    assert second(challenge, code=f" {code[:3]} {code[3:]} ").status_code == 200


@pytest.mark.parametrize("code", ["", "0", "000000", "abcdef", "0" * 64, "\u0661" * 6, "9ZZZ-ZZZZ-ZZZZ", "'; --"])
def test_what_is_no_code_opens_nothing(challenge, second, code):
    answer = second(challenge, code=code)

    assert answer.status_code in (400, 401)
    assert "access" not in answer.json()


def test_a_challenge_is_good_once(alice, app, challenge, second):
    codes = add_codes(alice)
    first, again = second(challenge, code=codes[0]), second(challenge, code=codes[1])

    assert (first.status_code, again.status_code) == (200, 401)


def test_a_challenge_is_good_for_five_minutes(alice, challenge, second):
    [code, *_] = add_codes(alice)

    with time_machine.travel(timedelta(minutes=5, seconds=1)):
        assert second(challenge, code=code).status_code == 401


def test_a_wrong_code_leaves_the_challenge_good(app, challenge, second):
    assert second(challenge, code="000000").status_code == 401
    assert second(challenge, code=code_of(app)).status_code == 200


def test_a_challenge_of_bob_takes_no_code_of_alice(app, bob, api, second):
    add_totp(bob)
    theirs = api.post("/api/token/", {**ALICE, "email": "bob@example.com"}).json()["challenge"]

    assert second(theirs, code=code_of(app)).status_code == 401


@pytest.mark.parametrize("forged", ["", "x", "a:b:c", "WyJzZWNvbmQgZmFjdG9yIl0:1vTZkq:q3Rk"])
def test_a_challenge_that_is_not_ours_is_none(app, second, forged):
    assert second(forged, code=code_of(app)).status_code in (400, 401)


def test_a_challenge_for_something_else_is_none(alice, app, second):
    other = challenges.issue(Challenge(passkeys.ADDING, alice.sub))

    assert second(other, code=code_of(app)).status_code == 401


def test_a_password_that_was_changed_meanwhile_ends_the_challenge(alice, app, challenge, second):
    credentials.reset_password(alice, "another long password")

    assert second(challenge, code=code_of(app)).status_code == 401


def test_a_user_who_was_disabled_meanwhile_does_not_get_in(alice, app, challenge, second):
    alice.is_active = False
    alice.save()

    assert second(challenge, code=code_of(app)).status_code == 401


def test_a_challenge_of_the_pages_is_none_over_the_api(alice, app, second):
    with pytest.raises(two_steps.SecondFactorRequired) as required:
        two_steps.log_in("alice@example.com", PASSWORD, sessions.Origin("web"))

    assert second(required.value.challenge, code=code_of(app)).status_code == 401


def test_guesses_count_and_stop_even_the_right_code(clock, alice, app, challenge, second):
    statuses = [second(challenge, code="000000").status_code for _ in range(5)]
    blocked = second(challenge, code=code_of(app))

    assert statuses == [401] * 5
    assert (blocked.status_code, blocked.json()["code"]) == (429, "throttled")
    assert int(blocked["Retry-After"]) >= 1
    assert FailedLogIn.objects.filter(key__startswith=f"second factor of {alice.sub}").count() == 2


def test_nobody_guesses_more_than_twenty_times_an_hour_from_wherever(clock, alice, app, challenge, api):
    for number in range(20):
        address = f"203.0.{number}.1"
        api.post("/api/token/second-factor/", {"challenge": challenge, "code": "000000"}, REMOTE_ADDR=address)

    blocked = api.post(
        "/api/token/second-factor/", {"challenge": challenge, "code": "000000"}, REMOTE_ADDR="198.51.100.1"
    )

    assert blocked.status_code == 429
    assert Event.objects.filter(what="code refused").count() == 20


def test_the_owner_is_told_once_that_codes_are_guessed(alice, challenge, second):
    for _ in range(4):
        second(challenge, code="000000")
    assert not Mail.objects.filter(kind="codes guessed").exists()

    for _ in range(4):
        second(challenge, code="000000")
        FailedLogIn.objects.update(blocked_until=0)

    assert Mail.objects.get(kind="codes guessed").to == alice.email


def test_a_recovery_code_opens_once_and_is_told(alice, app, api, second):
    [code, *_] = add_codes(alice)
    first, again = [second(api.post("/api/token/", ALICE).json()["challenge"], code=code.lower()) for _ in range(2)]

    assert (first.status_code, again.status_code) == (200, 401)
    assert claims(first)["amr"] == ["pwd", "otp", "mfa"]
    assert RecoveryCode.objects.count() == 9
    told = [mail.facts["said"] for mail in Mail.objects.filter(kind="second factors").order_by("written_at")]
    assert told[-1] == "A recovery code of your account was used; 9 are left"


def test_recovery_codes_are_hashed_and_no_two_alike(alice, app):
    codes = add_codes(alice)

    stored = list(RecoveryCode.objects.values_list("hashed", flat=True))
    assert len({*codes}) == len({*stored}) == 10
    assert all(code.replace("-", "") not in "".join(stored) for code in codes)


def test_a_recovery_code_of_bob_is_none_of_alice(app, bob, challenge, second):
    add_totp(bob)
    [code, *_] = add_codes(bob)

    assert second(challenge, code=code).status_code == 401


# Passkeys ---------------------------------------------------------------------------------------


@pytest.fixture
def device(alice):
    return add_passkey(alice)


def ask(api):
    return api.post("/api/token/passkey/options/").json()["publicKey"]


def test_a_passkey_alone_logs_in_as_two_factors(api, device):
    answer = api.post("/api/token/passkey/", {"credential": device.answer(ask(api))}, format="json")

    assert answer.status_code == 200
    assert {"amr": ["hwk", "user", "mfa"], "acr": "aal2"}.items() <= claims(answer).items()
    assert Passkey.objects.get().used_at is not None


def test_a_passkey_is_a_second_factor_by_the_same_challenge(api, alice, device, second):
    first = api.post("/api/token/", ALICE).json()
    options = json.loads(passkeys.asking_options(first["challenge"], alice))

    answer = second(first["challenge"], credential=device.answer(options))

    assert first["factors"] == ["passkey"]
    assert claims(answer)["amr"] == ["pwd", "hwk", "user", "mfa"]


def test_asking_for_passkeys_stores_nothing_and_names_nobody(api, device, django_assert_num_queries):
    with django_assert_num_queries(0):
        options = ask(api)

    assert options["allowCredentials"] == []
    assert options["userVerification"] == "required"


def refused(api, credential):
    answer = api.post("/api/token/passkey/", {"credential": credential}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (401, "factor-refused"), answer.json()
    assert not Session.objects.filter(amr="hwk user mfa").exists()
    return answer


def test_an_answer_is_good_once(api, device):
    credential = device.answer(ask(api))
    answers = [api.post("/api/token/passkey/", {"credential": credential}, format="json") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 401]


def test_an_answer_is_good_for_five_minutes(api, device):
    credential = device.answer(ask(api))

    with time_machine.travel(timedelta(minutes=5, seconds=1)):
        refused(api, credential)


@pytest.mark.parametrize(
    "origin",
    ["https://localhost:8000", "http://localhost:8001", "http://evil.example", "http://localhost:8000.evil.example"],
)
def test_a_passkey_used_at_another_origin_opens_nothing(api, device, origin):
    device.origin = origin

    refused(api, device.answer(ask(api)))


@pytest.mark.parametrize(
    ("issuer", "origin"),
    [("https://localhost:443", "https://localhost"), ("http://localhost:80", "http://localhost")],
)
def test_an_issuer_with_the_port_that_goes_without_saying_takes_passkeys(api, device, settings, issuer, origin):
    settings.ISSUER, device.origin = issuer, origin

    assert api.post("/api/token/passkey/", {"credential": device.answer(ask(api))}, format="json").status_code == 200


def test_a_passkey_of_another_relying_party_opens_nothing(api, device):
    refused(api, device.answer({**ask(api), "rpId": "evil.example"}))


def test_a_device_that_did_not_verify_who_holds_it_opens_nothing(api, device):
    device.flags = PRESENT

    refused(api, device.answer(ask(api)))


def test_a_signature_of_another_key_opens_nothing(api, device):
    device.key = Authenticator().key

    refused(api, device.answer(ask(api)))


def test_a_passkey_that_says_it_is_somebody_elses_opens_nothing(api, device, bob):
    refused(api, device.answer(ask(api), userHandle=bob.pk.bytes))


def test_a_passkey_alone_says_whose_it_is(api, device):
    answer = device.answer(ask(api))
    del answer["response"]["userHandle"]

    refused(api, answer)


def test_a_passkey_after_the_password_need_not_say_whose_it_is(api, alice, device, second):
    challenge = api.post("/api/token/", ALICE).json()["challenge"]
    answer = device.answer(json.loads(passkeys.asking_options(challenge, alice)))
    answer["response"]["userHandle"] = None

    assert second(challenge, credential=answer).status_code == 200


def test_a_passkey_used_in_a_frame_of_another_site_opens_nothing(api, device):
    device.is_framed = True

    refused(api, device.answer(ask(api)))


def test_a_challenge_that_was_not_asked_for_opens_nothing(api, device):
    refused(api, device.answer({**ask(api), "challenge": "AAAAAAAAAAAAAAAAAAAAAA"}))


def test_a_challenge_for_a_second_factor_is_none_for_a_log_in_by_passkey(api, device):
    challenge = api.post("/api/token/", ALICE).json()["challenge"]
    options = json.loads(passkeys.asking_options(challenge))

    refused(api, device.answer(options))


def test_an_answer_to_another_challenge_is_no_second_factor(api, alice, device, second):
    mine, other = (api.post("/api/token/", ALICE).json()["challenge"] for _ in range(2))
    options = json.loads(passkeys.asking_options(other, alice))

    assert second(mine, credential=device.answer(options)).status_code == 401


def test_a_passkey_of_bob_is_no_second_factor_of_alice(api, device, bob, second):
    challenge = api.post("/api/token/", ALICE).json()["challenge"]
    options = json.loads(passkeys.asking_options(challenge))

    assert second(challenge, credential=add_passkey(bob).answer(options)).status_code == 401


def test_a_copied_passkey_whose_count_goes_back_opens_nothing(api, alice):
    device = add_passkey(alice, Authenticator(count=10))
    first = api.post("/api/token/passkey/", {"credential": device.answer(ask(api))}, format="json")
    device.count = 3

    again = api.post("/api/token/passkey/", {"credential": device.answer(ask(api))}, format="json")

    assert (first.status_code, again.status_code) == (200, 401)


def test_a_passkey_of_somebody_disabled_opens_nothing(api, alice, device):
    alice.is_active = False
    alice.save()

    refused(api, device.answer(ask(api)))


def test_a_passkey_that_was_removed_opens_nothing(api, alice, device):
    passkeys.remove(alice, Passkey.objects.get().pk, by=caller(alice))

    refused(api, device.answer(ask(api)))


NAMED = {"id": "a", "rawId": "a", "type": "public-key"}
DATA = {"authenticatorData": "AA", "signature": "AA"}
NO_PASSKEYS = [
    {},
    {"id": "x"},
    {"id": 5, "rawId": [], "type": {}, "response": None},
    {**NAMED, "response": {}},
    {**NAMED, "response": {"clientDataJSON": "e30", **DATA}},
    {**NAMED, "response": {"clientDataJSON": "_w", **DATA}},
    {**NAMED, "response": {"clientDataJSON": "W10", **DATA}},
    {**NAMED, "id": "\u00e9", "rawId": "\u00e9", "response": {"clientDataJSON": "\u00e9", "signature": 2}},
]


@pytest.mark.parametrize("credential", NO_PASSKEYS)
def test_what_is_no_passkey_is_refused_and_counted(api, device, credential):
    refused(api, credential)

    assert FailedLogIn.objects.filter(key__startswith="passkeys from").exists()


def test_broken_parts_of_a_passkey_are_refused(api, device):
    whole = device.answer(ask(api))
    for name, value in whole["response"].items():
        for broken in ("", "AA", value[:-4], value[4:], "A" * 5000):
            if name == "userHandle" and broken == "":
                continue
            refused(api, {**whole, "response": {**whole["response"], name: broken}})
            FailedLogIn.objects.all().delete()


@pytest.mark.parametrize("deep", [b"[" * 5000, b'{"challenge": "AA", "origin": ' + b"[" * 5000, b'{"a":' * 2000])
def test_what_is_nested_too_deep_is_no_passkey(api, device, deep):
    refused(api, device.answer(ask(api), clientDataJSON=deep))


@pytest.mark.parametrize("deep", ["[" * 16_000, '{"id":' * 2_000])
def test_a_page_takes_nothing_that_is_nested_too_deep(client, deep):
    page = client.post("/login/passkey/", {"credential": deep})

    assert page.status_code == 400
    assert "The passkey could not be read" in page.content.decode()


def test_refused_passkeys_stop_who_sends_them(clock, api, device):
    statuses = [api.post("/api/token/passkey/", {"credential": {}}, format="json").status_code for _ in range(21)]

    assert statuses == [401] * 20 + [429]


# The pages --------------------------------------------------------------------------------------


def first_step(browser, address="/login/", **more):
    return browser.post(address, {**ALICE, **more})


def hidden(response, name):
    return response.context["form"][name].value()


def test_the_pages_ask_in_two_steps_and_go_on(app):
    browser = Browser()
    first = first_step(browser, "/login/?next=/account/")
    second = browser.post(
        "/login/second-factor/?next=/account/", {"challenge": hidden(first, "challenge"), "code": code_of(app)}
    )

    assert first.status_code == 200
    assert access_name() not in first.cookies
    assert b'action="/login/second-factor/?next=/account/"' in first.content
    assert (second.status_code, second["Location"]) == (302, "/account/")
    assert second.cookies[access_name()].value


def test_a_wrong_code_on_the_page_can_be_tried_again(app):
    browser = Browser()
    challenge = hidden(first_step(browser), "challenge")

    wrong = browser.post("/login/second-factor/", {"challenge": challenge, "code": "000000"})
    right = browser.post("/login/second-factor/", {"challenge": hidden(wrong, "challenge"), "code": code_of(app)})

    assert (wrong.status_code, right.status_code) == (400, 302)
    assert b"That code is wrong, or was used before." in wrong.content


def test_a_page_left_open_too_long_begins_again(app):
    browser = Browser()
    challenge = hidden(first_step(browser), "challenge")

    with time_machine.travel(timedelta(minutes=6)):
        late = browser.post("/login/second-factor/", {"challenge": challenge, "code": code_of(app)})

    assert late.status_code == 400
    assert b"That took longer than five minutes. Begin again." in late.content
    assert b'name="password"' in late.content


def test_whose_last_factor_was_removed_meanwhile_begins_again(alice, app):
    browser = Browser()
    challenge = hidden(first_step(browser), "challenge")
    totp.remove(alice, by=caller(alice))

    late = browser.post("/login/second-factor/", {"challenge": challenge, "code": code_of(app)})

    assert (late.status_code, b'name="password"' in late.content) == (400, True)
    assert first_step(browser).status_code == 302


@pytest.mark.parametrize("path", ["/login/second-factor/", "/login/passkey/"])
def test_a_second_step_without_a_first_is_the_log_in(path, client):
    for response in (client.get(path), client.post(path, {})):
        assert (response.status_code, response["Location"]) == (302, "/login/")


def test_a_form_that_was_kept_goes_through_both_steps(alice, app):
    browser = Browser()
    asked = browser.post("/login/?next=/account/name/", {"name": "Alice Miller"})
    first = first_step(browser, "/login/?next=/account/name/", kept=hidden(asked, "kept"))
    sent = {"challenge": hidden(first, "challenge"), "kept": hidden(first, "kept"), "code": code_of(app)}

    second = browser.post("/login/second-factor/?next=/account/name/", sent)

    assert second.status_code == 200
    assert b'value="Alice Miller"' in second.content


def test_a_passkey_logs_a_browser_in(device):
    browser = Browser()
    options = json.loads(browser.get("/login/").context["passkey_options"])

    answer = browser.post("/login/passkey/?next=/account/", {"credential": json.dumps(device.answer(options))})

    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    assert answer.cookies[access_name()].value


def test_a_passkey_is_a_second_step_of_the_page(device):
    browser = Browser()
    first = first_step(browser)
    options = json.loads(first.context["passkey_options"])
    sent = {"challenge": hidden(first, "challenge"), "credential": json.dumps(device.answer(options))}

    assert browser.post("/login/second-factor/", sent).status_code == 302


def test_an_unknown_passkey_is_told_on_the_page(device):
    browser = Browser()
    options = json.loads(browser.get("/login/").context["passkey_options"])

    strange = Authenticator()
    answer = browser.post("/login/passkey/", {"credential": json.dumps(strange.answer(options))})

    assert answer.status_code == 400
    assert b"This passkey is not known here." in answer.content
    signal = json.loads(answer.context["unknown_passkey"])
    assert signal == {"rpId": "localhost", "credentialId": bytes_to_base64url(strange.id)}


def test_a_browser_is_told_to_forget_no_passkey_that_somebody_has(device):
    browser = Browser()
    device.flags = PRESENT
    options = json.loads(browser.get("/login/").context["passkey_options"])

    answer = browser.post("/login/passkey/", {"credential": json.dumps(device.answer(options))})

    assert answer.status_code == 400
    assert "data-unknown" not in answer.content.decode()


def test_spent_challenges_are_cleared_when_they_have_expired(api, device):
    api.post("/api/token/passkey/", {"credential": device.answer(ask(api))}, format="json")

    assert challenges.clear_challenges() == 0
    with time_machine.travel(timedelta(minutes=11)):
        assert challenges.clear_challenges() == SpentChallenge.objects.count() + 2


def test_who_is_deleted_leaves_no_factor(alice, app, device):
    add_codes(alice)
    alice.sessions.all().delete()
    alice.delete()

    assert [model.objects.count() for model in (Totp, Passkey, RecoveryCode)] == [0, 0, 0]


def test_a_log_in_without_a_second_factor_asks_no_table_of_them(api, alice, django_assert_max_num_queries):
    with django_assert_max_num_queries(100) as captured:
        assert api.post("/api/token/", ALICE).status_code == 200

    asked = " ".join(query["sql"] for query in captured.captured_queries)
    assert not re.search("totp|passkey|recoverycode|challenge", asked)
