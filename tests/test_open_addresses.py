"""Nothing is open by accident: every view states its scopes, and the open ones are listed here."""

import pytest
from django.conf import settings
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate

from tests.addresses import walk
from tests.issuer import claims
from tokens.pages import page
from tokens.permissions import OPEN
from tokens.scopes import SCOPES
from tokens.user import TokenUser
from wire.api.views import View

EVERYWHERE = {
    "favicon.ico",
    "healthz",
    "readyz",
    "metrics",
    "api/schema/",
    "api/docs/",
    "problems/",
    "problems/<slug:code>/",
    "admin/login/",
}
OF_ACCOUNTS = {
    "",
    ".well-known/jwks.json",
    ".well-known/oauth-authorization-server",
    ".well-known/oauth-protected-resource/api/<slug:service>",
    ".well-known/openid-configuration",
    ".well-known/token-status/<int:number>",
    "account/email/verify/<uidb64>/<token>/",
    "api/accounts/register/",
    "api/token/",
    "api/token/blacklist/",
    "api/token/passkey/",
    "api/token/passkey/options/",
    "api/token/refresh/",
    "api/token/second-factor/",
    "api/token/verify/",
    "login/",
    "login/end/",
    "login/passkey/",
    "login/renew/",
    "login/second-factor/",
    "logout/",
    "oauth/authorize",
    "oauth/consent",
    "oauth/introspect",
    "oauth/logout",
    "oauth/revoke",
    "oauth/token",
    "password-reset/",
    "password-reset/<uidb64>/<token>/",
    "password-reset/sent/",
    "register/",
}
LISTED = EVERYWHERE | (OF_ACCOUNTS if "accounts" in settings.SERVICES else set())


def is_open(address):
    # Django's own log-in of the admin is no view of ours; it does nothing but send on to /login/.
    return address.scopes == OPEN or address.route == "admin/login/"


def test_every_view_states_its_scopes():
    silent = [address.route for address in walk() if address.scopes is None and not is_open(address)]

    assert silent == []


def test_open_is_what_is_listed_and_nothing_else():
    assert {address.route for address in walk() if is_open(address)} == LISTED


def test_scopes_are_words_that_a_token_may_carry():
    stated = [address.scopes for address in walk() if not is_open(address)]

    words = {word for scopes in stated for wanted in scopes.values() for word in wanted.split()}

    assert words <= set(SCOPES)


@pytest.mark.parametrize("address", [a for a in walk() if not is_open(a)], ids=lambda address: address.route)
def test_nothing_else_answers_without_a_token(address, client):
    response = client.generic(address.method, address.path)

    assert response.status_code in (302, 401)
    assert response.status_code == 401 or response["Location"].startswith("/login/?next=")


class Silent(View):
    """A view that forgets to say who may use it."""

    def get(self, request):
        return Response({})


def test_an_api_view_that_states_no_scope_is_refused():
    request = APIRequestFactory().get("/api/silent/")
    force_authenticate(request, TokenUser(claims(scope=" ".join(SCOPES))))

    response = Silent.as_view()(request)

    assert (response.status_code, response.data["code"]) == (403, "insufficient-scope")


def test_a_page_that_states_no_scope_for_a_method_is_refused(rf):
    silent = page({})(lambda request: pytest.fail("reached"))

    response = silent(rf.get("/silent/"))

    assert response.status_code == 405
