"""`request.user` from the access cookie of a browser."""

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from tokens import cookies
from tokens.authentication import audience_of
from tokens.errors import TokenRefused
from tokens.user import Anonymous, TokenUser
from tokens.verification import Claims, is_delegated, verify


class CookieTokenMiddleware(AuthenticationMiddleware):
    """Set `request.user` from the access cookie alone: no session, no query, and only when asked."""

    def process_request(self, request: HttpRequest) -> None:
        request.user = SimpleLazyObject(lambda: read_user(request))  # type: ignore[assignment]


def read_user(request: HttpRequest) -> TokenUser | Anonymous:
    """Whose the access cookie is; anonymous, if there is none or its token is refused."""
    try:
        return TokenUser(read_claims(request))
    except TokenRefused as error:
        return Anonymous(error)


def read_claims(request: HttpRequest) -> Claims:
    """The claims of the access cookie; raises `TokenRefused`, also for the token of an app, which nobody logs in with
    in a browser."""
    claims = verify(cookies.read_access(request), audience_of(request))
    if is_delegated(claims):
        raise TokenRefused("The token is an app's.")

    return claims
