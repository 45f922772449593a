"""What somebody has to prove before a token carries a scope, by whatever door it is asked for."""

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import make_password

from accounts.login import sessions
from accounts.login.sessions import Origin
from accounts.models import Event, Mail, Role, Session, User
from database import clock
from tests.accounts.apps import App, browser_of
from tests.accounts.conftest import PASSWORD
from tests.conftest import CUSTOMER
from tests.issuer import read
from tokens.errors import TokenRefused
from tokens.permissions import StepUpRequired, check_recent
from tokens.user import TokenUser
from wire.events import Named

pytestmark = [pytest.mark.django_db, pytest.mark.database]

STAFF = "orders:manage"


@pytest.fixture
def dave(alice, settings):
    """A member of staff where two factors are wanted."""
    settings.STAFF_FACTORS = 2
    alice.roles.add(Role.objects.get(name="order manager"))
    return alice


def claims_of(tokens):
    return read(tokens.access)[1]


def caller(user, sid):
    return Named(user.sub, "web", str(sid))


def test_a_verified_customer_may_order(alice):
    claims = claims_of(sessions.open_session(alice, Origin("web")))

    assert claims["scope"] == CUSTOMER
    assert (claims["email_verified"], claims.get("withheld")) == (True, None)


def test_who_did_not_verify_an_address_may_do_all_but_order(erin):
    claims = claims_of(sessions.open_session(erin, Origin("web")))

    assert claims["scope"].split() == [scope for scope in CUSTOMER.split() if scope != "orders:write"]
    assert (claims.get("email_verified"), claims["withheld"]) == (None, "orders:write")


def test_the_next_refresh_brings_what_was_earned_and_not_before(erin):
    tokens = sessions.open_session(erin, Origin("web"))
    tokens = sessions.refresh(tokens.refresh, client_id="web")
    before = claims_of(tokens)["scope"]
    User.objects.update(email_verified_at=clock.now())

    after = claims_of(sessions.refresh(tokens.refresh, client_id="web"))["scope"]

    assert ("orders:write" in before.split(), after) == (False, CUSTOMER)


@pytest.mark.parametrize(
    ("amr", "is_carried"),
    [("pwd", False), ("otp", False), ("pwd otp mfa", True), ("hwk user mfa", True), ("mfax", False), ("", False)],
)
def test_staff_scopes_want_two_factors(dave, amr, is_carried):
    claims = claims_of(sessions.open_session(dave, Origin("web"), amr))

    assert (STAFF in claims["scope"].split(), STAFF in claims.get("withheld", "")) == (is_carried, not is_carried)
    assert (claims["acr"], claims.get("amr", [])) == ("aal2" if is_carried else "aal1", amr.split())


def test_one_factor_is_enough_where_the_shop_says_so(dave, settings):
    settings.STAFF_FACTORS = 1

    claims = claims_of(sessions.open_session(dave, Origin("web")))

    assert (STAFF in claims["scope"].split(), claims["acr"]) == (True, "aal1")


@pytest.mark.parametrize(("hours", "is_carried"), [(11.9, True), (12.1, False)])
def test_two_factors_are_enough_for_twelve_hours(dave, hours, is_carried):
    tokens = sessions.open_session(dave, Origin("web"), "pwd otp mfa")
    Session.objects.update(second_factor_at=clock.now() - timedelta(hours=hours))

    claims = claims_of(sessions.refresh(tokens.refresh, client_id="web"))

    assert (STAFF in claims["scope"].split(), claims["acr"]) == (is_carried, "aal2" if is_carried else "aal1")


def test_stepping_up_brings_the_scopes_at_once_and_leaves_the_refresh_token(dave):
    opened = sessions.open_session(dave, Origin("web"))
    Session.objects.update(auth_time=clock.now() - timedelta(hours=1))
    sid = Session.objects.get().pk

    stepped = sessions.step_up(sid, "pwd otp mfa", by=caller(dave, sid))

    claims = claims_of(stepped)
    assert (STAFF in claims["scope"].split(), claims["acr"], claims["amr"]) == (True, "aal2", ["pwd", "otp", "mfa"])
    assert claims["auth_time"] == pytest.approx(clock.time(), abs=5)
    assert stepped.refresh == opened.refresh
    assert Event.objects.filter(what="stepped up", sub=dave.sub).count() == 1


def test_nobody_steps_up_a_session_of_another_or_another_session(dave, bob):
    sessions.open_session(dave, Origin("web"))
    own = Session.objects.get().pk
    sessions.open_session(bob, Origin("web"))
    others = Session.objects.get(user=bob).pk

    for sid, by in (
        (own, caller(bob, own)),
        (own, caller(bob, others)),
        (others, caller(dave, own)),
        (own, caller(dave, "")),
    ):
        with pytest.raises(TokenRefused):
            sessions.step_up(sid, "pwd otp mfa", by=by)

    assert not Session.objects.exclude(second_factor_at=None).exists()


def test_a_session_that_is_over_is_not_stepped_up(dave):
    sessions.open_session(dave, Origin("web"))
    sid = Session.objects.get().pk
    sessions.end(Session.objects.all(), reason="log-out", by=caller(dave, sid))

    for gone in (sid, uuid.uuid4()):
        with pytest.raises(TokenRefused):
            sessions.step_up(gone, "pwd otp mfa", by=caller(dave, gone))


def test_a_session_of_the_release_before_goes_on_and_follows_the_rule_from_its_next_refresh(dave):
    tokens = sessions.open_session(dave, Origin("web"))
    Session.objects.update(auth_time=None, amr="", second_factor_at=None, password_mark="")

    claims = claims_of(sessions.refresh(tokens.refresh, client_id="web"))

    session = Session.objects.get()
    assert (STAFF in claims["scope"].split(), claims["auth_time"]) == (False, int(session.created_at.timestamp()))
    assert session.password_mark == dave.password_mark


def test_another_password_by_whatever_door_ends_what_the_old_one_opened(alice):
    tokens = sessions.open_session(alice, Origin("web"))
    alice.set_password("another horse battery")
    User.objects.update(password=alice.password)

    with pytest.raises(TokenRefused):
        sessions.refresh(tokens.refresh, client_id="web")

    assert Session.objects.get().end_reason == "password change"


@pytest.fixture
def overtaken(alice):
    """The session of a browser whose user was given another password in the database."""
    browser = browser_of(alice.email)
    User.objects.update(password=make_password("another horse battery"))
    return browser


def test_under_another_password_a_browser_lets_no_app_in(overtaken, alice):
    answer = App().ask(overtaken)

    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/login/")
    assert Session.objects.get().end_reason == "password change"


def test_a_code_that_was_given_under_the_former_password_opens_nothing(alice):
    app, browser = App(), browser_of(alice.email)
    code = app.code(browser)
    User.objects.update(password=make_password("another horse battery"))

    answer = app.exchange(code)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert Session.objects.get().end_reason == "password change"


def test_under_another_password_nobody_steps_up(overtaken, alice):
    session = Session.objects.get()

    with pytest.raises(TokenRefused):
        sessions.step_up(session.pk, "pwd otp mfa", by=caller(alice, session.pk))

    session.refresh_from_db()
    assert (session.end_reason, session.second_factor_at) == ("password change", None)


def test_who_is_given_a_password_by_a_command_or_a_shell_is_told(alice):
    User.objects.update(pending_email="mallory@example.com")
    user = User.objects.get()
    user.set_password("another horse battery")
    user.save()

    assert (user.pending_email, User.objects.get().pending_email) == ("", "")
    assert list(Mail.objects.values_list("kind", "to")) == [("password changed", alice.email)]
    assert [str(event) for event in Event.objects.about(alice)][1:] == ["password changed by system"]


def test_who_is_new_is_told_of_no_other_password(erin):
    User.objects.create_superuser("root@example.com", "a horse of another battery")

    assert [kind for (kind,) in Mail.objects.values_list("kind")] == ["address confirmation"]
    assert not Event.objects.filter(what="password changed").exists()


def test_a_hash_that_is_exchanged_for_a_stronger_one_ends_nothing(alice, settings):
    tokens = sessions.open_session(alice, Origin("web"))
    settings.PASSWORD_HASHERS = ["accounts.login.hashers.OwaspArgon2", *settings.PASSWORD_HASHERS]

    assert alice.check_password(PASSWORD)

    assert alice.password.startswith("argon2")
    assert sessions.refresh(tokens.refresh, client_id="web")


def test_an_app_is_not_given_what_is_withheld_by_code_nor_by_refresh(erin):
    app, wanted = App(), "openid orders:read orders:write offline_access"
    browser = browser_of("erin@example.com")

    given = app.tokens(browser, scope=wanted)
    renewed = app.refresh(given["refresh_token"], scope="orders:read orders:write").json()
    User.objects.update(email_verified_at=clock.now())
    earned = app.refresh(renewed.get("refresh_token", given["refresh_token"])).json()

    carried = [read(answer["access_token"])[1]["scope"].split() for answer in (given, earned)]
    assert ["orders:write" in scopes for scopes in carried] == [False, True]
    assert "orders:write" not in given["scope"].split()
    assert "orders:write" not in renewed.get("scope", "").split()


def test_a_token_that_does_not_say_when_its_person_was_there_ends_no_other_session():
    old = {"sub": "alice", "scope": "account", "client_id": "api"}

    for user in (TokenUser(old), TokenUser(old | {"auth_time": int(clock.time()) - 901})):
        with pytest.raises(StepUpRequired):
            check_recent(user)

    check_recent(TokenUser(old | {"auth_time": int(clock.time())}))
