"""The menu of the pages: what each service puts there, wherever it is served."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpRequest

from tokens.registry import by_calls, services
from tokens.user import current_user

Entry = tuple[str, str, bool]


def menu(request: HttpRequest) -> dict[str, Callable[..., Any]]:
    """`menu` for every template, made where one uses it: an error page must not ask who is there."""
    return {"menu": partial(list_entries, request)}


def list_entries(request: HttpRequest) -> list[Entry]:
    """The path and label of each entry that the user's scopes open, and whether the page is under it."""
    entries = [(f"/{name}/", services()[name].menu) for name in by_calls() if services()[name].menu]
    shown = [(path, entry["label"]) for path, entry in entries if current_user(request).may(entry["scope"])]
    return [(path, label, request.path.startswith(path)) for path, label in shown]
