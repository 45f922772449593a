"""The menu of the pages: what each service puts there, wherever it is served."""

from functools import partial
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest

from tokens.registry import by_calls, list_pages
from tokens.user import current_user
from wire.menu_counts import read_count


class Entry(NamedTuple):
    """A link of the menu, and a number beside it where there is something to count."""

    path: str
    label: str
    is_current: bool
    number: int


def menu(request: HttpRequest) -> dict[str, Any]:
    """`menu` for every template, made where one uses it: an error page must not ask who is there."""
    return {"menu": partial(list_entries, request), "public_catalogue": settings.PUBLIC_CATALOGUE}


def list_entries(request: HttpRequest) -> list[Entry]:
    """Each entry that the user's scopes open, or will once more is proven."""
    user = current_user(request)
    return [
        Entry(f"/{name}/", said["label"], request.path.startswith(f"/{name}/"), read_count(request, name, sub=user.sub))
        for service in by_calls()
        for name, said in list_pages(service).items()
        if user.could(said["scope"])
    ]
