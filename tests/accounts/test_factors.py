"""A person adds and removes second factors, over the API and in the pages; staff remove lost ones."""

import json
import re
import uuid
from datetime import timedelta

import pyotp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.management import call_command
from django.test import Client as Browser
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor, parse_cbor

from accounts.factors import passkeys, recovery_codes, totp
from accounts.models import Event, FailedLogIn, Mail, Passkey, RecoveryCode, Role, Session, Totp, User
from database import clock
from tests.accounts.authenticator import PRESENT, Authenticator
from tests.accounts.conftest import PASSWORD
from tests.accounts.factors import add_codes, add_passkey, add_totp, caller, code_of
from tokens.cookies import access_name
from wire.events import Named

pytestmark = pytest.mark.django_db

BASE = "/api/accounts/factors/"


@pytest.fixture
def own(alice, log_in, bearer):
    """Alice's API client, just logged in with her password."""
    return bearer(log_in()["access"])


@pytest.fixture
def two(alice, own):
    """The same, her session proven by her app as well."""
    sid = Session.objects.get().pk
    add_totp(alice, by=Named(alice.sub, "api", str(sid)))
    return own


@pytest.fixture
def browser(alice, log_in):
    browser = Browser()
    browser.cookies[access_name()] = log_in()["access"]
    return browser


def make(client, device=None):
    options = client.post(f"{BASE}passkeys/options/").json()["publicKey"]
    made = (device or Authenticator()).make(options)
    return client.post(f"{BASE}passkeys/", {"name": "Phone", "credential": made}, format="json")


def test_an_app_is_added_by_its_first_code(alice, own):
    setup = own.post(f"{BASE}totp/setup/").json()
    assert not Totp.objects.exists()

    answer = own.post(f"{BASE}totp/", {"setup": setup["setup"], "code": pyotp.TOTP(setup["secret"]).now()})

    alice.refresh_from_db()
    assert answer.status_code == 204
    assert alice.has_second_factor
    assert own.get(BASE).json()["totp"] is not None
    assert setup["uri"].startswith("otpauth://totp/Tessera:alice%40example.com?secret=")
    assert setup["secret"].encode() not in bytes(Totp.objects.get().secret)
    assert Mail.objects.get(kind="second factors").facts == {"said": "An authenticator app was added to your account"}
    assert Event.objects.filter(what="authenticator app added", subject=alice.sub).exists()


@pytest.mark.parametrize("form", ["{} {}", "{}-{}", " {}{} "])
def test_a_first_code_is_taken_however_it_is_typed(own, form):
    setup = own.post(f"{BASE}totp/setup/").json()

    answer = own.post(f"{BASE}totp/", {"setup": setup["setup"], "code": typed(setup["secret"], form)})

    assert answer.status_code == 204


def typed(secret, form):
    code = pyotp.TOTP(secret).now()
    return form.format(code[:3], code[3:])


def test_an_app_shows_the_name_of_who_sells(own, settings):
    settings.SELLER = "Books & Sons\n1 High Street"

    uri = own.post(f"{BASE}totp/setup/").json()["uri"]

    assert pyotp.parse_uri(uri).issuer == "Books & Sons"
    assert "High" not in uri


def test_a_wrong_first_code_adds_nothing(own):
    setup = own.post(f"{BASE}totp/setup/").json()

    answer = own.post(f"{BASE}totp/", {"setup": setup["setup"], "code": "000000"})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["code"])
    assert not Totp.objects.exists()


@pytest.mark.usefixtures("clock")
def test_a_setup_that_is_sent_twice_makes_no_used_code_good_again(alice, two):
    setup = two.post(f"{BASE}totp/setup/").json()
    app = pyotp.TOTP(setup["secret"])
    for steps in (1, 0):
        sent = {"setup": setup["setup"], "code": code_of(app, steps)}
        assert two.post(f"{BASE}totp/", sent).status_code == 204

    assert not totp.use_code(alice, code_of(app, 1))


def test_no_code_of_an_app_is_taken_that_was_replaced_while_it_was_checked(alice, two):
    add_totp(alice)
    read = Totp.objects.get()
    add_totp(alice)

    assert not totp.spend_step(read, read.last_step + 1)
    assert totp.spend_step(Totp.objects.get(), read.last_step + 1)


def test_a_secret_that_was_made_for_bob_is_not_taken(bob, own):
    setup = totp.begin(bob)

    answer = own.post(f"{BASE}totp/", {"setup": setup.signed, "code": pyotp.TOTP(setup.secret).now()})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["setup"])


def test_a_secret_of_ones_own_choice_is_not_taken(own):
    secret = "JBSWY3DPEHPK3PXP" * 2
    answer = own.post(f"{BASE}totp/", {"setup": secret, "code": pyotp.TOTP(secret).now()})

    assert answer.status_code == 400


def test_the_session_that_added_a_factor_counts_as_proven_by_it(own):
    setup = own.post(f"{BASE}totp/setup/").json()
    own.post(f"{BASE}totp/", {"setup": setup["setup"], "code": pyotp.TOTP(setup["secret"]).now()})

    session = Session.objects.get()
    assert (session.amr, session.acr) == ("pwd otp mfa", "aal2")
    assert own.post(f"{BASE}recovery-codes/").status_code == 200


def test_a_passkey_is_added_named_and_removed(alice, own):
    made = make(own)
    address = f"{BASE}passkeys/{made.json()['id']}/"
    named = own.patch(address, {"name": "Old phone"}, format="json")
    gone = own.delete(address)

    assert (made.status_code, named.json()["name"], gone.status_code) == (201, "Old phone", 204)
    assert not Passkey.objects.exists()
    said = [mail.facts["said"] for mail in Mail.objects.filter(kind="second factors").order_by("written_at")]
    assert said == ["A passkey was added to your account", "A passkey was removed from your account"]


def test_what_the_browser_is_asked_for_is_discoverable_and_verified(alice, own, settings):
    settings.SELLER = "Books & Sons\n1 High Street"
    add_passkey(alice)

    options = json.loads(passkeys.adding_options(alice))

    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert len(options["excludeCredentials"]) == 1
    assert options["rp"] == {"id": "localhost", "name": "Books & Sons"}


@pytest.mark.parametrize(
    "device",
    [
        Authenticator("http://evil.example"),
        Authenticator("https://localhost:8000"),
        Authenticator(flags=PRESENT),
        Authenticator(is_framed=True),
        Authenticator(own_id=b"x" * 1024),
    ],
    ids=["origin", "scheme", "unverified", "framed", "long"],
)
def test_a_passkey_that_is_not_good_here_is_not_added(own, device):
    answer = make(own, device)

    assert (answer.status_code, answer.json()["code"]) == (401, "factor-refused")
    assert not Passkey.objects.exists()


def test_an_id_may_be_as_long_as_webauthn_lets_it(own):
    assert make(own, Authenticator(own_id=b"x" * 1023)).status_code == 201


def test_a_new_passkey_that_is_nested_too_deep_is_refused(own):
    made = Authenticator().make(own.post(f"{BASE}passkeys/options/").json()["publicKey"])
    made["response"]["clientDataJSON"] = bytes_to_base64url(b"[" * 5000)

    answer = own.post(f"{BASE}passkeys/", {"name": "Phone", "credential": made}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (401, "factor-refused")


@pytest.mark.parametrize(
    ("part", "broken"),
    [
        (b"\x2a\x86\x48\xce\x3d\x02\x01", b"\x2a\x86\x48\xce\x3d\x02\x63"),
        (b"\x2a\x86\x48\xce\x3d\x03\x01\x07", b"\x2a\x86\x48\xce\x3d\x03\x01\x63"),
        (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x63"),
    ],
    ids=["kind of key", "curve", "version"],
)
def test_a_passkey_with_a_certificate_that_nobody_reads_is_refused(own, part, broken):
    device = Authenticator()
    made = device.make(own.post(f"{BASE}passkeys/options/").json()["publicKey"])
    statement = parse_cbor(base64url_to_bytes(made["response"]["attestationObject"]))
    statement |= {"fmt": "packed", "attStmt": {"alg": -7, "sig": b"x", "x5c": [certify(device).replace(part, broken)]}}
    made["response"]["attestationObject"] = bytes_to_base64url(encode_cbor(statement))

    answer = own.post(f"{BASE}passkeys/", {"name": "Phone", "credential": made}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (401, "factor-refused")


def certify(device):
    """A certificate of a device for its own key."""
    name, now = x509.Name([]), clock.now()
    certificate = x509.CertificateBuilder(name, name, device.key.public_key(), 1, now, now + timedelta(days=1))
    return certificate.sign(device.key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_a_passkey_made_for_bob_is_not_added_to_alice(bob, own):
    made = Authenticator().make(json.loads(passkeys.adding_options(bob)))

    answer = own.post(f"{BASE}passkeys/", {"name": "Phone", "credential": made}, format="json")

    assert answer.json()["code"] == "factor-refused"
    assert not Passkey.objects.exists()


def test_a_passkey_sent_twice_is_added_once(own):
    options = own.post(f"{BASE}passkeys/options/").json()["publicKey"]
    sent = {"name": "Phone", "credential": Authenticator().make(options)}

    statuses = [own.post(f"{BASE}passkeys/", sent, format="json").status_code for _ in range(2)]

    assert statuses == [201, 401]


def test_a_passkey_that_somebody_has_is_not_added_again(bob, own):
    device = add_passkey(bob)

    assert make(own, device).status_code == 401
    assert Passkey.objects.count() == 1


def test_one_person_has_no_more_than_so_many(alice, own, monkeypatch):
    monkeypatch.setattr(passkeys, "MAX_PASSKEYS", 1)
    add_passkey(alice, by=Named(alice.sub, "api", str(Session.objects.get().pk)))

    answer = make(own)

    assert (answer.status_code, answer.json()["code"]) == (409, "too-many-passkeys")


def test_alice_neither_sees_renames_nor_removes_a_passkey_of_bob(bob, own):
    add_passkey(bob)
    address = f"{BASE}passkeys/{Passkey.objects.get().pk}/"

    assert own.get(BASE).json()["passkeys"] == []
    assert own.patch(address, {"name": "Mine"}, format="json").status_code == 404
    assert own.delete(address).status_code == 404
    assert Passkey.objects.get().name == "Phone"


# Who may change them ----------------------------------------------------------------------------

CHANGES = [
    ("post", "totp/setup/"),
    ("post", "totp/"),
    ("delete", "totp/"),
    ("post", "recovery-codes/"),
    ("post", "passkeys/options/"),
    ("post", "passkeys/"),
    ("delete", f"passkeys/{uuid.UUID(int=1)}/"),
]
BODIES = {"totp/": {"setup": "x", "code": "000000"}, "passkeys/": {"name": "Phone", "credential": {}}}


def change(client, method, path):
    return getattr(client, method)(BASE + path, BODIES.get(path, {}) if method == "post" else None, format="json")


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_a_session_that_was_proven_long_ago_changes_nothing(own, method, path):
    Session.objects.update(auth_time=clock.now() - timedelta(minutes=15))

    answer = change(own, method, path)

    assert answer.status_code == 401
    assert 'error="insufficient_user_authentication", acr_values="aal1", max_age="900"' in answer["WWW-Authenticate"]


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_a_session_of_one_factor_changes_nothing_of_who_has_two(alice, own, method, path):
    add_totp(alice)
    add_passkey(alice)

    answer = change(own, method, path)

    assert answer.status_code == 401
    assert 'acr_values="aal2"' in answer["WWW-Authenticate"]
    assert (Totp.objects.count(), Passkey.objects.count()) == (1, 1)


def test_the_session_of_the_other_is_no_help(alice, own, bob):
    """Alice's token, whose session is older: that bob has just logged in changes nothing."""
    Session.objects.update(auth_time=Session.objects.get().created_at - timedelta(hours=1))
    caller(bob)

    assert change(own, "post", "recovery-codes/").status_code == 401


def test_two_factors_remove_an_app(alice, two):
    add_codes(alice)

    assert two.delete(f"{BASE}totp/").status_code == 204

    alice.refresh_from_db()
    assert not alice.has_second_factor
    assert not RecoveryCode.objects.exists()
    assert two.delete(f"{BASE}totp/").status_code == 404


def test_recovery_codes_stay_while_a_factor_is_left(alice, two):
    add_codes(alice)
    add_passkey(alice)

    two.delete(f"{BASE}totp/")

    alice.refresh_from_db()
    assert alice.has_second_factor
    assert RecoveryCode.objects.count() == 10


def test_who_has_no_second_factor_is_given_no_recovery_codes(alice, own):
    answer = own.post(f"{BASE}recovery-codes/")

    assert (answer.status_code, answer.json()["code"]) == (409, "no-second-factor")
    assert not Mail.objects.filter(kind="second factors").exists()
    assert not Event.objects.filter(what="recovery codes made").exists()


def test_for_codes_that_nobody_is_given_nothing_is_hashed(own, monkeypatch):
    hashed = count_hashes(monkeypatch)

    assert own.post(f"{BASE}recovery-codes/").status_code == 409

    assert not hashed


def test_factors_are_changed_20_times_an_hour_and_then_nothing_is_hashed(alice, two, monkeypatch):
    for _ in range(9):
        two.delete(f"{BASE}passkeys/{make(two).json()['id']}/")
    last = make(two)
    hashed = count_hashes(monkeypatch)

    answers = [two.post(f"{BASE}recovery-codes/"), make(two), two.delete(f"{BASE}totp/")]

    assert last.status_code == 201
    assert [answer.status_code for answer in answers] == [429] * 3
    assert all(answer["Retry-After"] for answer in answers)
    assert not hashed
    assert Mail.objects.filter(kind="second factors").count() == 20


def count_hashes(monkeypatch):
    """What is hashed from now on."""
    hashed, encode = [], MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda self, *words: hashed.append(words) or encode(self, *words))
    return hashed


def test_with_the_last_factor_taken_meanwhile_no_codes_are_given(alice, two):
    stale = User.objects.get(pk=alice.pk)
    two.delete(f"{BASE}totp/")

    with pytest.raises(recovery_codes.NoSecondFactor):
        recovery_codes.make(stale, by=caller(alice))


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_page_of_recovery_codes_leads_to_the_factors_first(alice, browser, method):
    page = getattr(browser, method)("/account/factors/recovery-codes/", follow=True)

    assert page.redirect_chain == [("/account/factors/", 302)]
    assert "Add a passkey or an authenticator app first" in page.content.decode()


def test_new_recovery_codes_void_the_old(alice, two):
    [old, *_] = add_codes(alice)

    codes = two.post(f"{BASE}recovery-codes/").json()["codes"]

    assert len(codes) == 10
    assert old not in codes
    assert all(re.fullmatch(r"[0-9]([0-9A-Z]{3})(-[0-9A-Z]{4}){2}", code) for code in codes)


def test_the_last_way_in_stays(alice, own):
    by = Named(alice.sub, "api", str(Session.objects.get().pk))
    add_passkey(alice, by=by)
    alice.set_unusable_password()
    alice.save()
    Session.objects.update(password_mark="")
    address = f"{BASE}passkeys/{Passkey.objects.get().pk}/"

    kept = own.delete(address)
    add_passkey(alice, by=by)
    gone = own.delete(address)

    assert (kept.status_code, kept.json()["code"], gone.status_code) == (409, "last-way-in", 204)


def test_the_secret_of_an_app_goes_to_another_secret_key(alice, settings, capsys):
    app = add_totp(alice)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "x" * 50

    call_command("rewrap_keys")
    call_command("rewrap_keys")
    settings.SECRET_KEY_FALLBACKS = []

    assert capsys.readouterr().out.count("1 secrets of authenticator apps were moved") == 1
    assert totp.use_code(alice, code_of(app))


def test_a_secret_that_no_key_opens_is_no_way_in_and_no_error(alice, settings):
    app = add_totp(alice)
    settings.SECRET_KEY = "y" * 50

    assert not totp.use_code(alice, code_of(app))


# The pages --------------------------------------------------------------------------------------


def test_the_page_leads_to_each_kind(browser):
    content = browser.get("/account/factors/").content.decode()

    for path in ("/account/factors/totp/", "/account/factors/passkeys/"):
        assert f'href="{path}"' in content
    assert "recovery-codes" not in content
    assert 'href="/account/factors/"' in browser.get("/account/").content.decode()


def test_the_page_shows_a_qr_code_and_then_recovery_codes(alice, browser):
    page = browser.get("/account/factors/totp/")
    setup = page.context["setup"]
    sent = {"setup": setup.signed, "code": pyotp.TOTP(setup.secret).now()}

    added = browser.post("/account/factors/totp/", sent)

    assert b"<svg" in page.content
    assert setup.secret in page.content.decode()
    assert len(added.context["codes"]) == RecoveryCode.objects.count() == 10
    assert added.cookies[access_name()].value
    assert Totp.objects.filter(user=alice).exists()


def test_a_page_takes_a_first_code_with_a_space_and_prints_codes_with_their_owner(browser, settings):
    settings.SELLER = "Corner shop"
    setup = browser.get("/account/factors/totp/").context["setup"]

    added = browser.post("/account/factors/totp/", {"setup": setup.signed, "code": typed(setup.secret, "{} {}")})

    assert "Corner shop, alice@example.com, " in added.content.decode()


def test_a_wrong_code_shows_the_same_secret_again(browser):
    setup = browser.get("/account/factors/totp/").context["setup"]

    wrong = browser.post("/account/factors/totp/", {"setup": setup.signed, "code": "000000"})

    assert wrong.status_code == 400
    assert wrong.context["setup"].secret == setup.secret
    assert b'<a href="#id_code">Code: That is not the code of the app now.' in wrong.content


def test_a_setup_that_is_none_begins_again_and_says_so(browser):
    late = browser.post("/account/factors/totp/", {"setup": "made up", "code": "000000"})

    assert late.status_code == 400
    assert b"That took too long. Begin again with a new code." in late.content
    assert b"made up" not in late.content


def test_a_passkey_is_added_on_its_page(alice, browser):
    options = json.loads(browser.get("/account/factors/passkeys/").context["passkey_options"])
    sent = {"name": "Phone", "credential": json.dumps(Authenticator().make(options))}

    added = browser.post("/account/factors/passkeys/", sent)
    page = browser.get("/account/factors/")

    assert len(added.context["codes"]) == 10
    assert b"Phone" in page.content
    assert b"10 of 10 are left" in page.content


def test_a_page_without_a_script_adds_no_passkey(browser):
    answer = browser.post("/account/factors/passkeys/", {"name": "Phone", "credential": ""})

    assert answer.status_code == 400


def test_a_passkey_is_renamed_and_removed_on_its_page(alice, browser):
    add_passkey(alice, by=Named(alice.sub, "web", str(Session.objects.get().pk)))
    path = f"/account/factors/passkeys/{Passkey.objects.get().pk}/"

    browser.post(path, {"name": "Old phone"})
    assert Passkey.objects.get().name == "Old phone"
    browser.post(path, {"do": "remove"})
    kept = Passkey.objects.exists()
    browser.post(path, {"do": "remove", "sure": "on"})

    assert kept
    assert not Passkey.objects.exists()
    assert browser.get(path).status_code == 404


def test_an_app_goes_only_with_a_tick(alice, browser):
    add_totp(alice, by=Named(alice.sub, "web", str(Session.objects.get().pk)))

    slipped = browser.post("/account/factors/", follow=True)
    kept = Totp.objects.exists()
    browser.post("/account/factors/", {"sure": "on"})

    assert b"Nothing is removed." in slipped.content
    assert (kept, Totp.objects.exists()) == (True, False)


@pytest.mark.parametrize("path", ["totp/", "passkeys/", "recovery-codes/"])
def test_a_page_that_changes_factors_asks_who_is_there(alice, browser, path):
    add_totp(alice)

    answer = browser.get(f"/account/factors/{path}")

    assert answer.status_code == 302
    assert answer["Location"].startswith(f"/login/step-up/?next=/account/factors/{path}")
    assert "acr=aal2" in answer["Location"]


def test_nobody_removes_a_factor_by_the_page_with_a_password_alone(alice, browser):
    add_totp(alice)
    add_passkey(alice)

    browser.post("/account/factors/", {"sure": "on"})
    browser.post(f"/account/factors/passkeys/{Passkey.objects.get().pk}/", {"do": "remove", "sure": "on"})

    assert (Totp.objects.count(), Passkey.objects.count()) == (1, 1)


# Proving it again --------------------------------------------------------------------------------

STEP_UP = "/login/step-up/?next=/account/factors/totp/"


def prove(browser, **given):
    return browser.post(STEP_UP, {"step-up-kept": "", **{f"step-up-{name}": value for name, value in given.items()}})


def test_who_has_an_app_proves_it_by_password_and_code(alice, browser):
    app = add_totp(alice)

    asked = browser.get(STEP_UP)
    alone = prove(browser, current_password=PASSWORD)
    wrong = prove(browser, current_password=PASSWORD, code="000000")
    both = prove(browser, current_password=PASSWORD, code=code_of(app))
    browser.cookies.update(both.cookies)

    assert b'name="step-up-code"' in asked.content
    assert b"The 6 digits that your app shows now.</small>" in asked.content
    assert [*wrong.context["form"].errors] == ["code"]
    assert (alone.status_code, wrong.status_code, both.status_code) == (400, 400, 302)
    assert Session.objects.filter(amr="pwd otp mfa").count() == 2
    assert browser.get("/account/factors/totp/").status_code == 200


@pytest.mark.parametrize(
    ("has_codes", "words"), [(True, "One of your recovery codes."), (False, "You have none: use your passkey.")]
)
def test_who_has_no_app_is_not_asked_for_its_code(alice, browser, has_codes, words):
    add_passkey(alice)
    if has_codes:
        add_codes(alice)

    help_texts = {browser.get(STEP_UP).context["form"].fields["code"].help_text, second_step().fields["code"].help_text}

    assert help_texts == {words}


def second_step():
    return Browser().post("/login/", {"email": "alice@example.com", "password": PASSWORD}).context["form"]


def test_a_code_without_the_password_proves_nothing(alice, browser):
    app = add_totp(alice)

    answer = prove(browser, current_password="not the password", code=code_of(app))

    assert answer.status_code == 400
    assert totp.use_code(alice, code_of(app))


def stepping(browser):
    return json.loads(browser.get(STEP_UP).context["passkey_options"])


def test_a_passkey_proves_it_alone(alice, browser):
    device = add_passkey(alice)

    answer = prove(browser, credential=json.dumps(device.answer(stepping(browser))))

    assert answer.status_code == 302
    assert Session.objects.filter(amr="hwk user mfa").count() == 1


def test_a_passkey_of_bob_or_an_answer_sent_twice_proves_nothing(alice, bob, browser):
    device, theirs = add_passkey(alice), add_passkey(bob)
    Session.objects.filter(user=bob).delete()
    answer = json.dumps(device.answer(stepping(browser)))

    statuses = [prove(browser, credential=json.dumps(theirs.answer(stepping(browser)))).status_code]
    statuses += [prove(browser, credential=answer).status_code for _ in range(2)]

    assert statuses == [400, 302, 400]


def test_an_answer_of_another_session_proves_nothing(alice, browser, log_in):
    device = add_passkey(alice)
    other = Browser()
    alice.has_second_factor = False
    alice.save()
    other.cookies[access_name()] = log_in()["access"]
    alice.has_second_factor = True
    alice.save()

    answer = prove(browser, credential=json.dumps(device.answer(stepping(other))))

    assert answer.status_code == 400


def test_refused_passkeys_count_where_one_steps_up_too(alice, browser):
    add_passkey(alice)

    for _ in range(2):
        prove(browser, credential=json.dumps(Authenticator().answer(stepping(browser))))

    assert FailedLogIn.objects.get(key__startswith="passkeys from").failures == 2


# Staff ------------------------------------------------------------------------------------------


def remove_by_staff(browser, *users):
    sent = {"action": "remove_second_factors", "_selected_action": [user.sub for user in users]}
    return browser.post("/admin/accounts/user/", sent, follow=True)


def test_staff_remove_the_factors_of_somebody_who_lost_them(alice, admin, log_in):
    add_totp(alice)
    add_passkey(alice)
    add_codes(alice)

    answer = remove_by_staff(admin, alice)

    alice.refresh_from_db()
    assert b"1 user without a second factor now" in answer.content
    assert not alice.has_second_factor
    assert [model.objects.count() for model in (Totp, Passkey, RecoveryCode)] == [0, 0, 0]
    assert not Session.objects.filter(user=alice).alive().exists()
    event = Event.objects.get(what="second factors removed", subject=alice.sub)
    assert event.sub != alice.sub
    assert Mail.objects.filter(to=alice.email).order_by("written_at").last().facts["said"].startswith("Staff removed")
    assert "access" in log_in()


def test_how_often_somebody_changed_their_factors_does_not_stop_staff(alice, admin):
    add_totp(alice)
    FailedLogIn.objects.filter(key=f"factor changes of {alice.sub}").update(blocked_until=clock.time() + 3600)

    remove_by_staff(admin, alice)

    assert not Totp.objects.exists()


def test_staff_do_not_remove_their_own(admin):
    user = User.objects.get(email="admin@example.com")
    add_totp(user)

    answer = remove_by_staff(admin, user)

    assert Totp.objects.exists()
    assert b"Remove your own second factors on your account page" in answer.content


def test_staff_who_hold_less_remove_nothing_of_the_admin(staff, admin):
    Role.objects.create(name="clerk", scopes=["accounts:manage"])
    clerk, user = staff("dave@example.com", "clerk"), User.objects.get(email="admin@example.com")
    add_totp(user)

    remove_by_staff(clerk, user)

    assert Totp.objects.exists()


def test_nobody_is_told_that_what_was_not_there_is_removed(alice, admin):
    answer = remove_by_staff(admin, alice)

    assert b"They have no second factor, and nothing was done." in answer.content
