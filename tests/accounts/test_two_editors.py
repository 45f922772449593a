"""Of two people who edit one thing, the second sees what the first did, and how to go on."""

import re

import pytest

from accounts.models import Client, Role, User
from accounts.oauth import clients
from tests.accounts.admin import ADMIN, fill, user_form
from wire.events import SYSTEM

pytestmark = pytest.mark.django_db


def told(page):
    """What a refused form says, without markup."""
    return [re.sub("<[^>]+>", "", text) for text in page.context["adminform"].form.non_field_errors()]


def test_the_second_editor_of_a_user_is_told_and_loses_nothing(admin, alice):
    page = admin.get(user_form(alice))
    User.objects.filter(pk=alice.pk).update(name="Alice Liddell", email="al@example.com")

    refused = admin.post(user_form(alice), fill(page, email="ally@example.com", is_active=None))

    assert told(refused) == [
        "Somebody else changed this while you had it open. Nothing is stored yet.",
        "Email is now “al@example.com”. You entered “ally@example.com”.",
        "Name is now “Alice Liddell”.",
        "Save again to store what stands below, or open the page again to drop what you entered.",
    ]
    form = refused.context["adminform"].form
    assert (form["email"].value(), form["name"].value(), form["is_active"].value()) == (
        "ally@example.com",
        "Alice Liddell",
        False,
    )
    assert User.objects.values_list("email", flat=True).get(pk=alice.pk) == "al@example.com"

    again = admin.post(user_form(alice), {**form.data.dict(), "roles": form.data.getlist("roles")})

    assert again.status_code == 302
    alice.refresh_from_db()
    assert (alice.email, alice.name, alice.is_active) == ("ally@example.com", "Alice Liddell", False)
    assert [role.name for role in alice.roles.all()] == ["customer"]


def test_a_role_given_meanwhile_is_not_taken_back(admin, alice):
    page = admin.get(user_form(alice))
    alice.roles.add(Role.objects.get(name="order manager"))

    refused = admin.post(user_form(alice), fill(page, name="Alice Liddell"))
    form = refused.context["adminform"].form
    again = admin.post(user_form(alice), {**form.data.dict(), "roles": form.data.getlist("roles")})

    assert "Roles is now “customer, order manager”." in told(refused)
    assert again.status_code == 302
    assert sorted(role.name for role in alice.roles.all()) == ["customer", "order manager"]


def test_who_enters_the_same_is_told_so_too(admin, alice):
    page = admin.get(user_form(alice))
    User.objects.filter(pk=alice.pk).update(name="Alice Liddell")

    refused = admin.post(user_form(alice), fill(page, name="Alice Liddell"))

    assert told(refused)[1] == "Name is now “Alice Liddell”, as you entered."


@pytest.mark.parametrize("opened", [None, "", "rubbish", "[]", "{}", '{"name": 1}', "[" * 9000])
def test_a_form_that_does_not_say_what_it_saw_is_shown_again(admin, alice, opened):
    page = admin.get(user_form(alice))

    refused = admin.post(user_form(alice), fill(page, name="X", opened=opened))

    assert refused.status_code == 200
    assert told(refused)[0].startswith("Somebody else")
    assert not User.objects.filter(name="X").exists()


def test_two_editors_of_a_role(admin):
    role = Role.objects.create(name="taster", scopes=["products:read"])
    address = f"{ADMIN}role/{role.pk}/change/"
    page = admin.get(address)
    Role.objects.filter(pk=role.pk).update(scopes=["products:read", "orders:read"])

    refused = admin.post(address, fill(page, name="reader"))
    data = refused.context["adminform"].form.data
    again = admin.post(address, {**data.dict(), "scopes": data.getlist("scopes")})

    assert "Scopes is now “orders:read, products:read”." in told(refused)
    assert again.status_code == 302
    role.refresh_from_db()
    assert (role.name, sorted(role.scopes)) == ("reader", ["orders:read", "products:read"])


def test_two_editors_of_a_client(admin):
    client = Client(client_id="bank", name="Bank", scopes=["orders:pay"], audience=["orders"])
    clients.register_client(client, by=SYSTEM)
    page = admin.get(f"{ADMIN}client/bank/change/")
    Client.objects.update(is_active=False)

    refused = admin.post(f"{ADMIN}client/bank/change/", fill(page, name="The Bank"))

    assert "Is active is now off." in told(refused)
    assert not Client.objects.get().is_active
