"""What a person sees of several processes at once: their lines as they come, and which of them ended."""

import socket
import sys
from collections.abc import Iterable
from typing import Any

from honcho.manager import SYSTEM_PRINTER_NAME, Manager
from honcho.printer import Printer

QUIET = ("sending SIG", "SIGINT received", "SIGTERM received")
"""What honcho says of itself that tells nobody anything."""


class Lines(Printer):  # type: ignore[misc]
    """Prints lines: of several services with the name of each in front. The lines themselves say when."""

    def __init__(self, *, prefix: bool) -> None:
        super().__init__(sys.stdout, time_format="", prefix=prefix)

    def write(self, message: Any) -> None:
        is_started = " started (pid=" in str(message.data)
        if message.name != SYSTEM_PRINTER_NAME or not (is_started or str(message.data).startswith(QUIET)):
            super().write(message)


def show(environment: dict[str, str]) -> dict[str, str]:
    """An environment in which a process shows its lines at once, and in colour where they end up on a terminal."""
    colour = {"FORCE_COLOR": "1"} if sys.stdout.isatty() else {}
    return colour | {"PYTHONUNBUFFERED": "1"} | environment


def run(manager: Manager) -> int:
    """Run everything until Ctrl-C, or until one of them ends; the exit code."""
    manager.loop()
    return int(manager.returncode or 0)


def refuse_taken(ports: Iterable[int], *, advice: str) -> None:
    """End if somebody listens on one of these ports already."""
    for port in ports:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                sys.exit(f"Port {port} is taken by another program; choose {advice}")
