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
    """Whose the access cookie is; anonymous, if there is none or its token is refused."""
    try:
        return TokenUser(verify(cookies.read_access(request), audience_of(request)))
    except TokenRefused:
        return Anonymous()
