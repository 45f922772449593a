"""Headers that Django takes apart before any code of ours runs, made plain first."""

import re
from typing import Any

MAX_MEDIA_TYPE = 100
PARAMETER = re.compile(r';[ \t]*(boundary|charset)[ \t]*=[ \t]*("[^"\\]{1,70}"|[^\s;"]{1,70}(?![^\s;]))', re.IGNORECASE)
"""What is read of a `Content-Type` (RFC 2046 5.1.1 bounds a boundary)."""


def simplify_headers(environ: dict[str, Any]) -> None:
    """Take out of the environment of a request (PEP 3333) what Python reads in quadratic time and nobody needs.

    No cookie holds a backslash (RFC 6265 4.1.1).
    """
    if ";" in environ.get("CONTENT_TYPE", ""):
        environ["CONTENT_TYPE"] = simplify_type(environ["CONTENT_TYPE"])
    if "\\" in environ.get("HTTP_COOKIE", ""):
        environ["HTTP_COOKIE"] = environ["HTTP_COOKIE"].replace("\\", "")


def simplify_type(text: str) -> str:
    """A `Content-Type` with its boundary; a charset that is not UTF-8 is called `other`.

    Python looks for a charset among its modules by any name, and never forgets the name.
    """
    found = {name.lower(): value.strip('"') for name, value in PARAMETER.findall(text)}
    plain = text.partition(";")[0].strip()[:MAX_MEDIA_TYPE]
    if "boundary" in found:
        plain += f'; boundary="{found["boundary"]}"'
    return plain if found.get("charset", "utf-8").lower() == "utf-8" else f"{plain}; charset=other"
