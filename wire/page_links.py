"""A page of a list on the wire: how many rows are asked for, and the addresses of its neighbours."""

from typing import Any

from django.utils.encoding import escape_uri_path
from rest_framework.request import Request

from wire.keyset import DEFAULT_LIMIT, MAX_LIMIT, Page, Row
from wire.problems import Problem, ProblemType


def read_limit(request: Request) -> int:
    """How many rows a request asks for in `limit`: 1 to 100, 20 if it does not say."""
    text = request.GET.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= MAX_LIMIT):
        raise Problem(ProblemType(400, "invalid", f"limit is a whole number from 1 to {MAX_LIMIT}."))

    return int(text)


def write_page(request: Request, page: Page, results: list[Row]) -> Row:
    """The body of a list: its rows as they leave, and the addresses of its neighbours."""
    return {
        "results": results,
        "next": write_address(request, page.next),
        "previous": write_address(request, page.previous),
    }


def write_address(request: Request, cursor: str | None) -> str | None:
    query = write_query(request, cursor)
    return query and f"{request.scheme}://{request.get_host()}{escape_uri_path(request.path)}{query}"


def write_query(request: Any, cursor: str | None) -> str | None:
    """The query of a neighbouring page: the request's own, with its cursor."""
    if cursor is None:
        return None

    if not request.GET:
        return f"?cursor={cursor}"

    query = request.GET.copy()
    query["cursor"] = cursor
    return f"?{query.urlencode()}"
