"""Nobody gives what they do not hold, nor touches who holds more; somebody who may manage accounts is always left."""

import pytest

from accounts.login import sessions
from accounts.models import Client, Event, Mail, Role, Session, User
from accounts.oauth import clients
from accounts.people import access, deletion
from accounts.people.access import LastManager, NotHeld, OwnAddress
from tests.accounts.admin import ADMIN, act, fill, save, user_form
from tests.accounts.conftest import PASSWORD
from tokens.registry import ROLES
from wire.events import SYSTEM, Named

pytestmark = pytest.mark.django_db

HELPDESK = ["account", "accounts:manage", "orders:read", "orders:write", "products:read"]


@pytest.fixture
def helen(staff):
    """The browser of somebody who manages accounts and may not do what other staff may."""
    Role.objects.create(name="helpdesk", scopes=HELPDESK)
    return staff("helen@example.com", "helpdesk")


@pytest.fixture
def carol(alice):
    """A catalogue manager, who holds what Helen does not."""
    alice.roles.add(Role.objects.get(name="catalogue manager"))
    return alice


@pytest.fixture
def bank():
    client = Client(client_id="bank", name="Bank", scopes=["orders:pay"], audience=["orders"])
    clients.register_client(client, by=SYSTEM)
    return client


def person(email):
    """An actor, as the token of that user names them."""
    return Named(User.objects.get(email=email).sub, "web")


def picked(*users):
    return User.objects.filter(pk__in=[user.pk for user in users])


# Users ------------------------------------------------------------------------------------------


def test_who_holds_less_is_looked_after(helen, alice):
    save(helen, user_form(alice), name="Alice Liddell")
    act(helen, "user", "send_password_links", alice)

    alice.refresh_from_db()
    assert (alice.name, Mail.objects.get(to=alice.email).kind) == ("Alice Liddell", "invitation")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "X"},
        {"email": "x@example.com"},
        {"is_active": ""},
        {"roles": []},
    ],
)
def test_who_holds_more_is_only_shown(helen, carol, changes):
    before = User.objects.filter(pk=carol.pk).values("name", "email", "password", "is_active").get()
    form = {"email": carol.email, "name": carol.name, "is_active": "on", "roles": [r.pk for r in carol.roles.all()]}

    page = helen.get(user_form(carol))
    answer = helen.post(user_form(carol), form | changes)

    assert b'name="email"' not in page.content
    assert answer.status_code == 403
    assert User.objects.filter(pk=carol.pk).values(*before).get() == before
    assert carol.roles.count() == 2


@pytest.mark.parametrize("action", ["disable", "end_sessions", "send_password_links", "delete_selected"])
def test_an_action_on_who_holds_more_does_nothing_to_anybody(helen, carol, bob, log_in, action):
    log_in(), log_in("bob@example.com")

    chosen = {"action": action, "_selected_action": [bob.pk, carol.pk], "post": "yes"}
    page = helen.post(f"{ADMIN}user/", chosen, follow=True)

    assert "rights that you do not have yourself: products:write" in page.content.decode()
    assert picked(bob, carol).filter(is_active=True).count() == 2
    assert Session.objects.alive().filter(user__in=[bob, carol]).count() == 2


def test_a_session_of_who_holds_more_is_not_ended(helen, carol, log_in):
    log_in()

    page = act(helen, "session", "end_selected", *Session.objects.filter(user=carol))

    assert "rights that you do not have yourself" in page.content.decode()
    assert Session.objects.alive().filter(user=carol).exists()


def test_who_holds_more_is_not_deleted(helen, carol):
    answer = helen.post(f"{ADMIN}user/{carol.pk}/delete/", {"post": "yes"})

    assert answer.status_code == 403
    assert User.objects.filter(pk=carol.pk).exists()


@pytest.mark.parametrize("who", ["alice", "helen"])
def test_a_role_beyond_ones_own_is_neither_offered_nor_given(helen, alice, who):
    user, admin_role = User.objects.get(email=f"{who}@example.com"), Role.objects.get(name="admin")
    page = helen.get(user_form(user))

    answer = helen.post(user_form(user), fill(page, roles=[admin_role.pk]))

    assert {*page.context["adminform"].form.fields["roles"].queryset.values_list("name", flat=True)} == {
        "customer",
        "helpdesk",
    }
    assert answer.context["adminform"].errors.keys() == {"roles"}
    assert "admin" not in user.roles.values_list("name", flat=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda by, carol: access.change_user(carol, ["name"], by=by),
        lambda by, carol: access.change_user(picked(carol).get(), [], roles=[], by=by),
        lambda by, carol: access.disable(picked(carol), by=by),
        lambda by, carol: access.end_sessions(Session.objects.filter(user=carol), by=by),
        lambda by, carol: deletion.delete_user(carol, by=by),
        lambda by, carol: access.send_password_links(picked(carol), by=by),
        lambda by, carol: access.create_user(User(email="x@example.com"), [Role.objects.get(name="admin")], by=by),
        lambda by, carol: access.store_role(Role(name="thief", scopes=["orders:manage"]), by=by),
        lambda by, carol: access.delete_role(Role.objects.create(name="t", scopes=["orders:manage"]), by=by),
        lambda by, carol: clients.register_client(Client(client_id="x1", scopes=["stock:reserve"]), by=by),
    ],
)
def test_the_use_case_itself_refuses(helen, carol, log_in, change):
    log_in()

    with pytest.raises(NotHeld):
        change(person("helen@example.com"), carol)


def test_ones_own_address_takes_the_account_page(admin):
    own = User.objects.get(email="admin@example.com")

    page = admin.get(user_form(own))
    save(admin, user_form(own), email="thief@example.com", name="The admin")

    own.refresh_from_db()
    assert b'name="email"' not in page.content
    assert (own.email, own.name) == ("admin@example.com", "The admin")
    with pytest.raises(OwnAddress):
        access.change_user(own, ["email"], by=person("admin@example.com"))


def test_who_has_lost_the_right_meanwhile_changes_nobody(helen, alice):
    page = helen.get(user_form(alice))
    User.objects.get(email="helen@example.com").roles.clear()

    answer = helen.post(user_form(alice), fill(page, name="X"))

    assert answer.status_code in (200, 403)
    assert not User.objects.filter(name="X").exists()


# Roles ------------------------------------------------------------------------------------------


def test_a_role_is_made_of_ones_own_scopes(helen):
    page = helen.get(f"{ADMIN}role/add/")

    answer = helen.post(f"{ADMIN}role/add/", fill(page, name="thief", scopes=["orders:manage"]))

    assert answer.context["adminform"].errors.keys() == {"scopes"}
    assert not Role.objects.filter(name="thief").exists()


def test_a_role_that_carries_more_is_only_shown(helen):
    role = Role.objects.create(name="buyer", scopes=["products:write"])

    assert helen.get(f"{ADMIN}role/{role.pk}/change/").status_code == 200
    assert helen.post(f"{ADMIN}role/{role.pk}/change/", {"name": "x", "scopes": []}).status_code == 403
    assert helen.post(f"{ADMIN}role/{role.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Role.objects.get(pk=role.pk).name == "buyer"


def test_of_roles_one_of_which_carries_more_none_is_deleted(helen):
    weak = Role.objects.create(name="reader", scopes=["products:read"])
    strong = Role.objects.create(name="writer", scopes=["products:write"])

    chosen = {"action": "delete_selected", "_selected_action": [weak.pk, strong.pk], "post": "yes"}
    page = helen.post(f"{ADMIN}role/", chosen, follow=True).content.decode()

    assert "rights that you do not have yourself" in page
    assert "Successfully" not in page
    assert Role.objects.filter(pk__in=[weak.pk, strong.pk]).count() == 2
    assert not Event.objects.filter(what="role deleted").exists()


@pytest.mark.parametrize(("also_elsewhere", "refused"), [(False, True), (True, False)])
def test_who_holds_more_does_not_lose_a_scope_by_their_role(helen, carol, also_elsewhere, refused):
    shared = Role.objects.create(name="shared", scopes=["orders:read", "accounts:manage"])
    carol.roles.set([shared, Role.objects.get(name="catalogue manager")])
    if also_elsewhere:
        carol.roles.add(Role.objects.get(name="admin"))
    page = helen.get(f"{ADMIN}role/{shared.pk}/change/")

    answer = helen.post(f"{ADMIN}role/{shared.pk}/change/", fill(page, scopes=["orders:read"]))

    assert (answer.status_code == 200) == refused
    assert ("accounts:manage" in Role.objects.get(pk=shared.pk).scopes) == refused


@pytest.mark.parametrize("name", ROLES)
def test_a_built_in_role_keeps_its_name_and_stays(admin, name):
    role = Role.objects.get(name=name)
    address = f"{ADMIN}role/{role.pk}"

    admin.post(f"{address}/change/", fill(admin.get(f"{address}/change/"), name="renamed"))
    deleted = admin.post(f"{address}/delete/", {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [role.pk], "post": "yes"}
    page = admin.post(f"{ADMIN}role/", chosen, follow=True)

    assert deleted.status_code == 403
    assert "is built in" in page.content.decode()
    assert Role.objects.get(pk=role.pk).name == name


@pytest.mark.parametrize("changes", [{"name": "x"}, {"scopes": ["account"]}])
def test_the_role_admin_keeps_its_name_and_its_right(changes):
    role = Role.objects.get(name="admin")
    for name, value in changes.items():
        setattr(role, name, value)

    with pytest.raises(access.BuiltInRole):
        access.store_role(role, by=SYSTEM)


def test_no_other_role_takes_the_name_of_a_built_in_one(admin):
    Role.objects.filter(name="order manager").delete()
    role = Role.objects.create(name="clerk", scopes=["orders:read"])

    page = admin.get(f"{ADMIN}role/{role.pk}/change/")
    answer = admin.post(f"{ADMIN}role/{role.pk}/change/", fill(page, name="order manager"))

    assert "is built in" in answer.content.decode()


# Clients ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scopes", "audience", "registered"),
    [
        (["orders:read"], ["orders"], True),
        (["orders:pay"], ["orders"], False),
        (["stock:reserve"], ["products"], False),
    ],
)
def test_a_client_is_given_no_more_than_one_holds(helen, scopes, audience, registered):
    form = {"client_id": "bank", "name": "Bank", "scopes": scopes, "audience": audience, "is_active": "on"}

    helen.post(f"{ADMIN}client/add/", form)

    assert Client.objects.exists() == registered


def test_an_audience_takes_a_right_at_that_service(helen):
    Role.objects.filter(name="helpdesk").update(scopes=["accounts:manage", "orders:read"])
    Role.objects.filter(name="customer").update(scopes=["account"])
    form = {"client_id": "bank", "name": "Bank", "scopes": ["orders:read"], "audience": ["orders", "products"]}

    page = helen.post(f"{ADMIN}client/add/", form)

    assert "anything of products" in page.content.decode()
    assert not Client.objects.exists()


def test_a_client_that_may_do_more_is_left_alone(helen, bank):
    before = Client.objects.values().get()

    page = act(helen, "client", "renew_secrets", bank)
    answer = helen.post(f"{ADMIN}client/bank/change/", {"name": "X", "scopes": ["orders:read"], "audience": ["orders"]})

    assert "rights that you do not have yourself: orders:pay" in page.content.decode()
    assert answer.status_code == 403
    assert Client.objects.values().get() == before


# The last who may manage accounts ----------------------------------------------------------------


@pytest.mark.parametrize("changes", [{"is_active": None}, {"roles": []}])
def test_the_last_manager_is_neither_disabled_nor_demoted(admin, changes):
    last = User.objects.get(email="admin@example.com")
    page = admin.get(user_form(last))

    answer = admin.post(user_form(last), fill(page, **changes))

    assert "Nobody would be left who may manage accounts" in answer.content.decode()
    assert User.objects.get(pk=last.pk).is_active
    assert last.roles.count() == 2


@pytest.mark.parametrize("how", ["disable", "delete_selected", "page"])
def test_the_last_manager_is_not_taken_away(admin, alice, how):
    last = User.objects.get(email="admin@example.com")
    if how == "page":
        page = admin.post(f"{ADMIN}user/{last.pk}/delete/", {"post": "yes"}, follow=True)
    else:
        chosen = {"action": how, "_selected_action": [alice.pk, last.pk], "post": "yes"}
        page = admin.post(f"{ADMIN}user/", chosen, follow=True)

    assert "Nobody would be left who may manage accounts" in page.content.decode()
    assert picked(alice, last).filter(is_active=True).count() == 2


def test_the_last_manager_does_not_leave(admin, api, bearer, log_in):
    access_token = log_in("admin@example.com")["access"]

    answer = bearer(access_token).delete("/api/accounts/me/", {"current_password": PASSWORD}, format="json")
    page = admin.post("/account/delete/", {"current_password": PASSWORD})

    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/last-manager/")
    assert page.status_code == 400
    assert "Nobody would be left who may manage accounts" in page.content.decode()
    assert User.objects.filter(email="admin@example.com").exists()


def test_a_role_does_not_lose_the_last_right_to_manage_accounts(helen):
    role = Role.objects.get(name="helpdesk")
    page = helen.get(f"{ADMIN}role/{role.pk}/change/")

    answer = helen.post(f"{ADMIN}role/{role.pk}/change/", fill(page, scopes=["account"]))
    deleted = helen.post(f"{ADMIN}role/{role.pk}/delete/", {"post": "yes"}, follow=True)

    for page in (answer, deleted):
        assert "Nobody would be left who may manage accounts" in page.content.decode()
    assert Role.objects.get(name="helpdesk").scopes == HELPDESK


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!"}])
def test_who_cannot_log_in_counts_for_nothing(admin, alice, change):
    alice.roles.add(Role.objects.get(name="admin"))
    User.objects.filter(pk=alice.pk).update(**change)

    with pytest.raises(LastManager):
        access.disable(User.objects.filter(email="admin@example.com"), by=SYSTEM)


def test_one_of_two_managers_may_go(admin, alice, log_in, bearer):
    alice.roles.add(Role.objects.get(name="admin"))
    access_token = log_in()["access"]

    answer = bearer(access_token).delete("/api/accounts/me/", {"current_password": PASSWORD}, format="json")

    assert answer.status_code == 204


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["demote", "disable", "delete", "role"])
def test_of_two_managers_who_take_each_other_away_at_once_one_is_left(alice, bob, at_once, how):
    people = [alice, bob]
    for number, user in enumerate(people):
        user.roles.set([Role.objects.create(name=f"manager {number}", scopes=["accounts:manage"])])

    def act(number):
        by, other = Named(people[number].sub), people[1 - number]
        try:
            if how == "demote":
                access.change_user(other, [], roles=[], by=by)
            elif how == "disable":
                access.disable(picked(other), by=by)
            elif how == "delete":
                deletion.delete_user(other, by=by)
            else:
                role = Role.objects.get(name=f"manager {1 - number}")
                role.scopes = []
                access.store_role(role, by=by)
        except (NotHeld, LastManager) as error:
            return type(error)
        return None

    outcomes = at_once(2, act)

    assert sorted(map(bool, outcomes)) == [False, True]
    assert access.has_manager()


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_of_many_managers_who_leave_at_once_one_stays(alice, at_once):
    people = [alice, *(User.objects.create_user(f"user{number}@example.com", PASSWORD) for number in range(5))]
    for user in people:
        user.roles.set([Role.objects.get(name="admin")])

    def leave(number):
        try:
            deletion.delete_user(people[number], by=Named(people[number].sub))
        except LastManager:
            return False
        return True

    assert sorted(at_once(6, leave)) == [False, True, True, True, True, True]
    assert access.has_manager()


def test_a_session_may_end_when_nobody_manages_accounts_at_all(alice, log_in):
    log_in()

    assert access.disable(picked(alice), by=SYSTEM) == 1
    assert sessions.end(Session.objects.all(), reason="staff", by=SYSTEM) == 0
