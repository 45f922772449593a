"""`make services` says what is in its way before it starts anything."""

import os
import signal
import socket
import subprocess
import sys

import pytest
from django.conf import settings

from deploy.services import Split, environment, send
from tokens.registry import by_calls, services


def start(*arguments, **own):
    command = [sys.executable, "deploy/services.py", *arguments]
    own = os.environ | own
    return subprocess.run(command, cwd=settings.BASE_DIR, env=own, capture_output=True, text=True, check=False)


def test_without_nginx_it_says_what_to_install():
    done = start(PATH="/nowhere")

    assert done.returncode == 1
    assert "sudo apt-get install nginx-light" in done.stderr


def test_a_port_that_is_taken_is_named(tmp_path):
    nginx = tmp_path / "nginx"
    nginx.write_text("#!/bin/sh\n")
    nginx.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        done = start("--port", str(port), PATH=f"{tmp_path}:{os.environ['PATH']}")

    assert done.returncode == 1
    assert f"Port {port} is taken by another program" in done.stderr


def test_a_service_that_does_not_run_cannot_be_paused(tmp_path):
    (tmp_path / "products.pid").write_text("1")  # somebody else's process

    for service in ("accounts", "products"):
        with pytest.raises(SystemExit, match=f"{service} does not run here"):
            send(tmp_path, service, signal.SIGSTOP)


def test_each_service_has_a_database_and_a_key_of_its_own_and_orders_a_log_in(tmp_path):
    ports = {service: port for port, service in enumerate(by_calls(), start=8081)}
    split = Split(tmp_path, 8080, ports, "postgres://me@host/tessera")

    own = {service: environment(split, service) for service in split.ports}

    databases = [own[service]["DATABASE_URL"].rpartition("/")[2] for service in ports]
    assert databases == [f"tessera_{service}" for service in ports]
    assert len({(tmp_path / f"{service}.key").read_text() for service in ports}) == len(ports)
    callers = [service for service in ports if services()[service].calls]
    assert [service for service in ports if "CLIENT_ID" in own[service]] == callers
    assert own["orders"]["CLIENT_ID"] == "orders"
    assert own["orders"]["PRODUCTS_URL"] == f"http://127.0.0.1:{ports['products']}"
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
