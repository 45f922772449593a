"""Serves with granian, within bounds: `python -m config.server [--host HOST] [--port PORT]`."""

import argparse
import os
import resource
import socket
import sys
from collections.abc import Iterable
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from config.command_line import describe
from config.environment import load_dotenv, read_flag

CONNECTIONS = 2000
"""Connections that one process holds; whoever comes then waits to be let in."""
HEADER_DEADLINE = 10
"""Seconds for the headers of a request, and between two requests. The gateway keeps its connections for less."""
HEADER_BYTES = 144 * 1024
"""As many as the gateway lets through, with its own."""
ROUTES = {"0.0.0.0": (socket.AF_INET, "192.0.2.1"), "::": (socket.AF_INET6, "2001:db8::1")}  # noqa: S104
"""What means every address of this machine, with one of elsewhere (RFC 5737, RFC 3849) to find the way to."""
TOO_PUBLIC = """\
{host} can be reached from the internet ({address}), and DEBUG is off. A process alone bounds headers, bodies and
connections, but it cannot throw out whoever does not read its answers, and it speaks no TLS. Listen on 127.0.0.1 or on
a private address, behind the gateway (docs/deploying.md); or, if the network lets nobody else in, say --anywhere."""


def main() -> None:
    """Become granian; end with a sentence if it cannot listen there, or if the environment is wrong."""
    try:
        start()
    except ImproperlyConfigured as error:
        sys.exit(describe(error))


def start() -> None:
    parser = argparse.ArgumentParser(prog="python -m config.server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--anywhere", action="store_true", help="listen on a public address as well")
    options = parser.parse_args()
    load_dotenv(Path(__file__).resolve().parent.parent / ".env")
    is_tried_out = read_flag("DEBUG", default=True)
    if not options.anywhere and not is_tried_out:
        refuse_public(options.host)
    refuse_taken(options.host, options.port)
    import_module("config.settings")  # Granian would show where the code of each worker stood.
    allow_connections()
    own = ["--host", options.host, "--port", options.port, "--workers", options.workers]
    quiet = ["--log-level", "warning"] if is_tried_out else []
    words = [*own, *quiet, *bounds(), "config.rsgi:application"]
    os.execv(sys.executable, [sys.executable, "-m", "granian", *map(str, words)])  # noqa: S606


def bounds() -> list[object]:
    """Options of granian. With HTTP/2 allowed it would wait for ever for whoever says nothing."""
    headers = ["--http1-header-read-timeout", HEADER_DEADLINE * 1000, "--http1-buffer-size", HEADER_BYTES]
    return [
        "--interface",
        "rsgi",
        "--runtime-mode",
        "st",
        "--no-ws",
        "--http",
        "1",
        "--backpressure",
        CONNECTIONS,
        *headers,
    ]


def allow_connections() -> None:
    """Have more files open than there are connections, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS if hard == resource.RLIM_INFINITY else min(2 * CONNECTIONS, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def refuse_public(host: str) -> None:
    """End with a sentence if strangers could connect."""
    for address in addresses(host):
        if ip_address(address.partition("%")[0]).is_global:
            sys.exit(TOO_PUBLIC.format(host=host, address=address))


def refuse_taken(host: str, port: int) -> None:
    """End with a sentence if this port cannot be listened on; granian would show where its code stood."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sys.exit(f"{host}:{port} cannot be listened on: {error.strerror}.")
        except OverflowError:
            sys.exit(f"A port is a number from 0 to 65535, not {port}.")


def addresses(host: str) -> Iterable[str]:
    """Those behind a name; of a whole machine the one that leads to elsewhere."""
    if host not in ROUTES:
        return {str(found[4][0]) for found in socket.getaddrinfo(host, None)}

    # Where it listens on every IPv6 address, it does on every IPv4 address as well.
    return filter(None, [find_own(*ROUTES[each]) for each in ROUTES if host in (each, "::")])


def find_own(family: socket.AddressFamily, elsewhere: str) -> str:
    """The address that this machine would call from; empty if there is no way. Nothing is sent."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((elsewhere, 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


if __name__ == "__main__":
    main()
