"""Staff look after users, roles, sessions and clients in the admin."""

import re
from datetime import timedelta

import pytest
from django.contrib import admin as django_admin
from django.contrib.admin.utils import quote
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.issuing import keys
from accounts.models import Client, Event, Mail, Role, Session, SigningKey, TokenStatus, User
from accounts.oauth import clients
from tests.accounts.admin import ADMIN, act, fill, save, user_form
from tests.accounts.conftest import PASSWORD, forget
from tests.conftest import CUSTOMER
from tokens.cookies import access_name
from wire.events import SYSTEM, Named

pytestmark = pytest.mark.django_db

SECTIONS = ["user", "role", "session", "client", "signingkey", "mail", "event"]


def fill_tables(number):
    """Rows for every section, each user with roles and sessions."""
    now = timezone.now()
    for each in range(6):
        user = User.objects.create_user(f"user{number}-{each}@example.com", None, name=f"User {each}")
        user.roles.add(Role.objects.get(name="order manager"))
        role = Role.objects.create(name=f"role {number}-{each}", scopes=["products:read"])
        user.roles.add(role)
        Session.objects.create(
            user=user,
            client_id="web",
            device="Looking Glass",
            status=TokenStatus.objects.create(),
            expires_at=now + timedelta(days=1),
        )
        client = Client(client_id=f"client-{number}-{each}", name="C", scopes=["orders:pay"], audience=["orders"])
        clients.register_client(client, by=SYSTEM)
        keys.create_key(SigningKey.State.RETIRED, "key made", signs_from=now, by=SYSTEM)
        Mail.objects.write("password reset", user.email)


# Reading ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("section", SECTIONS)
def test_every_list_takes_as_many_statements_however_long(admin, section, django_assert_max_num_queries):
    counts = []
    for number in range(3):
        fill_tables(number)
        admin.get(f"{ADMIN}{section}/")
        with django_assert_max_num_queries(12) as queries:
            assert admin.get(f"{ADMIN}{section}/").status_code == 200
        counts.append(len(queries))

    # The first list has so few rows that one may not need a second page.
    assert counts[1] == counts[2]


def test_the_page_of_a_user_takes_as_many_statements_for_any_number_of_sessions(admin, alice, api, log_in):
    counts = []
    for _ in range(3):
        for _ in range(4):
            log_in()
        with CaptureQueriesContext(connection) as queries:
            assert admin.get(user_form(alice)).status_code == 200
        counts.append(len(queries))

    assert counts[1] == counts[2]
    assert counts[0] <= 12


def test_of_thousands_of_sessions_the_page_of_a_user_shows_some_and_a_link_to_all(admin, alice):
    add_sessions(alice, 5_000)

    page = admin.get(user_form(alice)).content
    address = f"{ADMIN}session/?user__id__exact={alice.pk}"

    assert address.encode() in page
    assert page.count(b'class="field-device_name"') == 50
    assert len(page) < 200_000
    assert "5000 sessions" in admin.get(address).content.decode().replace(",", "")


def add_sessions(user, count):
    expires_at = timezone.now() + timedelta(days=1)
    entries = TokenStatus.objects.bulk_create([TokenStatus() for _ in range(count)])
    Session.objects.bulk_create(
        [
            Session(user=user, client_id="web", device="Looking Glass", status=entry, expires_at=expires_at)
            for entry in entries
        ]
    )


@pytest.mark.parametrize("section", SECTIONS)
def test_every_row_has_a_page_and_a_history(admin, section):
    fill_tables(0)
    admin.get(ADMIN)
    for row in django_admin.site._registry:
        if row._meta.app_label == "accounts" and row._meta.model_name == section:
            pk = quote(row._default_manager.first().pk)

    assert admin.get(f"{ADMIN}{section}/{pk}/change/").status_code == 200
    assert admin.get(f"{ADMIN}{section}/{pk}/history/").status_code == 200


@pytest.mark.parametrize(
    ("section", "query"),
    [
        ("user", "q=alice"),
        ("user", "is_active__exact=0"),
        ("user", "roles__id__exact=1"),
        ("session", "q=192.0.2.1"),
        ("session", "q=alice&client_id=web"),
        ("session", "created_at__gte=2026-01-01&created_at__lt=2027-01-01"),
        ("client", "q=orders"),
        ("signingkey", "state__exact=signing"),
        ("event", "q=log-in&what=logged+in"),
        ("role", "q=admin"),
        ("mail", "q=alice&state__exact=failed&kind=password+reset"),
    ],
)
def test_every_search_and_filter_answers(admin, alice, section, query):
    assert admin.get(f"{ADMIN}{section}/?{query}", follow=True).status_code == 200


def test_a_user_is_found_by_their_id_and_leads_to_what_they_ordered_and_did(admin, alice):
    found = admin.get(f"{ADMIN}user/", {"q": f" {str(alice.pk).upper()} "}).context["cl"].result_list
    page = admin.get(f"{ADMIN}user/{alice.pk}/change/").content.decode()

    assert [user.email for user in found] == ["alice@example.com"]
    assert f'<a href="/admin/accounts/event/?q={alice.pk}">Events of accounts</a>' in page
    assert f'<a href="/admin/orders/order/?customer={alice.pk}">Orders</a>' in page


@pytest.mark.database
@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("straße", "Straße"),
        ("Jose\u0301", "José Ñandú"),
        ("José\u00a0 Ñ", "José Ñandú"),
        ("josé", "José"),
        ("\u200bluk", "Lukas"),
    ],
)
def test_somebody_is_found_by_the_beginning_of_their_name_however_it_is_typed(admin, alice, words, name):
    User.objects.filter(pk=alice.pk).update(name=name)

    assert list(admin.get(f"{ADMIN}user/", {"q": words}).context["cl"].result_list) == [alice]


@pytest.mark.parametrize("words", ["\u200b", "\ue000"])
def test_a_search_of_which_nothing_is_left_finds_nobody(admin, alice, words):
    assert not admin.get(f"{ADMIN}user/", {"q": words}).context["cl"].result_list


def test_who_did_it_is_called_as_they_are_called_now(admin, alice):
    Event.objects.record(alice, "renamed", by=Named(alice.sub, name="Alicia", email="old@example.com"))

    page = admin.get(f"{ADMIN}event/?q={alice.pk}").content.decode()

    assert f'<a href="/admin/accounts/user/{alice.pk}/change/">{alice.name} (alice@example.com)</a>' in page


def test_an_event_leads_to_a_key_whose_id_looks_like_an_encoded_one(admin):
    SigningKey.objects.update(kid="k_0Ak")
    Event.objects.record(SigningKey.objects.get(), "key made", by=SYSTEM)

    link = re.search(r'<a href="([^"]*signingkey/k_[^"]*)">', admin.get(f"{ADMIN}event/").content.decode())[1]

    assert admin.get(link).status_code == 200


def test_no_page_shows_a_private_key_a_secret_or_a_password(admin, alice):
    secret = clients.register_client(
        Client(client_id="orders", name="Orders", scopes=["stock:reserve"], audience=["products"]), by=SYSTEM
    )
    key = SigningKey.objects.get()
    pages = [
        admin.get(f"{ADMIN}signingkey/{quote(key.pk)}/change/"),
        admin.get(f"{ADMIN}client/orders/change/"),
        admin.get(user_form(alice)),
    ]

    shown = "".join(page.content.decode() for page in pages)
    alice.refresh_from_db()
    stored = bytes(key.private_key)
    for hidden in (repr(stored)[6:-1], stored.hex(), secret, clients.hash_secret(secret), alice.password):
        assert hidden not in shown


@pytest.mark.parametrize(
    "path", ["", "user/", "role/", "session/", "client/", "signingkey/", "mail/", "event/", "user/add/"]
)
@pytest.mark.parametrize(
    ("email", "role"), [("carol@example.com", "catalogue manager"), ("dave@example.com", "order manager")]
)
def test_who_looks_after_something_else_is_refused(staff, path, email, role):
    assert staff(email, role).get(f"{ADMIN}{path}").status_code == 403


def test_a_customer_is_refused(staff, alice, api):
    browser = Browser()
    browser.cookies[access_name()] = api.post(
        "/api/token/", {"email": "alice@example.com", "password": PASSWORD}
    ).json()["access"]

    assert browser.get("/admin/").status_code == 403
    assert browser.get(f"{ADMIN}user/").status_code == 403


def test_who_is_nobody_is_sent_to_log_in(client):
    answer = client.get(f"{ADMIN}user/")

    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/admin/accounts/user/")


@pytest.mark.parametrize("section", ["session", "signingkey", "event"])
def test_what_is_only_shown_cannot_be_changed(admin, section):
    fill_tables(0)

    assert admin.get(f"{ADMIN}{section}/add/").status_code == 403


# Users ------------------------------------------------------------------------------------------


def test_a_user_is_created_with_roles_and_invited(admin):
    role = Role.objects.get(name="customer")

    save(admin, f"{ADMIN}user/add/", email="Erin@Example.com", name="Erin", roles=[role.pk], is_active="on")

    erin = User.objects.get(email="erin@example.com")
    assert [role.name for role in erin.roles.all()] == ["customer"]
    trail = {event.what for event in Event.objects.about(erin)}
    assert trail == {"added", "roles changed", "password link sent"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "ALICE@example.com"}, "__all__"),
        ({"email": "nowhere"}, "email"),
    ],
)
def test_what_is_wrong_with_a_user_is_told_beside_its_field(admin, alice, changes, field):
    page = admin.get(f"{ADMIN}user/add/")

    answer = admin.post(f"{ADMIN}user/add/", fill(page, **changes))

    assert answer.status_code == 200
    assert set(answer.context["adminform"].errors) & {field, "email"}


def test_disabling_a_user_ends_every_session(admin, alice, log_in, api):
    refresh = log_in()["refresh"]

    save(admin, user_form(alice), is_active=None)

    session = Session.objects.get(user=alice)
    assert (session.end_reason, session.status.revoked_at is None) == ("disabled", False)
    assert api.post("/api/token/refresh/", {"refresh": refresh}).status_code == 401


def test_shutting_out_is_also_an_action(admin, alice, bob, log_in):
    log_in()

    answer = act(admin, "user", "disable", alice, bob)

    assert "2 users disabled" in answer.content.decode()
    assert {session.end_reason for session in Session.objects.filter(user=alice)} == {"disabled"}
    assert not User.objects.filter(pk__in=[alice.pk, bob.pk], is_active=True).exists()


def test_an_address_that_staff_changes_ends_every_session(admin, alice, log_in):
    log_in()

    save(admin, user_form(alice), email="alice@wonderland.example")

    assert Session.objects.get(user=alice).end_reason == "staff"


def test_another_name_ends_nothing(admin, alice, log_in):
    log_in()

    save(admin, user_form(alice), name="Alice Liddell")

    alice.refresh_from_db()
    assert alice.name == "Alice Liddell"
    assert alice.check_password(PASSWORD)
    session = Session.objects.get(user=alice)
    assert (session.ended_at, session.status.revoked_at) == (None, None)


def test_ending_all_sessions_of_a_user_is_an_action(admin, alice, log_in):
    log_in(), log_in()

    answer = act(admin, "user", "end_sessions", alice)

    assert "2 sessions ended" in answer.content.decode()
    assert not Session.objects.alive().filter(user=alice).exists()


def test_ending_single_sessions_is_an_action(admin, alice, log_in, bearer):
    first, second = log_in(), log_in()

    act(admin, "session", "end_selected", Session.objects.filter(user=alice).earliest("created_at"))
    forget()

    assert bearer(first["access"]).get("/api/accounts/me/").status_code == 401
    assert bearer(second["access"]).get("/api/accounts/me/").status_code == 200


@pytest.mark.parametrize("how", ["page", "action"])
def test_deleting_a_user_revokes_his_tokens(admin, alice, log_in, how):
    log_in()
    entry = Session.objects.get(user=alice).status_id
    if how == "page":
        answer = admin.post(f"{ADMIN}user/{alice.pk}/delete/", {"post": "yes"})
    else:
        chosen = {"action": "delete_selected", "_selected_action": [alice.pk], "post": "yes"}
        answer = admin.post(f"{ADMIN}user/", chosen)

    assert answer.status_code == 302
    assert not User.objects.filter(pk=alice.pk).exists()
    assert TokenStatus.objects.get(pk=entry).revoked_at is not None


# Roles ------------------------------------------------------------------------------------------


def test_a_role_taken_from_a_user_revokes_and_the_next_refresh_has_less(admin, staff, api, bearer):
    staff("carol@example.com", "catalogue manager")
    carol = User.objects.get(email="carol@example.com")
    grant = api.post("/api/token/", {"email": carol.email, "password": PASSWORD}).json()
    customer = Role.objects.get(name="customer")

    save(admin, user_form(carol), roles=[customer.pk])
    forget()

    assert bearer(grant["access"]).get("/api/accounts/me/").status_code == 401
    renewed = api.post("/api/token/refresh/", {"refresh": grant["refresh"]}).json()
    scopes = bearer(renewed["access"]).get("/api/accounts/me/").json()["scopes"]
    assert scopes == CUSTOMER.split()
    assert [event.facts for event in Event.objects.about(carol).filter(what="scopes reduced")] == [
        {"lost": ["products:write"]}
    ]


def test_a_role_given_revokes_nothing(admin, alice, log_in):
    log_in()
    given = Role.objects.filter(name__in=["customer", "order manager"])

    save(admin, user_form(alice), roles=[role.pk for role in given])

    assert Session.objects.get(user=alice).status.revoked_at is None
    event = Event.objects.about(alice).get(what="roles changed")
    assert event.facts == {"roles": ["customer", "order manager"]}


def test_a_role_taken_whose_scopes_another_carries_revokes_nothing(admin, alice, log_in):
    alice.roles.add(Role.objects.get(name="order manager"))
    log_in()

    save(admin, user_form(alice), roles=[Role.objects.get(name="order manager").pk])

    assert Session.objects.get(user=alice).status.revoked_at is None


def test_a_scope_taken_from_a_role_revokes_for_all_its_users(admin, alice, bob, log_in, bearer, api):
    customer = Role.objects.get(name="customer")
    grants = [log_in(), log_in("bob@example.com")]

    save(admin, f"{ADMIN}role/{customer.pk}/change/", scopes=["account", "orders:read", "products:read"])
    forget()

    assert [bearer(grant["access"]).get("/api/accounts/me/").status_code for grant in grants] == [401, 401]
    renewed = api.post("/api/token/refresh/", {"refresh": grants[0]["refresh"]}).json()
    assert bearer(renewed["access"]).get("/api/accounts/me/").json()["scopes"] == [
        "account",
        "orders:read",
        "products:read",
    ]
    assert Event.objects.about(customer).filter(what="role reduced").count() == 1


def test_a_scope_given_to_a_role_revokes_nothing(admin, alice, log_in):
    customer = Role.objects.get(name="customer")
    log_in()

    save(admin, f"{ADMIN}role/{customer.pk}/change/", scopes=[*customer.scopes, "products:write"])

    assert Session.objects.get(user=alice).status.revoked_at is None


@pytest.mark.parametrize("how", ["page", "action"])
def test_a_deleted_role_revokes_for_all_its_users(admin, alice, log_in, how):
    role = Role.objects.create(name="taster", scopes=["products:write"])
    alice.roles.add(role)
    log_in()
    if how == "page":
        admin.post(f"{ADMIN}role/{role.pk}/delete/", {"post": "yes"})
    else:
        chosen = {"action": "delete_selected", "_selected_action": [role.pk], "post": "yes"}
        admin.post(f"{ADMIN}role/", chosen)

    assert not Role.objects.filter(pk=role.pk).exists()
    assert Session.objects.get(user=alice).status.revoked_at is not None


def test_a_role_is_created_with_a_choice_of_scopes(admin):
    save(admin, f"{ADMIN}role/add/", name="taster", scopes=["products:read", "products:write"])

    assert Role.objects.get(name="taster").scopes == ["products:read", "products:write"]


@pytest.mark.parametrize("scope", ["stock:reserve", "orders:pay", "made:up"])
def test_no_role_carries_what_is_for_machines(admin, scope):
    page = admin.get(f"{ADMIN}role/add/")

    answer = admin.post(f"{ADMIN}role/add/", fill(page, name="thief", scopes=[scope]))

    assert answer.context["adminform"].errors.keys() == {"scopes"}


# Clients ----------------------------------------------------------------------------------------


def register(admin, **changes):
    form = {"client_id": "bank", "name": "Bank", "scopes": ["orders:pay"], "audience": ["orders"], "is_active": "on"}
    return admin.post(f"{ADMIN}client/add/", form | changes, follow=True)


def told_secret(page):
    found = re.search(r">bank</th><td><code[^>]*>([\w-]{43})<", page.content.decode())
    return found and found[1]


def test_many_new_secrets_are_all_on_one_page_that_nobody_stores(admin, client):
    rows = [Client(client_id=f"bank-{n}", name="Bank", scopes=["orders:pay"], audience=["orders"]) for n in range(50)]
    for row in rows:
        clients.register_client(row, by=SYSTEM)

    page = act(admin, "client", "renew_secrets", *rows)

    told = dict(re.findall(r">(bank-\d+)</th><td><code[^>]*>([\w-]{43})<", page.content.decode()))
    hashes = dict(Client.objects.values_list("client_id", "secret_hash"))
    assert {name: clients.hash_secret(secret) for name, secret in told.items()} == hashes
    assert len(hashes) == 50
    assert "no-store" in page["Cache-Control"]
    assert not page.cookies.get("messages")
    assert not any(secret in str(admin.cookies) for secret in told.values())


def log_in_bank(client, secret):
    form = {"grant_type": "client_credentials", "client_id": "bank", "client_secret": secret}
    body = "&".join(f"{name}={value}" for name, value in form.items())
    return client.post("/oauth/token", body, content_type="application/x-www-form-urlencoded")


def test_a_new_clients_secret_is_shown_once(admin, client):
    page = register(admin)

    secret = told_secret(page)
    assert log_in_bank(client, secret).status_code == 200
    assert secret not in admin.get(f"{ADMIN}client/").content.decode()
    assert secret not in admin.get(f"{ADMIN}client/bank/change/").content.decode()
    assert secret not in admin.get(f"{ADMIN}client/bank/history/").content.decode()


@pytest.mark.parametrize(
    "changes",
    [
        *({"client_id": "web"}, {"client_id": "A b"}, {"scopes": ["account"]}, {"audience": []}),
        *({"jwks": "["}, {"jwks": "[" * 9000}, {"jwks": "9" * 5000}),
    ],
)
def test_a_client_that_may_not_be_is_not_stored(admin, changes):
    assert register(admin, **changes).context["adminform"].errors.keys() == changes.keys()
    assert not Client.objects.exists()


def test_a_new_secret_voids_the_one_before(admin, client):
    before = told_secret(register(admin))
    token = log_in_bank(client, before).json()["access_token"]

    after = told_secret(act(admin, "client", "renew_secrets", Client.objects.get()))
    forget()

    assert log_in_bank(client, before).status_code == 401
    assert log_in_bank(client, after).status_code == 200
    assert client.post("/api/token/verify/", {"token": token}, content_type="application/json").status_code == 401


@pytest.mark.parametrize("changes", [{"is_active": None}, {"scopes": ["orders:read"]}, {"audience": ["products"]}])
def test_what_a_client_may_no_longer_do_its_tokens_say_no_more(admin, client, changes):
    entry = (register(admin), Client.objects.get().status_id)[1]

    save(admin, f"{ADMIN}client/bank/change/", **changes)

    assert TokenStatus.objects.get(pk=entry).revoked_at is not None
    assert Client.objects.get().status_id != entry


def test_another_name_of_a_client_revokes_nothing(admin, client):
    secret = told_secret(register(admin))
    entry = Client.objects.get().status_id

    save(admin, f"{ADMIN}client/bank/change/", name="The Bank")

    assert Client.objects.get().name == "The Bank"
    assert Client.objects.get().status_id == entry
    assert log_in_bank(client, secret).status_code == 200


def test_a_client_is_never_deleted(admin):
    register(admin)

    assert admin.post(f"{ADMIN}client/bank/delete/", {"post": "yes"}).status_code == 403
    assert Client.objects.exists()


# Mails ------------------------------------------------------------------------------------------


@pytest.fixture
def failed(db):
    """A mail that failed, and one that was sent."""
    for to in ("alice@example.com", "bob@example.com"):
        Mail.objects.write("password reset", to, reason="the facts of a mail")
    Mail.objects.filter(to="bob@example.com").update(state="sent")
    Mail.objects.filter(to="alice@example.com").update(state="failed", error="550 no such mailbox", attempts=3)
    return Mail.objects.get(to="alice@example.com")


def test_what_became_of_a_mail_is_seen_and_not_what_it_says(admin, failed):
    pages = [admin.get(f"{ADMIN}mail/"), admin.get(f"{ADMIN}mail/{failed.pk}/change/")]

    for page in [page.content.decode() for page in pages]:
        assert "alice@example.com" in page
        assert "550 no such mailbox" in page
        assert "the facts of a mail" not in page


def test_a_failed_mail_is_sent_again_and_no_other(admin, failed):
    pks = [str(mail.pk) for mail in Mail.objects.all()]

    page = admin.post(f"{ADMIN}mail/", {"action": "send_again", "_selected_action": pks}, follow=True)

    assert "1 of 2 mails will be sent again. Only what failed is." in page.content.decode()
    assert list(Mail.objects.order_by("to").values_list("state", "attempts", "error")) == [
        ("waiting", 0, ""),
        ("sent", 0, ""),
    ]
    assert list(Event.objects.about(failed).values_list("what", "facts")) == [("mail sent again", {})]


def test_no_mail_is_written_changed_or_deleted_by_staff(admin, failed):
    assert admin.get(f"{ADMIN}mail/add/").status_code == 403
    assert admin.post(f"{ADMIN}mail/{failed.pk}/change/", {"state": "sent"}).status_code == 403
    assert admin.post(f"{ADMIN}mail/{failed.pk}/delete/", {"post": "yes"}).status_code == 403
