"""What a caller accepts: the `Accept` of a request (RFC 9110 12.5.1)."""

import re
from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request

from wire.json import PROBLEM_TYPE

MAX_RANGES = 50
"""What follows them is not looked at."""
REFUSED = re.compile(r"(^|;)\s*q=0(\.0*)?\s*(;|$)")


class Negotiation(DefaultContentNegotiation):
    """Each representation of a view, and problems, since every operation answers those.

    Who takes problems alone is not refused: an operation may have nothing else to say.
    """

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> tuple[Any, str]:
        header = request.META.get("HTTP_ACCEPT", "")
        for renderer in renderers:
            if accepts(header, renderer.media_type):
                return renderer, renderer.media_type
        if accepts(header, PROBLEM_TYPE):
            return renderers[0], renderers[0].media_type

        raise NotAcceptable


def accepts(header: str, media_type: str) -> bool:
    """Whether an `Accept` takes a media type: the range that names it most closely decides; an empty one takes all."""
    if not header.strip(" ,"):
        return True

    ranges: dict[str, bool] = {}
    for item in header.lower().split(",", MAX_RANGES)[:MAX_RANGES]:
        name, _, parameters = item.partition(";")
        ranges[name.strip()] = ranges.get(name.strip(), False) or not REFUSED.search(parameters)
    names = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
    return next((ranges[name] for name in names if name in ranges), False)
