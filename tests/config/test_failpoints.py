"""A failpoint kills the process where it is named, and without one there is nothing."""

import os
import subprocess
import sys
from signal import SIGKILL

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config import failpoints

STEP = "builtins.print"


def start(**environment):
    """Start Tessera in a process of its own, and print a word; how it ended, and what it printed."""
    steps = "import django; django.setup(); print('in', flush=True)"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"} | environment
    command = [sys.executable, "-c", steps]
    done = subprocess.run(command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.split()


def test_without_one_nothing_dies():
    assert start() == (0, ["in"])


@pytest.mark.parametrize(("when", "printed"), [("before", []), ("after", ["in"])])
def test_the_process_dies_where_it_is_named(when, printed):
    assert start(FAILPOINT=f"{STEP}:{when}") == (-SIGKILL, printed)


@pytest.mark.parametrize(
    "name",
    ["nothing", "orders.outbox.try_calls", "orders.outbox.try_calls:during", "orders.nowhere.step:after", STEP],
)
def test_a_failpoint_that_does_not_exist_is_refused(name):
    with pytest.raises(ImproperlyConfigured, match="FAILPOINT names no function"):
        failpoints.arm(name)


def test_production_takes_none():
    code, _ = start(FAILPOINT=f"{STEP}:after", DEBUG="off", SECRET_KEY="x" * 50)

    assert code == 1
