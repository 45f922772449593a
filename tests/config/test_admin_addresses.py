"""Whatever stands in an address of the admin: a list shows what it offers, nothing breaks, no secret leaks."""

from datetime import timedelta
from importlib import import_module
from uuid import UUID

import pytest
from django.contrib import admin as django_admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.issuing import keys
from accounts.models import Client, Event, Session, SigningKey, TokenStatus, User
from accounts.oauth import clients
from wire.admin import lists
from wire.admin.lists import MAX_ROWS, MAX_WORDS
from wire.events import SYSTEM

pytestmark = [pytest.mark.django_db, pytest.mark.database]

import_module("config.admin_addresses")
SECTIONS = sorted(model._meta.label_lower.replace(".", "/") for model in django_admin.site._registry)


@pytest.fixture
def browser(admin):
    return admin.browser


@pytest.fixture(autouse=True)
def rows(db):
    """A row of each kind, so that what may be shown could be."""
    user = User.objects.create_user("alice@example.com", None, name="Alice")
    expires_at = timezone.now() + timedelta(days=1)
    Session.objects.create(user=user, client_id="web", status=TokenStatus.objects.create(), expires_at=expires_at)
    bank = Client(client_id="bank", name="Bank", scopes=["orders:pay"], audience=["orders"])
    clients.register_client(bank, by=SYSTEM)
    keys.create_key(SigningKey.State.RETIRED, "key made", signs_from=timezone.now(), by=SYSTEM)


NOBODY = UUID(int=1)
REFUSED = [
    "password__startswith=pbkdf2",
    "private_key__gt=g",
    "secret_hash__gt=0",
    "user__password__regex=.",
    "sessions__user__password__startswith=a",
    "roles__users__password__startswith=a",
    "at__year=9999999",
    "created_at__month=99",
    "created_at__year=9999",
    "created_at__year=2026&created_at__month=13",
    "pk=1",
    "pk__in=1,2",
    "id__gt=0",
    "made__up=1",
    "__class__=1",
    f"{'a__' * 60}=1",
    "q=%00",
    f"q={'a+' * (MAX_WORDS + 1)}",
    f"q={'a' * 201}",
    "created_at__gte=2026-01-01&created_at__gte=2026-01-02",
    "o=1.2.x",
    "o=" + ".".join("1" * 21),
    "o=99999999999999999999",
    "_to_field=password",
    "_popup=1",
    "_popup=1&_to_field=id",
]
FORGIVEN = [
    "p=99999999999999999999",
    "p=-1",
    "p=x",
    f"p={'9' * 200}",
    "o=",
    "o=-1.2",
    "o=9",
    "all=",
    "e=1",
    "_facets=1",
]
TEXTS = ["'", '"', "%25_%5C", "%F0%9F%98%80", "%F0%9F", "--", "99999999999999999999", NOBODY]
IDS = ["9" * 23, "-1", "9" * 5_000, "_00", "a_00b", "_5F", "_", "%00", "x" * 300, "../..", "%F0%9F"]


def ask(browser, addresses):
    """The status that each address answers with."""
    return {address: browser.get(address).status_code for address in addresses}


@pytest.mark.parametrize("section", SECTIONS)
def test_what_a_list_does_not_offer_is_refused(browser, section):
    answers = ask(browser, [f"/admin/{section}/?{query}" for query in REFUSED])

    assert answers == dict.fromkeys(answers, 400)


@pytest.mark.parametrize("section", SECTIONS)
def test_a_page_or_an_order_that_is_not_there_shows_one_that_is(browser, section):
    answers = ask(browser, [f"/admin/{section}/?{query}" for query in FORGIVEN])

    assert answers == dict.fromkeys(answers, 200)


@pytest.mark.parametrize("section", SECTIONS)
def test_any_text_can_be_searched(browser, section):
    answers = ask(browser, [f"/admin/{section}/?q={text}" for text in TEXTS])

    assert answers == dict.fromkeys(answers, 200)


@pytest.mark.parametrize("section", SECTIONS)
def test_an_id_that_is_none_is_not_found(browser, section):
    pages = [f"{key}/{page}" for key in IDS for page in ("change", "history", "delete")]

    answers = ask(browser, [f"/admin/{section}/{page}/" for page in pages])

    assert {*answers.values()} <= {302, 403, 404}


@pytest.mark.parametrize(
    "query",
    [
        "accounts/user/?is_active__exact=nonsense",
        "accounts/user/?is_active__exact=99999999999999999999",
        "accounts/user/?roles__id__exact=x",
        "accounts/user/?created_at__gte=rubbish",
        "accounts/user/?created_at__isnull=rubbish",
        "accounts/session/?user__id__exact=1",
        "accounts/session/?user__id__exact=%27",
        "accounts/session/?ended_at__isempty=2",
        "accounts/session/?created_at__gte=2026-13-01",
        "accounts/session/?created_at__lt=99999999999999999999",
        "accounts/session/?user__isnull=True",
        "orders/order/?waiting=rubbish",
        "products/product/?available=rubbish",
        "products/movement/?product__id__exact=1",
    ],
)
def test_a_value_that_a_filter_cannot_have_is_refused(browser, query):
    assert browser.get(f"/admin/{query}").status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        f"accounts/session/?user__id__exact={NOBODY}",
        "accounts/session/?created_at__gte=2026-02-01&created_at__lt=2026-03-01",
        "accounts/session/?created_at__gte=2026-02-01&created_at__lt=",
        "accounts/user/?roles__id__exact=1&is_active__exact=1&q=alice&o=1",
        "accounts/signingkey/?state__exact=nothing",
        f"products/movement/?product__id__exact={NOBODY}",
        "products/product/?available=yes",
    ],
)
def test_what_a_list_offers_narrows_it(browser, query):
    assert browser.get(f"/admin/{query}").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "created_at__gte=9999-12-31+23:59:59-12:00",
        "created_at__gte=0001-01-01+00:00:00%2B12:00",
        "created_at__gte=1-1-1",
        "created_at__gte=2026-02-30",
        "roles__id__exact=99999999999999999999",
    ],
)
def test_what_a_database_may_not_know_breaks_nothing(browser, query):
    assert browser.get(f"/admin/accounts/user/?{query}").status_code in (200, 400)


def test_a_list_is_narrowed_to_one_thing_and_says_so(browser):
    alice, bob = User.objects.get(), User.objects.create_user("bob@example.com")

    of_alice = browser.get(f"/admin/accounts/session/?user__id__exact={alice.pk}").content.decode()
    of_bob = browser.get(f"/admin/accounts/session/?user__id__exact={bob.pk}").content.decode()

    assert "1 session" in of_alice
    assert "0 sessions" in of_bob
    assert "By user" in of_bob
    assert "bob@example.com" in of_bob


@pytest.mark.parametrize("path", ["autocomplete/?app_label=accounts&model_name=session&field_name=user", "r/1/1/"])
def test_what_no_section_uses_is_not_there(browser, path):
    assert browser.get(f"/admin/{path}").status_code == 404


@pytest.mark.parametrize("path", ["accounts/user/add/?email=x&roles=x", "accounts/role/add/?name=x"])
def test_an_address_fills_in_no_form(browser, path):
    page = browser.get(f"/admin/{path}")

    assert (page.status_code, b'value="x"' in page.content) == (200, False)


def test_a_long_list_is_counted_to_a_bound_and_says_so(browser, monkeypatch):
    monkeypatch.setattr(lists, "MAX_COUNTED", 100)
    Event.objects.bulk_create([Event(kind="user", subject="1", what="changed", sub="x") for _ in range(130)])

    with CaptureQueriesContext(connection) as queries:
        page = browser.get("/admin/accounts/event/?what=changed&p=9")

    assert "more than 100 events" in page.content.decode()
    assert len(page.context["cl"].result_list) == 50
    assert page.context["cl"].page_num == 2
    assert all("LIMIT" in query["sql"] for query in queries if "COUNT" in query["sql"])


def test_any_day_of_a_list_can_be_asked_for(browser):
    old, new = Event.objects.bulk_create([Event(kind="user", subject=n, what="dated", sub="x") for n in "12"])
    Event.objects.filter(pk=old.pk).update(at="2020-02-29T23:59:59Z")

    listed = {}
    for days in ("at__gte=2020-02-29&at__lt=2020-03-01", "at__gte=2020-03-01&at__lt=", "at__gte=&at__lt=2020-02-29"):
        page = browser.get(f"/admin/accounts/event/?what=dated&{days}")
        listed[days] = [event.pk for event in page.context["cl"].result_list]

    assert [*listed.values()] == [[old.pk], [new.pk], []]
    assert '<input type="date" name="at__lt" value="2020-02-29">' in page.content.decode()
    assert '<input type="hidden" name="what" value="dated">' in page.content.decode()


@pytest.mark.parametrize(
    ("section", "typed", "count"),
    [
        ("user", "alice@", 1),
        ("user", "ALICE", 1),
        ("user", "Ali", 1),
        ("user", "lice", 0),
        ("session", "alice", 1),
        ("session", "example.com", 0),
    ],
)
def test_a_search_finds_what_begins_so(browser, section, typed, count):
    User.objects.filter(email="alice@example.com").update(email="alice@example.com", name="Alina Example")

    listed = browser.get(f"/admin/accounts/{section}/", {"q": typed}).context["cl"].result_list

    assert len(listed) == count


# Actions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["rubbish", "9" * 30, "\0", "' OR 1=1", "x" * 300])
@pytest.mark.parametrize("section", ["accounts/user", "accounts/role", "accounts/session", "products/product"])
def test_an_action_on_what_is_no_row_is_refused(browser, section, key):
    action = {"accounts/user": "disable", "accounts/session": "end_selected", "products/product": "retire"}
    chosen = {"action": action.get(section, "delete_selected"), "_selected_action": [key]}

    assert browser.post(f"/admin/{section}/", chosen).status_code == 400
    assert User.objects.get().is_active


@pytest.mark.parametrize("query", ["q=%00", "password__startswith=a", "is_active__exact=nonsense"])
def test_an_action_on_a_list_that_is_none_takes_no_row(browser, query):
    chosen = {"action": "disable", "select_across": "1", "_selected_action": [str(User.objects.get().pk)]}

    assert browser.post(f"/admin/accounts/user/?{query}", chosen).status_code == 400
    assert User.objects.get().is_active


@pytest.mark.parametrize("how", ["ticked", "across"])
def test_an_action_takes_so_many_rows_and_no_more(browser, how):
    ids = [User.objects.create(email=f"user{number}@example.com").pk for number in range(MAX_ROWS)]
    chosen = {"action": "disable", "_selected_action": [User.objects.first().pk, *ids]}
    if how == "across":
        chosen |= {"select_across": "1", "_selected_action": ids[:1]}

    page = browser.post("/admin/accounts/user/", chosen, follow=True)

    assert f"at most {MAX_ROWS} rows" in page.content.decode()
    assert not User.objects.filter(is_active=False).exists()


def test_every_row_that_is_shown_can_be_ticked(browser, settings):
    user = User.objects.get()
    Session.objects.all().delete()
    for _ in range(MAX_ROWS):
        status, expires_at = TokenStatus.objects.create(), timezone.now() + timedelta(days=1)
        Session.objects.create(user=user, client_id="web", status=status, expires_at=expires_at)
    shown = browser.get("/admin/accounts/session/?all=").context["cl"].result_list

    sent = {"csrfmiddlewaretoken": "x", "action": "end_selected", "select_across": "0", "index": "0"}
    page = browser.post("/admin/accounts/session/?all=", sent | {"_selected_action": [row.pk for row in shown]})

    assert len(shown) == MAX_ROWS
    assert page.status_code == 302


def test_a_filter_offers_so_many_choices(browser):
    Event.objects.bulk_create([Event(kind="user", subject="1", what=f"thing {n}", sub="x") for n in range(300)])

    page = browser.get("/admin/accounts/event/").content.decode()

    assert 90 < page.count("?what=") <= 100
