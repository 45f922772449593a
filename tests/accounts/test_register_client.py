"""A machine is registered from the command line, with a secret that is shown or kept in a file."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from joserfc.jwk import ECKey

from accounts.models import Client, Event
from accounts.oauth import clients

pytestmark = pytest.mark.django_db

RIGHTS = ("--scope", "stock:reserve", "--audience", "products")


def register(*arguments):
    out = StringIO()
    call_command("register_client", "orders", *arguments, stdout=out)
    return out.getvalue().strip()


def test_a_client_is_registered_and_its_secret_shown():
    secret = register(*RIGHTS)

    client = clients.authenticate("orders", secret)
    assert (client.name, client.scopes, client.audience) == ("Orders", ["stock:reserve"], ["products"])


def test_a_service_that_only_exchanges_has_an_audience_alone():
    secret = register("--audience", "products")

    client = clients.authenticate("orders", secret)
    assert (client.scopes, client.audience) == ([], ["products"])


def test_a_machine_that_did_something_may_go_on_exchanging_only(tmp_path):
    path = str(tmp_path / "secret")
    register(*RIGHTS, "--secret-file", path)

    said = register("--scope", "", "--audience", "products", "--secret-file", path)

    assert said == "orders: scopes: removed stock:reserve"
    assert Client.objects.get().scopes == []


def test_a_client_that_is_there_is_left_alone():
    secret = register(*RIGHTS)

    with pytest.raises(CommandError, match="registered already"):
        register(*RIGHTS)

    clients.authenticate("orders", secret)


def test_a_renewed_secret_voids_the_one_before():
    first = register(*RIGHTS)

    second = register("--renew")

    clients.authenticate("orders", second)
    with pytest.raises(clients.InvalidClient):
        clients.authenticate("orders", first)


def test_a_secret_is_kept_in_a_file_for_its_owner_alone(tmp_path):
    path = tmp_path / "made" / "orders.secret"

    said = [register(*RIGHTS, "--secret-file", str(path)) for _ in range(2)]

    assert said == ["orders: registered", "orders: nothing to change"]
    assert path.stat().st_mode & 0o777 == 0o600
    clients.authenticate("orders", path.read_text())


def test_another_secret_in_the_file_replaces_the_one_there_is(tmp_path):
    path = tmp_path / "orders.secret"
    register(*RIGHTS, "--secret-file", str(path))
    path.write_text("another-secret-of-more-than-32-characters\n")

    assert register(*RIGHTS, "--secret-file", str(path)) == "orders: secret: another one"

    clients.authenticate("orders", "another-secret-of-more-than-32-characters")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--scope", "everything", "--audience", "products"), "A client may carry"),
        (("--scope", "stock:reserve", "--audience", "moon"), "The services are"),
        (("--renew",), "There is no client"),
        (("--renew", *RIGHTS), "is said alone"),
        (("--scope", "stock:reserve"), "--audience: This field cannot be blank"),
        (("--name", "Nothing at all"), "--audience: This field cannot be blank"),
    ],
)
def test_nonsense_registers_nobody(arguments, complaint):
    with pytest.raises(CommandError, match=complaint):
        register(*arguments)

    assert not Client.objects.exists()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"short", "a secret of 5 characters"),
        (b"one-line-of-more-than-32-characters\nand-another-one", "one line"),
        ("ein-Schlüssel-mit-mehr-als-32-Zeichen".encode(), "one line"),
        (b"\xff" * 40, "one line"),
        (b"x" * 2_000_000, "one line"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(tmp_path, content, complaint):
    path = tmp_path / "orders.secret"
    path.write_bytes(content)

    with pytest.raises(CommandError, match=complaint):
        register(*RIGHTS, "--secret-file", str(path))
    assert not Client.objects.exists()


@pytest.mark.parametrize("path", ["/", "/dev/zero", "/dev/null/orders.secret", "/proc/nowhere/orders.secret"])
def test_what_is_no_file_is_refused(path):
    with pytest.raises(CommandError, match=r"is no file|cannot be used"):
        register(*RIGHTS, "--secret-file", path)


def test_the_secret_of_another_client_is_refused(tmp_path):
    path = tmp_path / "secret"
    register(*RIGHTS, "--secret-file", str(path))

    with pytest.raises(CommandError, match="the secret of orders"):
        call_command("register_client", "reviews", *RIGHTS, "--secret-file", str(path), stdout=StringIO())
    assert Client.objects.count() == 1


def test_what_is_said_again_and_differently_applies_and_is_told(tmp_path):
    path = str(tmp_path / "secret")
    register("--scope", "stock:reserve", "--audience", "products", "--secret-file", path)
    before = Client.objects.get().status_id

    said = register("--scope", "orders:pay", "--audience", "orders products", "--name", "Till", "--secret-file", path)

    client = Client.objects.get()
    assert said == (
        "orders: name: Till, before Orders; scopes: added orders:pay, removed stock:reserve; audience: added orders"
    )
    assert (client.name, client.scopes, client.audience) == ("Till", ["orders:pay"], ["orders", "products"])
    assert client.status_id != before, "tokens that say otherwise are void"
    changed = Event.objects.get(what="client changed")
    assert changed.facts == {"name": "Till", "scopes": ["orders:pay"], "audience": ["orders", "products"]}


def test_what_is_left_out_stays_and_the_order_of_words_means_nothing(tmp_path):
    path = str(tmp_path / "secret")
    register("--scope", "stock:reserve orders:pay", "--audience", "products", "--name", "Till", "--secret-file", path)

    assert register("--secret-file", path) == "orders: nothing to change"
    assert register("--scope", "orders:pay stock:reserve stock:reserve", "--secret-file", path) == (
        "orders: nothing to change"
    )
    assert Client.objects.get().name == "Till"


# Apps -------------------------------------------------------------------------------------------

APP = ("--redirect-uri", "https://app.example/back http://127.0.0.1/back", "--app-scope", "orders:read products:read")


def test_an_app_is_registered_with_its_addresses_and_what_it_may_ask_for(capsys):
    call_command("register_client", "app", *APP, "--public", "--first-party", "--logo-text", "Ap")

    app = Client.objects.get()
    assert app.redirect_uris.split() == ["https://app.example/back", "http://127.0.0.1/back"]
    assert (app.app_scopes, app.is_public, app.is_first_party) == (["orders:read", "products:read"], True, True)
    assert (app.logo, app.scopes, app.audience, app.secret_hash) == ("Ap", [], [], "")
    assert capsys.readouterr().out == "app is registered; it is public, and has no secret.\n"


def test_a_public_app_is_given_no_secret_later(capsys):
    call_command("register_client", "app", *APP, "--public")

    with pytest.raises(CommandError, match="is public"):
        call_command("register_client", "app", "--renew")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--redirect-uri", "http://app.example/back"), "--redirect-uri: http://app.example/back will not do"),
        (("--redirect-uri", "https://app.example/", "--app-scope", "stock:reserve"), "People may let an app do"),
        (("--redirect-uri", "https://app.example/", "--jwks", "/nowhere"), "--jwks"),
        (("--redirect-uri", "https://app.example/", "--logo-text", "too long"), "--logo-text"),
    ],
)
def test_nonsense_registers_no_app(arguments, complaint):
    with pytest.raises(CommandError, match=complaint):
        call_command("register_client", "app", *arguments)
    assert not Client.objects.exists()


@pytest.fixture
def keys(tmp_path):
    """A file with the public key of an app."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [ECKey.generate_key("P-256").as_dict(private=False)]}))
    return str(path)


def test_who_has_keys_is_given_a_secret_only_where_one_is_asked_for(keys, tmp_path):
    said = "orders is registered; it proves who it is by its keys, and has no secret."
    assert register(*RIGHTS, "--jwks", keys) == said
    with pytest.raises(clients.InvalidClient):
        clients.authenticate("orders", "")
    assert register("--jwks", keys) == "orders: nothing to change"
    assert register("--name", "Till") == "orders: name: Till, before Orders"

    path = tmp_path / "secret"
    assert register("--secret-file", str(path)) == "orders: secret: another one"
    clients.authenticate("orders", path.read_text())


def test_a_public_app_has_neither_keys_nor_a_file_with_a_secret(keys, tmp_path):
    path = tmp_path / "secret"

    with pytest.raises(CommandError, match="--jwks: A public client proves nothing"):
        call_command("register_client", "app", *APP, "--public", "--jwks", keys)
    with pytest.raises(CommandError, match="app is public, and has no secret"):
        call_command("register_client", "app", *APP, "--public", "--secret-file", str(path))
    assert not Client.objects.exists()
    call_command("register_client", "app", *APP, "--public")
    for more in (("--secret-file", str(path)), ("--jwks", keys)):
        with pytest.raises(CommandError, match="public"):
            call_command("register_client", "app", *more)
    assert not path.exists()
    assert (Client.objects.get().secret_hash, Client.objects.get().jwks) == ("", None)


def test_a_public_app_may_be_said_again(capsys):
    call_command("register_client", "app", *APP, "--public")
    call_command("register_client", "app", *APP, "--public", "--app-scope", "orders:read")

    assert capsys.readouterr().out.splitlines()[-1] == "app: app_scopes: removed products:read"


def test_staff_register_a_service_that_only_exchanges(admin):
    form = {"client_id": "reviews", "name": "Reviews", "is_active": "on"}

    assert "This field is required, but for an app" in admin.post("/admin/accounts/client/add/", form).text
    assert admin.post("/admin/accounts/client/add/", {**form, "audience": ["orders"]}).status_code == 200
    assert (Client.objects.get().scopes, Client.objects.get().audience) == ([], ["orders"])


def test_an_app_that_people_can_let_do_nothing_is_no_machine_either(admin):
    form = {"client_id": "app", "name": "App", "is_active": "on", "redirect_uris": "https://app.example/back"}
    form |= {"scopes": ["stock:reserve"], "audience": ["products"]}

    assert "Say what people may let the app do" in admin.post("/admin/accounts/client/add/", form).text
    assert admin.post("/admin/accounts/client/add/", {**form, "app_scopes": ["orders:read"]}).status_code == 200
    assert Client.objects.get().app_scopes == ["orders:read"]


def test_keys_of_a_public_app_are_refused_in_the_admin(admin, keys):
    form = {
        "client_id": "app",
        "name": "App",
        "is_active": "on",
        "redirect_uris": "https://app.example/back",
        "jwks": Path(keys).read_text(),
    }

    page = admin.post("/admin/accounts/client/add/", {**form, "is_public": "on"})
    assert "A public client proves nothing, and has no keys." in page.text
    assert admin.post("/admin/accounts/client/add/", form).status_code == 302
    assert Client.objects.get().secret_hash == ""


def test_staff_register_an_app_in_the_admin(admin):
    form = {
        "client_id": "app",
        "name": "App",
        "is_active": "on",
        "redirect_uris": "https://app.example/back\r\nhttps://app.example/other\r\n",
        "app_scopes": ["orders:read"],
        "is_public": "on",
    }

    answer = admin.post("/admin/accounts/client/add/", form)

    assert answer.status_code == 302, answer.context["adminform"].errors
    app = Client.objects.get()
    assert (app.redirect_uris, app.app_scopes) == (
        "https://app.example/back\nhttps://app.example/other",
        ["orders:read"],
    )
    empty = admin.get("/admin/accounts/client/add/").text
    assert "An app that people log in to" in empty
    assert empty.count("It cannot be changed later.") == 2
    page = admin.get("/admin/accounts/client/app/change/").text
    assert "https://app.example/other" in page
    assert ">null<" not in page


def test_staff_see_a_second_secret_once(admin):
    form = {"client_id": "app", "name": "App", "is_active": "on", "redirect_uris": "https://app.example/back"}
    admin.post("/admin/accounts/client/add/", form)
    before = Client.objects.get().secret_hash

    page = admin.post("/admin/accounts/client/", {"action": "add_secrets", "_selected_action": ["app"]})

    assert "A secret from before works for another week." in page.text
    assert Client.objects.get().former_secret_hash == before
