"""Environments of their own: what production installs and nothing else, on this Python and on a newer one."""

import runpy
import subprocess
import sys
from functools import cache

from benchmarks.databases import FOLDER, ROOT

OWN = "{}.{}".format(*sys.version_info)
NEWER = "3.13"
WANTED = ROOT / "requirements" / "prod.txt"


@cache
def pythons() -> dict[str, str]:
    """By version, a Python with what production installs: this one, and the newer one where `make test-versions` would
    find it. Where nothing can be installed this one has what it has, and the newer one is left out."""
    newer = None if OWN == NEWER else runpy.run_path(str(ROOT / ".ci" / "versions.py"))["find_python"]()
    bases = {OWN: sys.executable, **({NEWER: newer} if newer else {})}
    provided = {version: provide(version, base) for version, base in bases.items()}
    return {OWN: sys.executable} | {version: python for version, python in provided.items() if python}


def provide(version: str, base: str) -> str:
    """The Python of an environment, made anew when the requirements have changed; empty if it cannot be made."""
    environment = FOLDER / f"prod-{version}"
    python, installed = str(environment / "bin" / "python"), environment / "installed.txt"
    if installed.exists() and installed.read_text() == WANTED.read_text():
        return python

    print(f"  installing {WANTED.name} for Python {version}", file=sys.stderr)
    try:
        run(base, "-m", "venv", "--clear", str(environment))
        run(python, "-m", "pip", "install", "-qqq", "--require-hashes", "--requirement", str(WANTED))
    except subprocess.SubprocessError as error:
        print(f"  not installed: {error}", file=sys.stderr)
        return ""
    installed.write_text(WANTED.read_text())
    return python


def run(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True, timeout=300)
