"""Addresses that a browser may be sent back to: which may be registered, and which is one of those (RFC 9700 2.1)."""

import re
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

MOST, LONGEST = 20, 500
LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?((?:[/?].*)?)", re.DOTALL)
"""An address of the device itself, whose port the app learns when it runs (RFC 8252 7.3)."""
LOCAL = ("127.0.0.1", "::1", "localhost")
PRINTABLE = re.compile(r"[!-~]+", re.ASCII)
RULE = (
    "https://…, http:// of the device itself, or a scheme of the app's own with a dot, like com.example.app:/back; "
    "whole, without * and #"
)


def check_redirects(lines: str) -> None:
    """Raise `ValidationError` unless every line is an address that may be registered."""
    found = split_redirects(lines)
    if len(found) > MOST:
        raise ValidationError(f"At most {MOST} addresses.")
    for address in found:
        if not is_redirect(address):
            raise ValidationError(f"{address[:LONGEST]} will not do: {RULE}.")


def split_redirects(lines: str) -> list[str]:
    return lines.split()


def is_redirect(address: str) -> bool:
    """Whether an address may be registered: nobody but the app may answer there."""
    try:
        parts = urlsplit(address)
        is_whole = len(address) <= LONGEST and PRINTABLE.fullmatch(address) and not {*address} & {*"#*\\<>\"'"}
        has_user, host, _ = "@" in parts.netloc, parts.hostname, parts.port
    except ValueError:
        return False
    if not is_whole or has_user or parts.scheme != address.partition(":")[0]:
        return False

    if parts.scheme in ("https", "http"):
        return bool(host) and (parts.scheme == "https" or host in LOCAL)
    return "." in parts.scheme and bool(parts.netloc or parts.path)


def is_registered(address: str, lines: str) -> bool:
    """Whether an address is one of the registered, character by character; of the device itself any port will do."""
    registered = split_redirects(lines)
    return address in registered or without_port(address) in {without_port(one) for one in registered} - {None}


def without_port(address: str) -> tuple[str, str] | None:
    """An address of the device itself without its port; None for any other."""
    found = LOOPBACK.fullmatch(address)
    return (found[1], found[2]) if found else None


def is_private(address: str) -> bool:
    """Whether an address belongs to one app for certain: another on the same device may answer on the rest."""
    return address.startswith("https://")
