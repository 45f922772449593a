"""Versions on the wire: `ETag` out, `If-Match` and `If-None-Match` in (RFC 9110 8.8.3, 13.1.1, 13.1.2)."""

import re

from django.http import HttpRequest
from rest_framework.request import Request

from wire.api.problems import Problem, ProblemType

TAG = r'(W/)?"([!#-~]*)"'
TAGS = re.compile(rf"{TAG}(?:[ \t]*,[ \t]*{TAG})*")


def write_etag(*parts: int) -> str:
    """An entity tag of a version and what else makes an answer differ: `"7.120.4"`."""
    return f'"{".".join(map(str, parts))}"'


def expected_versions(request: Request) -> set[int] | None:
    """The versions that `If-Match` takes, or None where it takes any.

    Only the version, the part before the first dot, is compared; what is no tag of ours has none, nor has a weak one.
    Raises `Problem` (400) for what is no list of entity tags.
    """
    header = request.headers.get("If-Match", "").strip()
    if header in ("", "*"):
        return None

    if not TAGS.fullmatch(header):
        raise Problem(ProblemType(400, "malformed", "If-Match is not a list of entity tags."))

    versions = {tag.split(".")[0] for weak, tag in re.findall(TAG, header) if not weak}
    return {int(version) for version in versions if version.isdecimal() and len(version) < 18}


def is_known(request: Request | HttpRequest, etag: str) -> bool:
    """Whether the caller reads, and has this very answer already by its `If-None-Match` (RFC 9110 13.1.2)."""
    header = request.META.get("HTTP_IF_NONE_MATCH", "")
    known = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return request.method in ("GET", "HEAD") and (etag in known or "*" in known)
