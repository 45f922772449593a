"""The quick suite on the newer versions that are supported: `python .ci/versions.py WORKERS`.

Where a Python 3.13 is found (on PATH, or pyenv's), each Django gets an environment of its own under `var/`, with the
other requirements as they are pinned. Without one nothing is tested, and that is said.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which

PYTHON = (3, 13)
QUICK = "not slow and not postgresql"
DJANGOS = {"6.1": QUICK, "6.0": f"database and {QUICK}"}
"""What is tested of each: on 6.0 what speaks to the database, on the newest everything that is quick."""
ROOT = Path(__file__).resolve().parent.parent


def find_python() -> str | None:
    return next((path for path in candidates() if is_wanted(path)), None)


def candidates() -> Iterator[str]:
    name = "python{}.{}".format(*PYTHON)
    yield from filter(None, [which(name)])
    yield from map(str, Path.home().glob(f".pyenv/versions/*/bin/{name}"))


def is_wanted(path: str) -> bool:
    """Whether it runs: what pyenv puts on PATH need not."""
    script = f"import sys; sys.exit(sys.version_info[:2] != {PYTHON})"
    return subprocess.run([path, "-c", script], capture_output=True, check=False).returncode == 0  # noqa: S603 - a path, no text


def provide(django: str, python: str) -> str:
    """The Python of an environment with this Django, made anew when the requirements have changed."""
    environment = ROOT / "var" / f"django-{django}"
    wanted, installed = write_requirements(django), environment / "requirements.txt"
    if not installed.exists() or installed.read_text() != wanted:
        run(python, "-m", "venv", "--clear", str(environment))
        listed = environment / "wanted.txt"
        listed.write_text(wanted)
        run(f"{environment}/bin/python", "-m", "pip", "install", "-qq", "--requirement", str(listed))
        listed.rename(installed)
    return f"{environment}/bin/python"


def write_requirements(django: str) -> str:
    """The pins of development without their hashes, but for Django's."""
    pins = re.sub(r" \\\n( +--hash=\S+( \\)?\n)+", "\n", (ROOT / "requirements" / "dev.txt").read_text())
    return re.sub(r"^django==.*$", f"django~={django}.0", pins, flags=re.MULTILINE)


def run(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - all of it is ours


def main(workers: str = "auto") -> int:
    python = find_python()
    if python is None:
        print("Python 3.13 is not installed: Django 6.0 and 6.1 are not tested.")  # noqa: T201
        return 0

    for django, marks in DJANGOS.items():
        print(f"Django {django}:", flush=True)  # noqa: T201
        pytest = (provide(django, python), "-m", "pytest", "-q", "-n", workers, "--dist", "loadfile", "-m", marks)
        run(*pytest, "-p", "no:cacheprovider")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except subprocess.CalledProcessError as failed:
        sys.exit(failed.returncode)
