"""`request.user` from the access cookie of a browser."""

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from tokens import cookies
from tokens.authentication import audience_of
from tokens.errors import TokenRefused
from tokens.user import Anonymous, TokenUser
from tokens.verification import verify


class CookieTokenMiddleware(AuthenticationMiddleware):
    """Set `request.user` from the access cookie alone: no session, no query, and only when asked."""

    def process_request(self, request: HttpRequest) -> None:
        request.user = SimpleLazyObject(lambda: read_user(request))  # type: ignore[assignment]


def read_user(request: HttpRequest) -> TokenUser | Anonymous:
    """The bearer of the access cookie; anonymous, if its token is refused."""
    token = cookies.read_access(request)
    if not token:
        return Anonymous()

    try:
        return TokenUser(verify(token, audience_of(request)))
    except TokenRefused:
        return Anonymous()
