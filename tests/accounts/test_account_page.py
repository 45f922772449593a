"""On the account page one sees where one is logged in, and changes what is one's own."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.factors.two_steps import log_in
from accounts.login.sessions import Origin
from accounts.models import Mail, Session, TokenStatus, User
from tests.accounts.conftest import PASSWORD
from tokens.cookies import access_name

pytestmark = pytest.mark.django_db


def open_browser(device):
    browser = Client()
    browser.cookies[access_name()] = log_in("alice@example.com", PASSWORD, Origin("web", device)).access
    return browser


@pytest.fixture
def browser(alice):
    return open_browser("Firefox")


def living():
    return sorted(Session.objects.filter(ended_at=None).values_list("device", flat=True))


def send(browser, page, **fields):
    return browser.post(f"/account/{page}/", fields)


def test_the_page_is_cards_that_lead_on_and_danger_is_the_last(browser, alice):
    page = browser.get("/account/")

    text, paths = page.content.decode(), [path for path, _, _ in page.context["cards"]]
    assert ("alice@example.com" in text, "1 session" in text) == (True, True)
    assert {browser.get(path).status_code for path in paths} == {200}
    assert [(path, card.is_danger) for path, card, _ in page.context["cards"]][-1] == ("/account/delete/", True)


def test_rights_are_said_in_words(browser):
    text = browser.get("/account/rights/").content.decode()

    assert "<li>Order products, and cancel your orders</li>" in text
    assert "You have the role customer." in text


def test_a_name_is_changed(browser, alice):
    shown = browser.get("/account/name/").content.decode()

    answer = send(browser, "name", name=" Alice  Adams ")

    assert 'value="' in shown
    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    assert User.objects.get(pk=alice.pk).name == "Alice Adams"


@pytest.mark.parametrize("name", ["x" * 201, "a\0b", "", " "])
def test_a_name_that_cannot_be_is_told_at_its_field_and_in_what_has_the_focus(browser, name):
    answer = send(browser, "name", name=name)

    text = answer.content.decode()
    assert (answer.status_code, list(answer.context["form"].errors)) == (400, ["name"])
    assert 'role="alert" tabindex="-1" autofocus' in text
    assert '<a href="#id_name">Name: ' in text
    assert 'aria-describedby="id_name_error"' in text


def test_who_renames_without_end_is_told_to_wait(browser, alice):
    answers = [send(browser, "name", name=f"Alice {number}").status_code for number in range(21)]

    assert answers == [302] * 20 + [429]
    assert User.objects.get(pk=alice.pk).name == "Alice 19"


def test_who_deletes_is_told_what_is_lost_and_what_stays(browser):
    text = browser.get("/account/delete/").content.decode()

    assert ("This cannot be undone" in text, "Your orders stay" in text) == (True, True)
    assert '<button type="submit" class="danger">' in text


def test_one_sees_where_one_is_logged_in(browser):
    open_browser("Chromium")

    text = browser.get("/account/sessions/").content.decode()

    assert ("Firefox" in text, "Chromium" in text, text.count(">this session<")) == (True, True, 1)


def test_hours_are_those_of_the_shop_and_say_so(browser, settings):
    settings.TIME_ZONE = "Asia/Tokyo"

    text = browser.get("/account/sessions/").content.decode()

    assert (" JST</time>" in text, "UTC" in text) == (True, False)


def test_of_many_sessions_a_page_shows_twenty(browser, alice):
    expires_at = timezone.now() + timedelta(days=1)
    entries = TokenStatus.objects.bulk_create([TokenStatus() for _ in range(45)])
    for entry in entries:
        Session.objects.create(user=alice, client_id="web", device="Lynx", status=entry, expires_at=expires_at)

    pages, address = [], "/account/sessions/"
    while address:
        page = browser.get(address)
        pages.append(page.content.decode())
        address = page.context["next"] and f"/account/sessions/{page.context['next']}"

    assert [page.count('name="sid"') + page.count(">this session<") for page in pages] == [20, 20, 6]
    assert sum(page.count(">this session<") for page in pages) == 1
    assert browser.get("/account/sessions/?cursor=rubbish").status_code == 400


def test_one_session_is_ended(browser):
    open_browser("Chromium"), open_browser("Lynx")

    send(browser, "sessions", sid=str(Session.objects.get(device="Lynx").pk))

    assert living() == ["Chromium", "Firefox"]


def test_all_others_are_ended(browser):
    open_browser("Chromium"), open_browser("Lynx")

    send(browser, "sessions", do="end-others")

    assert living() == ["Firefox"]


@pytest.mark.parametrize("sid", ["", "rubbish", "00000000-0000-4000-8000-000000000000"])
def test_a_session_that_is_not_ones_own_is_left_alone(browser, bob, sid):
    log_in("bob@example.com", PASSWORD, Origin("web", "Bob's"))
    own = sid or str(Session.objects.get(device="Bob's").pk)

    send(browser, "sessions", sid=own)

    assert living() == ["Bob's", "Firefox"]


def test_another_email_address_is_asked_for_with_the_password(browser, alice):
    answer = send(browser, "email", email="al@example.com", current_password=PASSWORD)

    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    stored = User.objects.get(pk=alice.pk)
    assert (stored.email, stored.pending_email) == ("alice@example.com", "al@example.com")
    assert "al@example.com once you have confirmed it" in browser.get("/account/").content.decode()


def test_a_change_that_waits_is_taken_back_on_the_page(browser, alice):
    send(browser, "email", email="al@example.com", current_password=PASSWORD)
    page = browser.get("/account/email/")

    answer = browser.post("/account/email/verify/?next=/account/email/", {"step": "keep", "kept": ""}, follow=True)

    assert "Keep the old address" in page.content.decode()
    assert "Your e-mail address stays alice@example.com." in answer.content.decode()
    assert User.objects.get(pk=alice.pk).pending_email == ""


def test_the_link_of_a_change_is_sent_again_from_the_page(browser, alice):
    send(browser, "email", email="al@example.com", current_password=PASSWORD)

    answer = browser.post("/account/email/verify/?next=/account/email/", {"step": "send", "kept": ""}, follow=True)

    assert "We have sent the link to al@example.com again." in answer.content.decode()
    assert Mail.objects.filter(to="al@example.com").count() == 2


def test_a_taken_address_is_told_beside_its_field(browser, bob):
    answer = send(browser, "email", email="bob@example.com", current_password=PASSWORD)

    assert answer.status_code == 400
    assert answer.context["form"].errors == {"email": ["That e-mail address is taken."]}


def test_an_account_is_deleted_with_the_password(browser, alice):
    answer = send(browser, "delete", current_password=PASSWORD)

    assert answer["Location"] == "/"
    assert answer.cookies[access_name()].value == ""
    assert not User.objects.filter(pk=alice.pk).exists()


@pytest.mark.parametrize(("page", "fields"), [("delete", {}), ("email", {"email": "al@example.com"})])
def test_nothing_changes_without_the_password(browser, alice, page, fields):
    answer = send(browser, page, current_password="wrong", **fields)

    assert answer.status_code == 400
    assert "That is not your password." in answer.content.decode()
    assert User.objects.get(pk=alice.pk).email == "alice@example.com"


def test_what_the_page_does_not_know_it_does_not_do(browser):
    open_browser("Chromium")

    send(browser, "sessions", do="rubbish")

    assert living() == ["Chromium", "Firefox"]
    assert browser.post("/account/", {"do": "end-others"}).status_code == 405


def test_who_guesses_too_often_is_told_when_to_come_back(browser, alice):
    with time_machine.travel(timezone.now(), tick=False):
        answers = [send(browser, "delete", current_password="wrong") for _ in range(6)]

    assert [answer.status_code for answer in answers] == [400] * 5 + [429]
    assert answers[-1]["Retry-After"] == "1"
    assert answers[-1].context["form"].errors == {
        "current_password": ["Too many failed attempts. Wait 1 seconds, then try again."]
    }


@pytest.mark.parametrize("email", ["al\u0130x@example.com", "alice", "a\0@example.com", f"{'a' * 250}@example.com"])
def test_what_is_no_address_is_told_beside_its_field(browser, alice, email):
    answer = send(browser, "email", email=email, current_password=PASSWORD)

    assert (answer.status_code, list(answer.context["form"].errors)) == (400, ["email"])
    assert User.objects.get().email == "alice@example.com"
