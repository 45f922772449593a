"""A machine is registered from the command line, with a secret that is shown or kept in a file."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Client
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

    assert said == ["orders: registered", "orders: was registered already"]
    assert path.stat().st_mode & 0o777 == 0o600
    clients.authenticate("orders", path.read_text())


def test_another_secret_in_the_file_replaces_the_one_there_is(tmp_path):
    path = tmp_path / "orders.secret"
    register(*RIGHTS, "--secret-file", str(path))
    path.write_text("another-secret-of-more-than-32-characters\n")

    assert register(*RIGHTS, "--secret-file", str(path)) == "orders: registered"

    clients.authenticate("orders", "another-secret-of-more-than-32-characters")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--scope", "everything", "--audience", "products"), "A client may carry"),
        (("--scope", "stock:reserve", "--audience", "moon"), "The services are"),
        (("--renew",), "There is no client"),
    ],
)
def test_nonsense_registers_nobody(arguments, complaint):
    with pytest.raises(CommandError, match=complaint):
        register(*arguments)

    assert not Client.objects.exists()


def test_a_short_secret_is_refused(tmp_path):
    path = tmp_path / "orders.secret"
    path.write_text("short")

    with pytest.raises(CommandError, match="at least 32"):
        register(*RIGHTS, "--secret-file", str(path))
