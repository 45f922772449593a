"""`make run` is for this machine alone."""

import shutil
import subprocess
import sys

import pytest
from django.conf import settings

from deploy.run import processes


def test_it_listens_on_loopback_as_in_production():
    commands = [process["obj"].cmd for process in processes(8123)._processes.values()]

    assert [command.partition(" ")[2] for command in commands] == [
        f"{sys.executable} -m config.server --port 8123",
        f"{sys.executable} manage.py work",
    ]


def test_orders_of_the_demo_say_how_to_pay_unless_somebody_says_it_otherwise(monkeypatch):
    def words():
        return {process["obj"].env["PAYMENT_WORDS"] for process in processes(8123)._processes.values()}

    monkeypatch.delenv("PAYMENT_WORDS", raising=False)
    assert words() == {"This is a demo: nobody takes money. Log in as admin, and mark the order as paid."}
    monkeypatch.setenv("PAYMENT_WORDS", "To our account, please.")
    assert words() == {"To our account, please."}


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize("port", ["0.0.0.0:8000", "0", "65536", "eight", "", "80 80"])
def test_a_port_that_is_none_is_refused_before_anything_is_done(port):
    command = ["make", "--old-file", ".venv/installed", f"PY={sys.executable}", f"PORT={port}", "run"]

    done = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)

    assert done.returncode
    assert f"PORT is a number alone, such as 8080, not {port}\n" in done.stderr
