"""A page of a list on the wire: its rows, and the addresses of its neighbours."""

from collections.abc import Iterator
from itertools import accumulate, takewhile
from typing import Any

from django.utils.encoding import escape_uri_path
from rest_framework.request import Request

from wire import json
from wire.keyset import Page, Row

MAX_ANSWER = 1024 * 1024
"""Bytes of any answer; a page of a list has as many rows as fit."""
MAX_PAGE = MAX_ANSWER - 64 * 1024
"""Bytes of the rows of a page; its links come to it."""


def write_page(request: Request, page: Page, results: list[Row]) -> Row:
    """The body of a list: its rows as they leave, and the addresses of its neighbours.

    With large rows a page has fewer than it might, and at least one: it keeps to `MAX_ANSWER`.
    """
    if len(json.write(results)) > MAX_PAGE:
        count = count_fitting(reversed(results) if page.is_backward else iter(results))
        page, results = page.cut(count), results[-count:] if page.is_backward else results[:count]
    return {
        "results": results,
        "next": write_address(request, page.next),
        "previous": write_address(request, page.previous),
    }


def count_fitting(results: Iterator[Row]) -> int:
    """How many of the rows fit into a page, one at least."""
    sizes = accumulate(len(json.write(row)) + 1 for row in results)
    return max(1, sum(1 for _ in takewhile(lambda size: size <= MAX_PAGE, sizes)))


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
