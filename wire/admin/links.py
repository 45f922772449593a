"""Links from one section of the admin to another, wherever that is served, for whom it is open to."""

from typing import Any

from django.utils.html import format_html

from wire.text import read_id


def may_open(viewer: Any, address: str) -> bool:
    """Whether the section is open to somebody that an address below the admin is in: `orders/order/…`."""
    return viewer is not None and viewer.has_module_perms(address.partition("/")[0])


def link_section(viewer: Any, address: str, label: str) -> str:
    """A link to an address below the admin; the label alone for who may not open it."""
    if not may_open(viewer, address):
        return label

    return format_html('<a href="/admin/{}">{}</a>', address, label)


def link_person(viewer: Any, sub: str, name: str = "") -> str:
    """Somebody by name, leading to their account; whoever is no person (`system`, a client) by what they are called."""
    return link_section(viewer, f"accounts/user/{sub}/change/", name or sub) if read_id(sub) else name or sub
