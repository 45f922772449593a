"""What each service answers about a person: its module `personal_data` has `find`, `export` and `erase`."""

from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

import orjson
from django.conf import settings
from django.core.management.base import CommandError

from tokens.registry import by_calls, find_module
from wire.text import read_id

Row = Mapping[str, Any]


class CannotErase(Exception):
    """Somebody cannot be erased as things are; it says why."""


def hooks() -> dict[str, ModuleType]:
    """The modules of the services of this process that know people, each after those that it calls."""
    found = {name: find_module(name, "personal_data") for name in by_calls() if name in settings.SERVICES}
    return {name: module for name, module in found.items() if module}


def find_subs(person: str) -> set[str]:
    """The `sub` of a person who is named by it or by an e-mail address; several, if an address has had several.

    Raises `CommandError` if there is none.
    """
    if subs := known_subs(person):
        return subs

    raise CommandError(f"Nobody is known here by {person}. Name them by their id, which accounts has.")


def known_subs(person: str) -> set[str]:
    if "@" in person:
        return set[str]().union(*(hook.find(person) for hook in hooks().values()))

    key = read_id(person)
    return {str(key)} if key else set()


def write_export(subs: Iterable[str]) -> Iterator[bytes]:
    """All that the services of this process hold of a person, as a JSON document in parts."""
    yield b"{"
    for number, (name, hook) in enumerate(hooks().items()):
        yield b"%s\n%s: {" % (b"," if number else b"", orjson.dumps(name))
        yield from write_tables([hook.export(sub) for sub in sorted(subs)])
        yield b"\n }"
    yield b"\n}\n"


def write_tables(exports: list[dict[str, Iterable[Row]]]) -> Iterator[bytes]:
    tables = list(dict.fromkeys(table for export in exports for table in export))
    for number, table in enumerate(tables):
        yield b"%s\n  %s: [" % (b"," if number else b"", orjson.dumps(table))
        rows = (row for export in exports for row in export.get(table, ()))
        for place, row in enumerate(rows):
            yield b"%s\n   %s" % (b"," if place else b"", orjson.dumps(row, default=str, option=orjson.OPT_UTC_Z))
        yield b"\n  ]"
