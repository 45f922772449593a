"""Who may be served where: with DEBUG off no process listens on a public address by mistake."""

import os
import socket
import subprocess
import sys

import pytest
from django.conf import settings

from config import server

OFF = {"DEBUG": "off"}


def start(*words, **environment):
    """What a server says that does not start."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=settings.BASE_DIR,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    return done.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "10.1.2.3", "172.20.0.2", "192.168.1.9", "fd00::2"])
def test_this_machine_and_private_networks_are_served(host):
    server.refuse_public(host)


@pytest.mark.parametrize("host", ["100.64.0.7", "169.254.1.1"])
def test_what_no_router_of_the_internet_passes_on_is_served(host):
    server.refuse_public(host)


@pytest.mark.parametrize("host", ["8.8.8.8", "2606:4700::1111"])
def test_a_public_address_is_refused_in_words(host):
    with pytest.raises(SystemExit) as refusal:
        server.refuse_public(host)

    assert f"{host} can be reached from the internet" in str(refusal.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_every_address_stands_for_the_ones_of_this_machine(host):
    for address in server.addresses(host):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as listener:
            listener.bind((address, 0))


def test_with_debug_off_the_server_does_not_start_in_public():
    said = start("-m", "config.server", "--host", "8.8.8.8", **OFF)

    assert "behind the gateway" in said


def test_with_debug_off_djangos_own_server_serves_this_machine_alone():
    production = {
        "SECRET_KEY": "s" * 50,
        "ISSUER": "https://shop.example",
        "ALLOWED_HOSTS": "shop.example",
        "EMAIL_URL": "dummymail://",
    }

    said = start("manage.py", "runserver", "--noreload", "--skip-checks", "0.0.0.0:1", **OFF, **production)

    assert "runserver listens on 127.0.0.1 alone" in said


def test_a_port_that_is_taken_is_said_in_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        said = start("-m", "config.server", "--port", str(port))

    assert said == f"127.0.0.1:{port} cannot be listened on: Address already in use.\n"


@pytest.mark.parametrize("port", ["65536", "-1"])
def test_a_port_that_there_is_not_is_said_in_one_sentence(port):
    assert start("-m", "config.server", "--port", port) == f"A port is a number from 0 to 65535, not {port}.\n"


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"DEBUG": "maybe"}, "DEBUG must be on or off, not 'maybe'"),
        ({"TIME_ZONE": "Rome"}, "TIME_ZONE must be a name such as Europe/Rome, not 'Rome'"),
        ({"SECRET_KEY_FILE": "/nowhere"}, "SECRET_KEY_FILE cannot be read: /nowhere: No such file or directory"),
    ],
)
def test_what_is_wrong_in_the_environment_is_said_in_one_sentence(environment, complaint):
    assert start("-m", "config.server", "--port", "0", **environment) == f"The configuration is wrong: {complaint}\n"
