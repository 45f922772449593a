"""The Content-Security-Policy of every answer."""

from functools import cache
from typing import Any

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest

JSON = ("application/json", "application/problem+json")


class PolicyMiddleware(CSPMiddleware):
    """As django-csp has it; JSON, which has no policy of its own, gets one that is made once."""

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        if response.get("Content-Type", "").startswith(JSON):
            response.setdefault(HEADER, plain_policy())
            return response

        return super().process_response(request, response)


@cache
def plain_policy() -> str:
    """The policy of the settings, as it is without a page's additions."""
    return build_policy(config=settings.CONTENT_SECURITY_POLICY["DIRECTIVES"])
