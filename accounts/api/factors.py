"""Second factors over the API: logging in with them, and a person's own."""

from typing import Any
from uuid import UUID

import orjson
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import serializers
from accounts.api.views import API_CLIENT, find_own_user, token_response
from accounts.factors import passkeys, recovery_codes, totp, two_steps
from accounts.factors.freshness import check_recent
from accounts.factors.two_steps import Answer
from accounts.login.sessions import Origin
from accounts.models import Passkey, RecoveryCode, Totp, User
from tokens.permissions import OPEN
from tokens.user import current_user
from wire import json
from wire.api.problems import NOT_FOUND, Problem
from wire.api.serializers import read
from wire.api.views import View, operation

PASSKEY_FIELDS = ("id", "name", "created_at", "used_at")


class LogInBySecondFactor(View):
    """`POST /api/token/second-factor/`: the second step of a log-in, for a pair of tokens."""

    scopes = OPEN
    problems = {"POST": ("factor-refused", "invalid-credentials", 429)}

    @operation(
        request=serializers.SecondFactor, responses=serializers.GrantAnswer, operation_id="log_in_by_second_factor"
    )
    def post(self, request: Request) -> Response:
        """Finish a log-in with a code or a passkey, within five minutes of the password."""
        data = read(serializers.SecondFactor, request.data)
        answer = Answer(data.get("code", ""), write_credential(data))
        return token_response(two_steps.finish(data["challenge"], answer, Origin.of_request(request, API_CLIENT)))


class LogInByPasskey(View):
    """`POST /api/token/passkey/`: a passkey for a pair of tokens, without a password."""

    scopes = OPEN
    problems = {"POST": ("factor-refused", "invalid-credentials", 429)}

    @operation(request=serializers.PasskeyLogIn, responses=serializers.GrantAnswer, operation_id="log_in_by_passkey")
    def post(self, request: Request) -> Response:
        """Log in with a passkey alone."""
        credential = write_credential(read(serializers.PasskeyLogIn, request.data))
        return token_response(two_steps.log_in_by_passkey(credential, Origin.of_request(request, API_CLIENT)))


class PasskeyOptions(View):
    """`POST /api/token/passkey/options/`: what a browser is asked for to log in."""

    scopes = OPEN
    only_reads = True

    @operation(request=None, responses=serializers.Options, operation_id="ask_for_passkey")
    def post(self, request: Request) -> Response:
        """Begin a log-in with a passkey; the challenge is good once, for five minutes."""
        return options_response(two_steps.passkey_options())


class OwnFactors(View):
    """`/api/accounts/factors/`: the caller's second factors."""

    scopes = {"GET": "account"}
    problems = {"GET": (404,)}

    @operation(responses=serializers.FactorsAnswer, operation_id="list_factors")
    def get(self, request: Request) -> Response:
        """List the caller's second factors."""
        user = find_own_user(request)
        app = Totp.objects.filter(user=user).first()
        own = Passkey.objects.filter(user=user).values(*PASSKEY_FIELDS)
        left = RecoveryCode.objects.filter(user=user).count()
        return Response({"totp": app and app.created_at, "passkeys": list(own), "recovery_codes": left})


class TotpSetup(View):
    """`POST /api/accounts/factors/totp/setup/`: a secret for an authenticator app."""

    scopes = {"POST": "account"}
    problems = {"POST": (404, "email-not-verified", "insufficient-user-authentication")}
    only_reads = True

    @operation(request=None, responses=serializers.TotpSetup, operation_id="set_up_totp")
    def post(self, request: Request) -> Response:
        """Begin to set up an authenticator app; nothing is stored before its first code."""
        secret, uri, setup = totp.begin(find_changing_user(request))
        return private(Response({"secret": secret, "uri": uri, "setup": setup}))


class OwnTotp(View):
    """`/api/accounts/factors/totp/`: the caller's authenticator app."""

    scopes = {"POST": "account", "DELETE": "account"}
    problems = {
        "POST": (404, "insufficient-user-authentication", 429),
        "DELETE": (404, "insufficient-user-authentication", 429),
    }

    @operation(request=serializers.TotpCode, responses={204: None}, operation_id="add_totp")
    def post(self, request: Request) -> Response:
        """Have an authenticator app count, by its first code; one before does not any more."""
        code, user = read(serializers.TotpCode, request.data), find_changing_user(request)
        totp.add(user, **code, by=current_user(request))
        return Response(status=204)

    @operation(request=None, responses={204: None}, operation_id="remove_totp")
    def delete(self, request: Request) -> Response:
        """Remove the caller's authenticator app."""
        return removed(totp.remove(find_changing_user(request), by=current_user(request)))


class OwnRecoveryCodes(View):
    """`/api/accounts/factors/recovery-codes/`: the caller's recovery codes."""

    scopes = {"POST": "account"}
    problems = {"POST": (404, "insufficient-user-authentication", "no-second-factor", 429)}

    @operation(request=None, responses=serializers.RecoveryCodes, operation_id="make_recovery_codes")
    def post(self, request: Request) -> Response:
        """Make ten new recovery codes; those before are void."""
        codes = recovery_codes.make(find_changing_user(request), by=current_user(request))
        return private(Response({"codes": codes}))


class NewPasskeyOptions(View):
    """`POST /api/accounts/factors/passkeys/options/`: what a browser is asked for to make a passkey."""

    scopes = {"POST": "account"}
    problems = {"POST": (404, "email-not-verified", "insufficient-user-authentication")}
    only_reads = True

    @operation(request=None, responses=serializers.Options, operation_id="ask_for_new_passkey")
    def post(self, request: Request) -> Response:
        """Begin to add a passkey; the challenge is good once, for five minutes."""
        return options_response(passkeys.adding_options(find_changing_user(request)))


class OwnPasskeys(View):
    """`/api/accounts/factors/passkeys/`: the caller's passkeys."""

    scopes = {"POST": "account"}
    problems = {"POST": (404, "insufficient-user-authentication", "factor-refused", "too-many-passkeys", 429)}

    @operation(request=serializers.NewPasskey, responses={201: serializers.PasskeyAnswer}, operation_id="add_passkey")
    def post(self, request: Request) -> Response:
        """Add a passkey that a browser made."""
        data, user = read(serializers.NewPasskey, request.data), find_changing_user(request)
        by, credential = current_user(request), write_credential(data)
        passkey, _ = passkeys.add(user, credential=credential, name=data["name"], by=by)
        return Response(write_passkey(passkey), 201)


class OwnPasskey(View):
    """`/api/accounts/factors/passkeys/<pk>/`: one of the caller's passkeys."""

    scopes = {"PATCH": "account", "DELETE": "account"}
    problems = {"PATCH": (404,), "DELETE": (404, "insufficient-user-authentication", "last-way-in", 429)}

    @operation(request=serializers.PasskeyName, responses=serializers.PasskeyAnswer, operation_id="name_passkey")
    def patch(self, request: Request, pk: UUID) -> Response:
        """Give a passkey another name."""
        name = read(serializers.PasskeyName, request.data)["name"]
        passkey = Passkey.objects.filter(user=find_own_user(request), pk=pk).first()
        if not passkey:
            raise Problem(NOT_FOUND)
        passkeys.rename(passkey, name)
        return Response(write_passkey(passkey))

    @operation(request=None, responses={204: None}, operation_id="remove_passkey")
    def delete(self, request: Request, pk: UUID) -> Response:
        """Remove a passkey."""
        return removed(passkeys.remove(find_changing_user(request), pk, by=current_user(request)))


def find_changing_user(request: Request) -> User:
    """The caller's row, if they may change their factors now; raises `NotRecent`."""
    user = find_own_user(request)
    check_recent(user, by=current_user(request))
    return user


def write_credential(data: dict[str, Any]) -> str:
    """A credential as the JSON that it came as; empty if there is none."""
    return json.write(data["credential"]).decode() if "credential" in data else ""


def write_passkey(passkey: Passkey) -> dict[str, Any]:
    return {name: getattr(passkey, name) for name in PASSKEY_FIELDS}


def removed(was_there: bool) -> Response:
    if not was_there:
        raise Problem(NOT_FOUND)
    return Response(status=204)


def options_response(options: str) -> Response:
    return private(Response({"publicKey": orjson.loads(options)}))


def private(response: Response) -> Response:
    """An answer with secrets, which nobody keeps."""
    response["Cache-Control"] = "no-store"
    return response
