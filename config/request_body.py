"""The body of a request that does not say how long it is: chunked, or HTTP/2 (RFC 9112 6.3, RFC 9113 8.1)."""

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from django.conf import settings

CHUNK = 64 * 1024
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def measure_body(application: Application) -> Application:
    """Have such a body read before Django looks, which takes a missing length for an empty body."""

    def measured(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if has_unknown_length(environ):
            body = read_body(environ["wsgi.input"])
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
        return application(environ, start_response)

    return measured


def has_unknown_length(environ: dict[str, Any]) -> bool:
    """Whether there may be a body of any length; the server must say that it marks the end itself."""
    if environ.get("CONTENT_LENGTH") or not environ.get("wsgi.input_terminated"):
        return False

    return "HTTP_TRANSFER_ENCODING" in environ or environ["REQUEST_METHOD"] not in ("GET", "HEAD")


def read_body(stream: Any) -> bytes:
    """All of it; of one beyond the bound only as much as shows that, so that it is refused as any other is."""
    body, most = bytearray(), settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1
    while len(body) < most and (part := stream.read(min(CHUNK, most - len(body)))):
        body += part
    return bytes(body)
