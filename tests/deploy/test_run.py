"""`make run` is for this machine alone."""

import shutil
import subprocess
import sys

import pytest
from django.conf import settings


def test_it_listens_on_loopback():
    lines = (settings.BASE_DIR / "deploy" / "Procfile").read_text().splitlines()

    assert [line.split()[-1] for line in lines if "runserver" in line] == ["127.0.0.1:$PORT"]


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize("port", ["0.0.0.0:8000", "0", "65536", "eight", "", "80 80"])
def test_a_port_that_is_none_is_refused_before_anything_is_done(port):
    command = ["make", "--old-file", ".venv/installed", f"PY={sys.executable}", f"PORT={port}", "run"]

    done = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)

    assert done.returncode
    assert f"PORT is a number alone, such as 8080, not {port}\n" in done.stderr
