"""The shop as one process and its worker, with a demo, on this machine: `make run`."""

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

from honcho.manager import Manager

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from deploy import console  # noqa: E402

HIGHEST_PORT = 65_535


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", default="8000")
    port = read_port(parser.parse_args().port)
    console.refuse_taken([port], advice="one: make run PORT=8080")
    made = subprocess.run([sys.executable, *DEMO], cwd=ROOT, check=False)  # noqa: S603
    if made.returncode:
        return made.returncode

    print(f"\nTessera is at http://localhost:{port}; Ctrl-C ends it.\n", flush=True)  # noqa: T201
    return console.run(processes(port))


DEMO = ("manage.py", "demo", "--migrate", "--skip-checks")
WORDS = {"PAYMENT_WORDS": "This is a demo: nobody takes money. Log in as admin, and mark the order as paid."}


def processes(port: int) -> Manager:
    """What serves the shop as it is served in production, and what does its periodic jobs."""
    manager = Manager(console.Lines(prefix=False))
    for name, words in {"web": ["-m", "config.server", "--port", str(port)], "work": ["manage.py", "work"]}.items():
        command = shlex.join([sys.executable, *words])
        manager.add_process(name, f"exec {command}", env=console.show(WORDS | dict(os.environ)), cwd=str(ROOT))
    return manager


def read_port(text: str) -> int:
    """A port; ends with a sentence if it is none."""
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= HIGHEST_PORT):
        sys.exit(f"PORT is a number alone, such as 8080, not {text}")

    return int(text)


if __name__ == "__main__":
    sys.exit(main())
