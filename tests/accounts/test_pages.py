"""A browser logs in, is renewed without noticing, and logs out."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.issuing import keys
from accounts.models import Session, User
from tests.accounts.conftest import PASSWORD, forget
from tokens import encryption
from tokens.cookies import access_name, refresh_name, renewed_name
from tokens.verification import verify
from wire.events import SYSTEM

pytestmark = pytest.mark.django_db

LATER = timedelta(minutes=11)


@pytest.fixture
def browser():
    return Client()


@pytest.fixture
def logged_in(alice, browser):
    """Alice's browser."""
    post_login(browser)
    return browser


def post_login(browser, password=PASSWORD, address="/login/"):
    return browser.post(address, {"email": "Alice@example.com", "password": password})


def text(response):
    return response.content.decode()


def test_logging_in_sets_both_cookies_and_goes_on(browser, alice, settings):
    answer = post_login(browser, address="/login/?next=/orders/%3Fstatus=paid")

    access, refresh = answer.cookies[access_name()], answer.cookies[refresh_name()]
    assert (answer.status_code, answer["Location"]) == (302, "/orders/?status=paid")
    assert (access["path"], refresh["path"]) == ("/", "/login/")
    assert [(c["httponly"], c["samesite"], c["secure"]) for c in (access, refresh)] == [(True, "Lax", True)] * 2
    assert access["max-age"] == refresh["max-age"] == settings.REFRESH_IDLE_LIFETIME.total_seconds()
    assert verify(access.value, "orders")["client_id"] == "web"


def test_a_log_in_ends_the_session_that_the_browser_had(logged_in):
    post_login(logged_in, password="wrong")
    before = Session.objects.alive().count()

    post_login(logged_in)

    assert before == 1
    assert list(Session.objects.order_by("created_at").values_list("end_reason", flat=True)) == ["new log-in", ""]
    assert logged_in.get("/account/").status_code == 200


def test_a_log_in_with_a_forged_cookie_ends_nobodys_session(logged_in):
    logged_in.cookies[access_name()] = logged_in.cookies[access_name()].value[:-4] + "AAAA"
    del logged_in.cookies[refresh_name()]

    post_login(logged_in)

    assert Session.objects.alive().count() == 2


def test_a_wrong_password_is_told_without_a_cookie(browser, alice):
    answer = post_login(browser, password="wrong")

    assert answer.status_code == 400
    assert "There is no account with that e-mail address and password." in text(answer)
    assert dict(answer.cookies).keys() == {"csrftoken"}


def test_too_many_wrong_passwords_are_put_off(browser, alice):
    with time_machine.travel(timezone.now(), tick=False):
        answers = [post_login(browser, password="wrong") for _ in range(8)]

    assert answers[0].status_code == 400
    assert answers[-1].status_code == 429
    assert f"Wait {answers[-1]['Retry-After']} seconds" in text(answers[-1])


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_a_log_in_never_leads_elsewhere(browser, alice, target):
    answer = browser.post(f"/login/?next={target}", {"email": "alice@example.com", "password": PASSWORD})

    assert answer["Location"] == "/products/"


def test_a_password_is_never_shown_again(browser):
    assert "hunter2-hunter2" not in text(post_login(browser, password="hunter2-hunter2"))


def test_forms_refuse_a_post_without_the_csrf_token(alice):
    strict = Client(enforce_csrf_checks=True)

    answers = [strict.post(address, {}) for address in ("/login/", "/register/", "/logout/", "/login/renew/")]

    assert [answer.status_code for answer in answers] == [403] * 4
    assert "Your browser sent no cookie" in text(answers[0])


def test_registering_logs_in_at_once(browser):
    answer = browser.post("/register/", {"name": "Bob", "email": "bob@example.com", "password": PASSWORD})

    claims = verify(answer.cookies[access_name()].value, "products")
    assert (answer.status_code, answer["Location"]) == (302, "/products/")
    assert (claims["name"], claims["roles"]) == ("Bob", ["customer"])


def test_a_taken_address_is_told_beside_its_field(browser, alice):
    answer = browser.post("/register/", {"name": "Al", "email": "ALICE@example.com", "password": PASSWORD})

    assert answer.status_code == 400
    assert answer.context["form"].errors == {"email": ["That e-mail address is taken. Is it yours? Then log in."]}
    assert User.objects.count() == 1


def test_a_poor_password_is_told_beside_its_field(browser):
    answer = browser.post("/register/", {"name": "Bob", "email": "bob@example.com", "password": "password"})

    assert answer.status_code == 400
    assert answer.context["form"].errors == {"password": ["This password is too common."]}
    assert not User.objects.exists()


def test_a_page_without_a_token_leads_to_the_log_in(browser):
    answer = browser.get("/account/")

    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/account/")


def test_a_spent_token_is_renewed_and_the_method_kept(logged_in):
    with time_machine.travel(LATER, tick=True):
        turned = logged_in.post("/account/password/", {"current_password": "x"})
        renewed = logged_in.post(turned["Location"], {"current_password": "x"})
        answer = logged_in.post(renewed["Location"], {"current_password": "x"})

    assert (turned.status_code, turned["Location"]) == (307, "/login/renew/?next=/account/password/")
    assert (renewed.status_code, renewed["Location"]) == (307, "/account/password/")
    assert renewed.cookies.keys() == {access_name(), refresh_name()}
    assert answer.context["form"].errors.keys() == {"current_password", "new_password"} - {"current_password"}


def test_a_renewal_comes_back_to_a_long_address_too(logged_in):
    address = "/admin/orders/order/act/pay/?" + "&".join(f"id={uuid4()}" for _ in range(100))
    with time_machine.travel(LATER, tick=True):
        turned = logged_in.get(address)
        renewed = logged_in.get(turned["Location"])

    assert turned["Location"].startswith("/login/renew/?next=/admin/")
    assert (renewed.status_code, renewed["Location"]) == (307, address)


@pytest.mark.parametrize(
    "path", ["//evil.example/", "/\\evil.example/", "/\t/evil.example/", "///evil.example", "evil", "?/a"]
)
def test_a_renewal_leads_nowhere_else_however_long_its_address(logged_in, path):
    renewed = logged_in.get("/login/renew/", {"next": f"{path}?a={'a' * 3000}"})

    assert (renewed.status_code, renewed["Location"]) == (307, "/products/")


def test_a_refused_renewal_clears_both_cookies(logged_in):
    Session.objects.update(ended_at="2024-01-01T00:00Z")

    answer = logged_in.get("/login/renew/?next=/orders/")

    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/orders/")
    assert [answer.cookies[name].value for name in (access_name(), refresh_name())] == ["", ""]
    assert answer.cookies[refresh_name()]["path"] == "/login/"


def test_a_token_refused_when_just_issued_is_not_renewed(logged_in):
    Session.objects.get().status.revoked_at = None
    forged = encryption.decrypt(logged_in.cookies[access_name()].value)[:-4] + "AAAA"
    logged_in.cookies[access_name()] = encryption.encrypt(forged)

    answer = logged_in.get("/account/")

    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/account/")
    assert answer.cookies[access_name()].value == ""


def test_a_renewal_of_a_new_token_is_marked_and_that_of_a_spent_one_is_not(logged_in):
    """Whoever sent the browser here with a new token has another clock than accounts."""
    new = logged_in.get("/login/renew/?next=/orders/")
    with time_machine.travel(LATER, tick=True):
        spent = logged_in.get("/login/renew/?next=/orders/")

    assert new.cookies[renewed_name()]["max-age"] == 10
    assert renewed_name() not in spent.cookies


@pytest.mark.parametrize("path", ["/account/", "/orders/", "/admin/"])
def test_a_marked_browser_whose_token_is_out_of_time_is_told_of_clocks(logged_in, path):
    logged_in.cookies[renewed_name()] = "1"
    with time_machine.travel(LATER, tick=True):
        answer = logged_in.get(path)

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "have clocks that differ" in answer.text
    assert f'href="{path}" class="button">Try again' in answer.text
    assert not answer.cookies


def test_a_token_of_the_future_is_renewed_before_anybody_is_told(logged_in):
    """The clock of accounts may be right again by now."""
    with time_machine.travel(-timedelta(hours=1), tick=True):
        answer = logged_in.get("/account/")

    assert (answer.status_code, answer["Location"]) == (307, "/login/renew/?next=/account/")


def test_nothing_is_renewed_while_accounts_only_reads(logged_in, settings):
    settings.READ_ONLY = ["accounts"]

    answer = logged_in.get("/login/renew/")

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert Session.objects.get().generation == 0


def test_logging_out_asks_first(logged_in):
    answer = logged_in.get("/logout/")

    assert (answer.status_code, Session.objects.alive().count()) == (200, 1)


@pytest.mark.parametrize("later", [timedelta(0), timedelta(days=3)])
def test_logging_out_ends_the_session_of_the_access_cookie(logged_in, later):
    with time_machine.travel(later, tick=True):
        answer = logged_in.post("/logout/")

    assert (answer.status_code, answer["Location"]) == (302, "/login/")
    assert Session.objects.get().end_reason == "log-out"
    assert [answer.cookies[name].value for name in (access_name(), refresh_name())] == ["", ""]
    assert answer["Clear-Site-Data"] == '"cache", "storage"'


def test_a_forged_cookie_ends_nobodys_session(logged_in):
    logged_in.cookies[access_name()] = logged_in.cookies[access_name()].value[:-4] + "AAAA"
    del logged_in.cookies[refresh_name()]

    answer = logged_in.post("/logout/")

    assert (answer.status_code, answer["Location"]) == (307, "/login/end/")
    assert Session.objects.alive().count() == 1


def test_the_admins_log_out_is_the_same(logged_in):
    Session.objects.get().user.roles.create(name="staff", scopes=["accounts:manage"])
    post_login(logged_in)

    answer = logged_in.post("/admin/logout/")

    assert (answer.status_code, answer["Location"]) == (307, "/logout/")


def test_the_account_page_says_who_one_is(logged_in):
    assert "alice@example.com" in text(logged_in.get("/account/"))


def test_a_changed_password_leaves_this_session_alone(logged_in, log_in):
    log_in()

    answer = logged_in.post(
        "/account/password/", {"current_password": PASSWORD, "new_password": "a staple and a horse"}
    )

    alive = Session.objects.alive().get()
    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    assert alive.client_id == "web"
    assert alive.user.check_password("a staple and a horse")


def test_a_wrong_current_password_changes_nothing(logged_in, alice):
    answer = logged_in.post("/account/password/", {"current_password": "wrong", "new_password": "a staple and a horse"})

    alice.refresh_from_db()
    assert answer.status_code == 400
    assert answer.context["form"].errors == {"current_password": ["That is not your password."]}
    assert alice.check_password(PASSWORD)


def test_a_poor_new_password_changes_nothing(logged_in, alice):
    answer = logged_in.post("/account/password/", {"current_password": PASSWORD, "new_password": "12345678"})

    alice.refresh_from_db()
    assert answer.context["form"].errors == {"new_password": ["This password is too common."]}
    assert alice.check_password(PASSWORD)


def test_the_front_page_is_open_and_knows_who_is_there(browser, alice):
    before = text(browser.get("/"))
    post_login(browser)

    assert "Open an account" in before
    assert "Your orders" in text(browser.get("/"))


def test_no_page_is_stored(browser):
    answers = [browser.get(address) for address in ("/", "/login/", "/register/", "/logout/")]

    assert {answer["Cache-Control"] for answer in answers} == {"private, no-store"}


@pytest.mark.parametrize("address", ["/", "/login/", "/register/"])
def test_no_page_carries_anything_inline(browser, address):
    page = text(browser.get(address))

    assert [
        word for word in ("<script>", "<style", " style=", " onclick=", "https://", "http://") if word in page
    ] == []


@pytest.mark.parametrize("email", ["al\u0130x@example.com", "alice", "a\0@example.com", f"{'a' * 250}@example.com"])
def test_what_is_no_address_is_told_beside_its_field(browser, email):
    answer = browser.post("/register/", {"name": "Al", "email": email, "password": PASSWORD})

    assert (answer.status_code, list(answer.context["form"].errors)) == (400, ["email"])
    assert not User.objects.exists()


def test_logging_out_ends_the_session_also_after_the_key_was_replaced(logged_in):
    keys.replace_keys(by=SYSTEM)
    forget()

    logged_in.post("/logout/")

    assert Session.objects.get().end_reason == "log-out"


@pytest.mark.parametrize(("address", "fields"), [("/login/", 1), ("/register/", 1), ("/account/password/", 2)])
def test_every_password_is_typed_into_a_field_that_hides_it_and_takes_what_is_pasted(logged_in, address, fields):
    reader = logged_in if address == "/account/password/" else Client()
    inputs = re.findall(r"<input[^>]*>", text(reader.get(address)))
    of_passwords = [tag for tag in inputs if "password" in re.search(r'name="([^"]*)"', tag)[1]]

    assert len(of_passwords) == fields
    for tag in of_passwords:
        assert 'type="password"' in tag
        assert re.search(r'autocomplete="(current|new)-password"', tag)
        assert " on" not in tag
        assert not re.search(r"\b(hint|question|answer)", tag)


@pytest.mark.parametrize("address", ["/", "/products/", "/orders/", "/account/"])
def test_every_page_of_somebody_leads_to_the_log_out(logged_in, address):
    assert '<form class="logout-form" method="post" action="/logout/">' in text(logged_in.get(address))
