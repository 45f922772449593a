"""Files that are sent: refused everywhere but where a view says how large one may be (`max_file`)."""

import re
from typing import Any

from django.core.exceptions import TooManyFilesSent
from django.core.files.uploadhandler import FileUploadHandler, TemporaryFileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError

from tokens.pages import prove_first, redirect_to_login
from tokens.permissions import StepUpRequired
from tokens.user import current_user
from wire.api.views import MAX_BODY

NAMED_CHARSET = re.compile(rb"\*\s*=")
"""How a header of a part names the charset of a parameter (RFC 8187 3.2), which no form does (RFC 7578 4.2)."""


class RefuseFiles(FileUploadHandler):
    """Refuses a file before it is read, and a form whose parts name charsets: Python would keep each name for good."""

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        if self.request and NAMED_CHARSET.search(self.request.body):
            raise MultiPartParserError("A part of the form names a charset.")

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        raise TooManyFilesSent("No file is taken here.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


def max_body(request: HttpRequest, view: Any) -> int:
    """Bytes of a body that a view takes from this caller: a file only from staff."""
    view = getattr(view, "cls", view)
    most: int = getattr(view, "max_body", MAX_BODY)
    file: int = getattr(view, "max_file", 0)
    return most + file if file and current_user(request).is_staff else most


def expect_file(request: HttpRequest, view: Any) -> HttpResponse | None:
    """Let a request carry a file to a view that takes one, on disk; whose token has expired renews it first, and staff
    whose proof is too old prove who they are."""
    if request.method != "POST" or not getattr(view, "max_file", 0):
        return None
    if not current_user(request).is_authenticated:
        return redirect_to_login(request)

    if current_user(request).is_staff:
        request.upload_handlers = [TemporaryFileUploadHandler(request)]
        return None

    return prove_first(request, StepUpRequired()) if current_user(request).could_be_staff else None
