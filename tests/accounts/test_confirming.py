"""An e-mail address is confirmed by a mailed link, and a person who wanted to order comes back to it."""

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.jobs import JOBS
from accounts.models import Event, Mail, Session, User
from accounts.people import credentials, deletion, email_addresses
from tests.accounts.conftest import PASSWORD
from tokens.cookies import access_name
from tokens.verification import verify
from wire.events import SYSTEM, Named

pytestmark = pytest.mark.django_db

ERIN = {"email": "erin@example.com", "password": PASSWORD, "name": "Erin"}
NEW = "erin@wonderland.example"
VERIFY = "/account/email/verify/"
BASKET = f"{VERIFY}?next=/basket/"


@pytest.fixture
def browser(db):
    """The browser of Erin, who has just registered."""
    browser = Client()
    browser.post("/register/", ERIN)
    return browser


@pytest.fixture
def erin(browser):
    return User.objects.get(email=ERIN["email"])


@pytest.fixture
def own(browser, api, bearer):
    """Erin's API client."""
    return bearer(api.post("/api/token/", {"email": ERIN["email"], "password": PASSWORD}).json()["access"])


def send_mails():
    """The mails that are sent now."""
    mail.outbox.clear()
    JOBS["send mails"][0]()
    return mail.outbox


def link(to=""):
    """The path of the link that was mailed last, to an address."""
    said = [message.body for message in send_mails() if to in message.to[0]]
    return [found[0] for body in said if (found := re.search(r"/account/\S+", body))][-1]


def token(to=""):
    return link(to).split("/")[-2]


def scopes(browser):
    return verify(browser.cookies[access_name()].value, "orders")["scope"].split()


def change(own, email=NEW, current=PASSWORD):
    return own.post("/api/accounts/me/email/", {"current_password": current, "email": email})


# The first address ------------------------------------------------------------------------------


def test_who_opens_the_mailed_link_and_confirms_may_order_at_once(browser, erin):
    before = scopes(browser)

    answer = browser.post(link(), follow=True)

    erin.refresh_from_db()
    assert erin.email_verified_at
    assert "Your e-mail address erin@example.com is confirmed." in answer.content.decode()
    assert ("orders:write" in before, "orders:write" in scopes(browser)) == (False, True)
    assert [event.what for event in Event.objects.about(erin)] == ["registered", "e-mail confirmed"]


def test_who_registers_is_told_of_the_link(db):
    page = Client().post("/register/", ERIN, follow=True)

    assert "Welcome. We have sent a link to erin@example.com" in page.content.decode()


def test_reading_the_link_confirms_nothing_however_often_a_scanner_does(browser, erin):
    address = link()

    pages = [Client().get(address) for _ in range(3)] + [Client().head(address), browser.get(address)]

    erin.refresh_from_db()
    assert [page.status_code for page in pages] == [302] * 4 + [200]
    assert not erin.email_verified_at
    assert "Is <strong>erin@example.com</strong> yours" in pages[-1].content.decode()
    assert browser.post(address)["Location"].startswith("/login/renew/")


def test_in_a_browser_where_nobody_is_logged_in_the_link_asks_for_the_log_in_first(browser, erin):
    address, phone = link(), Client()

    page = phone.get(address, follow=True)
    back = phone.post(page.redirect_chain[-1][0], {"email": ERIN["email"], "password": PASSWORD})
    phone.post(back["Location"])

    erin.refresh_from_db()
    assert "Log in to confirm the address." in page.content.decode()
    assert (back["Location"], bool(erin.email_verified_at)) == (address, True)


def test_who_opens_the_link_of_another_is_asked_before_their_log_in_ends(browser, erin):
    dora = Client()
    dora.post("/register/", ERIN | {"email": "dora@example.com"})
    address = link(ERIN["email"])

    asked = dora.get(address)
    stayed = dora.get("/account/")
    left = dora.post(address, "csrfmiddlewaretoken=x", content_type="application/x-www-form-urlencoded")

    assert (asked.status_code, stayed.status_code, left.status_code) == (200, 200, 307)
    assert 'You are logged in as <strong class="breaks">dora@example.com' in asked.content.decode()
    assert ERIN["email"] not in asked.content.decode()
    assert Session.objects.get(user__email="dora@example.com").end_reason == "log-out"


def test_whose_address_a_stranger_registered_confirms_no_account_of_the_stranger(browser, erin):
    """The owner of the address knows no password of the account."""
    owner, dora = Client(), Client()
    dora.post("/register/", ERIN | {"email": "dora@example.com"})
    address = link(ERIN["email"])

    answers = [owner.post(address), dora.post(address)]

    assert [answer["Location"] for answer in answers] == [f"/login/?next={address}#lost"] * 2
    assert not User.objects.exclude(email_verified_at=None).exists()
    assert "orders:write" not in scopes(browser)


def test_a_link_works_once_and_who_opens_it_twice_is_told_that_all_is_well(browser, erin):
    address = link()
    browser.post(address, follow=True)

    own, another = browser.post(address), Client().post(address)

    assert "Your e-mail address is confirmed" in own.content.decode()
    assert "This link does not work" in another.content.decode()
    assert Event.objects.filter(what="e-mail confirmed").count() == 1


@pytest.mark.parametrize(("hours", "works"), [(23.9, True), (24.1, False)])
def test_a_link_works_for_a_day(browser, erin, hours, works):
    address = link()

    with time_machine.travel(timezone.now() + timedelta(hours=hours)):
        browser.post("/login/", {"email": ERIN["email"], "password": PASSWORD})
        browser.post(address)

    assert bool(User.objects.get().email_verified_at) == works


@pytest.mark.parametrize("uid", ["MQ", "", "%00", "_____", "NTY4MDI0YjYtNWYyOC01YjliLTg5ZTktMTIyNzc1OGVmZmIz"])
def test_a_link_that_was_made_up_confirms_nobody(browser, erin, uid):
    answer = browser.post(f"{VERIFY}{uid or 'x'}/d7t4ir-4f1b2c7e0a9d8e6f5c3b2a1908172635/")

    assert "This link does not work" in answer.content.decode()
    assert not User.objects.get().email_verified_at


def test_the_link_of_one_confirms_no_other(browser, erin, api):
    api.post("/api/accounts/register/", ERIN | {"email": "dora@example.com"})
    first, second = sorted(re.search(r"/account/\S+", message.body)[0] for message in send_mails())
    mixed = "/".join([*first.split("/")[:-2], second.split("/")[-2], ""])

    browser.post(mixed)

    assert not User.objects.exclude(email_verified_at=None).exists()


@pytest.mark.parametrize("spoil", ["password", "disabled", "deleted"])
def test_what_changes_meanwhile_spoils_the_link(browser, erin, spoil):
    address = link()
    if spoil == "password":
        credentials.change_password(erin, current_password=PASSWORD, new_password="a staple and a horse", by=SYSTEM)
    elif spoil == "disabled":
        User.objects.update(is_active=False)
    else:
        deletion.delete_user(erin, by=SYSTEM)

    answer = Client().post(address)

    assert "This link does not work" in answer.content.decode()
    assert not User.objects.exclude(email_verified_at=None).exists()


def test_a_reset_by_mail_confirms_the_address_as_well(browser, erin):
    Client().post("/password-reset/", {"email": ERIN["email"]})
    path = next(found[0] for m in send_mails() if (found := re.search(r"/password-reset/\S+/\S+/", m.body)))
    reset = Client()
    form = reset.get(path, follow=True)

    before = User.objects.get().email_verified_at
    reset.post(form.redirect_chain[-1][0], {"new_password": "a staple and a horse"})

    assert (before, bool(User.objects.get().email_verified_at)) == (None, True)


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_of_many_who_use_one_link_at_once_one_does(browser, erin, at_once):
    address = link()

    browsers = [Client() for _ in range(8)]
    for own in browsers:
        own.cookies[access_name()] = browser.cookies[access_name()].value
    answers = at_once(8, lambda number: browsers[number].post(address).status_code)

    assert sorted(answers) == [200] * 7 + [302]
    assert Event.objects.filter(what="e-mail confirmed").count() == 1


# Coming back to what one wanted to do -----------------------------------------------------------


def test_the_page_says_what_to_do_and_the_link_leads_back_to_what_was_wanted(browser, erin):
    page = browser.get(BASKET)
    answer = browser.post(link())

    assert "Confirm your e-mail address first" in page.content.decode()
    assert answer["Location"] == "/login/renew/?next=/basket/"


def test_a_form_is_kept_meanwhile_and_given_back(browser, erin):
    form = urlencode({"ship_to": "1 Mosaic Lane", "lines": ["one", "two"]}, doseq=True)
    asked = browser.post(BASKET, form, content_type="application/x-www-form-urlencoded")
    kept = asked.context["kept"]
    early = browser.post(BASKET, {"step": "go on", "kept": kept})
    phone = Client()
    phone.post("/login/", {"email": ERIN["email"], "password": PASSWORD})
    phone.post(link())

    renewed = browser.post(BASKET, {"step": "go on", "kept": early.context["kept"]})
    browser.post(renewed["Location"])
    given_back = browser.post(BASKET, {"step": "go on", "kept": early.context["kept"]})

    assert "It is not confirmed yet" in early.content.decode()
    assert (renewed.status_code, renewed["Location"].partition("?")[0]) == (307, "/login/renew/")
    assert given_back.context["fields"] == [("ship_to", "1 Mosaic Lane"), ("lines", "one"), ("lines", "two")]
    assert given_back.context["target"] == "/basket/"


def test_the_link_brings_a_form_back_too_in_the_same_browser(browser, erin):
    form = urlencode({"product": "tea", "quantity": "2"})
    browser.post(BASKET, form, content_type="application/x-www-form-urlencoded")

    renewal = browser.post(link())
    page = browser.get(browser.get(renewal["Location"])["Location"])

    assert page.context["target"] == "/basket/"
    assert page.context["fields"] == [("product", "tea"), ("quantity", "2")]


def test_a_form_too_long_for_a_cookie_is_kept_in_the_page_alone(browser, erin):
    form = urlencode({"ship_to": "".join(map(chr, range(0x4E00, 0x5200)))})
    asked = browser.post(BASKET, form, content_type="application/x-www-form-urlencoded")

    answer = browser.post(link())

    assert len(asked.context["kept"]) > 1500
    assert answer["Location"] == "/login/renew/?next=/basket/"
    assert max(len(cookie.value) for cookie in browser.cookies.values()) < 4096


def test_a_form_that_waits_is_given_to_nobody_else(browser, erin):
    browser.post(BASKET, urlencode({"ship_to": "x"}), content_type="application/x-www-form-urlencoded")
    browser.post("/logout/")
    browser.post("/register/", ERIN | {"email": "dora@example.com"})
    browser.post(link("dora@example.com"))

    page = browser.get(browser.get(browser.get(BASKET)["Location"])["Location"])

    assert User.objects.filter(email_verified_at=None).get() == erin
    assert page["Location"] == "/basket/"


def test_who_has_confirmed_it_goes_on_without_a_word(browser, erin):
    browser.post(link(), follow=True)

    assert browser.get(BASKET)["Location"] == "/basket/"


@pytest.mark.parametrize("next_", ["https://evil.example/", "//evil.example/", "/\\evil.example", "/" + "x" * 5000])
def test_it_leads_nowhere_else(browser, erin, next_):
    browser.get(VERIFY, {"next": next_})

    answer = browser.post(link())

    assert answer["Location"] in ("/login/renew/?next=/", "/login/renew/?next=/products/")


def test_nothing_that_a_stranger_chose_stands_in_the_mail(db):
    Client().post("/register/?next=/products/?q=BUY+AT+EVIL", ERIN | {"name": "Win at evil.example"})

    [message] = send_mails()
    assert "evil" not in (message.body + message.alternatives[0][0]).lower()


# Sending it again -------------------------------------------------------------------------------


def test_the_mail_is_sent_again_and_put_off_when_asked_for_too_often(browser, erin):
    send_mails()
    with time_machine.travel(timezone.now(), tick=False):
        answers = [browser.post(BASKET, {"step": "send", "kept": ""}) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1]["Retry-After"] == "1"
    assert "We have sent the mail." in answers[0].content.decode()
    assert len(send_mails()) == 3


def test_over_the_api_too(own, erin):
    with time_machine.travel(timezone.now(), tick=False):
        answers = [own.post("/api/accounts/me/email/resend/") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].json()["email_verified"] is False


def test_whose_address_is_confirmed_is_sent_nothing(browser, own, erin):
    browser.post(link())
    Mail.objects.all().delete()

    answer = own.post("/api/accounts/me/email/resend/")

    assert (answer.status_code, answer.json()["email_verified"]) == (200, True)
    assert not Mail.objects.exists()


def test_who_registered_before_addresses_were_confirmed_is_offered_the_link(browser, erin):
    Mail.objects.all().delete()

    page = browser.get(BASKET)
    sent = browser.post(BASKET, {"step": "send", "kept": ""})

    assert "Send me the link" in page.content.decode()
    assert "I have confirmed it, go on" in sent.content.decode()
    assert [message.to for message in send_mails()] == [[ERIN["email"]]]


# Over the API -----------------------------------------------------------------------------------


def test_an_app_confirms_by_the_last_part_of_the_link(own, erin):
    before = own.get("/api/accounts/me/").json()["email_verified"]

    answer = own.post("/api/accounts/me/email/verify/", {"token": token()})

    assert (before, answer.status_code, answer.json()["email_verified"]) == (False, 200, True)


@pytest.mark.parametrize("sent", ["", "x", "d7t4ir-4f1b2c7e0a9d8e6f5c3b2a1908172635", "-", "0-0", "\u0660-a", 5, None])
def test_what_is_no_token_is_told_by_field(own, erin, sent):
    answer = own.post("/api/accounts/me/email/verify/", {"token": sent})

    assert (answer.status_code, answer.json()["errors"].keys()) == (400, {"token"})
    assert not User.objects.get().email_verified_at


def test_somebody_elses_token_confirms_nothing(own, erin, log_in, alice, bearer):
    User.objects.filter(pk=alice.pk).update(email_verified_at=None)

    answer = bearer(log_in()["access"]).post("/api/accounts/me/email/verify/", {"token": token(ERIN["email"])})

    assert answer.status_code == 400
    assert not User.objects.exclude(email_verified_at=None).exists()


# Another address --------------------------------------------------------------------------------


@pytest.fixture
def verified(browser, erin):
    """Erin, whose first address is confirmed."""
    browser.post(link(), follow=True)
    erin.refresh_from_db()
    return erin


def test_until_the_new_address_is_confirmed_the_old_one_stays_in_force(browser, verified, own, api):
    answer = change(own)

    body = answer.json()
    assert (answer.status_code, body["email"], body["pending_email"]) == (200, ERIN["email"], NEW)
    assert api.post("/api/token/", {"email": NEW, "password": PASSWORD}).status_code == 401
    assert sorted(message.to for message in send_mails()) == [[ERIN["email"]], [NEW]]


def test_a_confirmed_address_is_the_one_to_log_in_with_and_both_are_told(browser, verified, own, api):
    change(own)
    browser.post(link(), follow=True)

    assert api.post("/api/token/", {"email": NEW, "password": PASSWORD}).status_code == 200
    assert api.post("/api/token/", {"email": ERIN["email"], "password": PASSWORD}).status_code == 401
    assert [(m.subject, m.to) for m in send_mails()] == [
        ("Your e-mail address has changed", [ERIN["email"]]),
        ("Your e-mail address has changed", [NEW]),
    ]
    assert User.objects.get().pending_email == ""


def test_the_other_sessions_end_and_the_one_that_confirms_goes_on(browser, verified, own):
    change(own)
    browser.post(link(), follow=True)

    assert browser.get("/account/").status_code == 200
    assert set(Session.objects.exclude(ended_at=None).values_list("client_id", "end_reason")) == {
        ("api", "e-mail change")
    }


def test_a_change_is_confirmed_only_where_the_person_is_logged_in(verified, own, api):
    """Whoever a mistyped address belongs to could take the account over otherwise."""
    change(own)
    address = link()
    stranger, dora = Client(), Client()
    dora.post("/register/", ERIN | {"email": "dora@example.com"})

    answers = [stranger.post(address), dora.post(address)]

    assert [answer["Location"].partition("?")[0] for answer in answers] == ["/login/", "/login/"]
    assert User.objects.get(pk=verified.pk).email == ERIN["email"]


def test_the_use_case_itself_refuses_a_stranger(verified, own, alice):
    change(own)

    with pytest.raises(email_addresses.OfAnother):
        email_addresses.confirm(User.objects.get(pk=verified.pk), token(NEW), by=Named(alice.sub))


def test_of_two_who_have_read_the_same_state_one_confirms(browser, erin):
    sent, stale = token(), User.objects.get()
    email_addresses.confirm(erin, sent, by=Named(erin.sub))

    with pytest.raises(email_addresses.LinkRefused):
        email_addresses.confirm(stale, sent, by=Named(erin.sub))


def test_a_confirmed_change_ends_where_it_began(browser, verified, own):
    change(own)

    assert browser.post(link())["Location"] == "/login/renew/?next=/account/"


def test_a_change_that_was_taken_back_is_mailed_to_nobody(verified, own):
    send_mails()
    change(own)
    own.delete("/api/accounts/me/email/")

    assert [message.to for message in send_mails()] == [[ERIN["email"]]]


def test_a_change_is_taken_back(verified, own):
    change(own)
    spoilt = token()

    answer = own.delete("/api/accounts/me/email/")

    assert (answer.status_code, own.get("/api/accounts/me/").json()["pending_email"]) == (204, None)
    assert own.post("/api/accounts/me/email/verify/", {"token": spoilt}).status_code == 400


def test_of_two_changes_the_later_counts(verified, own):
    change(own, "first@example.com")
    first = token()
    change(own, NEW)

    assert own.post("/api/accounts/me/email/verify/", {"token": first}).status_code == 400
    assert own.post("/api/accounts/me/email/verify/", {"token": token()}).json()["email"] == NEW


def test_a_new_password_ends_a_change_that_somebody_else_asked_for(verified, own):
    change(own)
    spoilt = token()

    credentials.reset_password(User.objects.get(), "a staple and a horse")

    assert User.objects.get().pending_email == ""
    with pytest.raises(email_addresses.LinkRefused):
        email_addresses.confirm(User.objects.get(), spoilt, by=SYSTEM)


def test_who_confirms_an_address_that_was_taken_meanwhile_is_told(verified, own, api):
    change(own)
    api.post("/api/accounts/register/", ERIN | {"email": NEW})
    found = [message for message in send_mails() if "/account/" in message.body and "new" in message.subject]
    sent = re.search(r"/account/\S+", found[0].body)[0].split("/")[-2]

    answer = own.post("/api/accounts/me/email/verify/", {"token": sent})

    assert (answer.status_code, answer.json()["code"]) == (409, "email-taken")
    assert User.objects.get(pk=verified.pk).email == ERIN["email"]


def test_links_to_strangers_are_few(verified, own):
    with time_machine.travel(timezone.now(), tick=False):
        answers = [change(own, f"stranger{number}@example.com").status_code for number in range(6)]

    assert answers == [200, 200, 200, 429, 429, 429]


# What is told -----------------------------------------------------------------------------------


def test_who_has_a_new_password_is_told(browser, verified, own):
    send_mails()

    own.post("/api/accounts/me/password/", {"current_password": PASSWORD, "new_password": "a staple and a horse"})

    assert [(m.subject, m.to) for m in send_mails()] == [("Your password has changed", [ERIN["email"]])]


def test_whose_account_is_deleted_is_told(browser, verified, own):
    send_mails()

    own.delete("/api/accounts/me/", {"current_password": PASSWORD})

    assert [(m.subject, m.to) for m in send_mails()] == [("Your account is deleted", [ERIN["email"]])]
