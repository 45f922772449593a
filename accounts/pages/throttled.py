"""The response to a form that was sent too often."""

from collections.abc import Callable

from django.forms import Form
from django.http import HttpResponse

from accounts.login.throttling import TooManyFailures


def throttled_response(
    form: Form, error: TooManyFailures, render: Callable[[], HttpResponse], reason: str = "Too many failed attempts."
) -> HttpResponse:
    """The page with the form again, and when to come back: 429 (RFC 6585 4)."""
    field = "current_password" if "current_password" in form.fields else None
    form.add_error(field, f"{reason} Wait {error.retry_after} seconds, then try again.")
    response = render()
    response.status_code = 429
    response["Retry-After"] = str(error.retry_after)
    return response
