"""Logging in: with a password, where the person has one with a second factor after it, or with a passkey alone."""

from typing import NamedTuple

from django.db import transaction

from accounts.factors import challenges, codes, passkeys
from accounts.factors.challenges import Challenge, FactorRefused
from accounts.login import sessions, throttling
from accounts.login.sessions import Caller, Origin, TokenPair
from accounts.models import Passkey, RecoveryCode, Totp, User

SECOND = "second factor"
PASSKEY = "passkey"
STEP_UP = "step up"


class SecondFactorRequired(Exception):
    """The password is right, and is not enough; `challenge` goes on to the second step, good for one of `factors`."""

    def __init__(self, user: User, origin: Origin) -> None:
        super().__init__("This account has a second factor: send a code of it, or a passkey, with the challenge.")
        self.user = user
        self.challenge = challenges.issue(Challenge(SECOND, user.sub, bind(user, origin)))
        self.factors = factors_of(user)


class Answer(NamedTuple):
    """What somebody sends along with a challenge: a code, or a passkey's answer to it as JSON."""

    code: str = ""
    credential: str = ""


def bind(user: User, origin: Origin) -> str:
    """What must be the same in both steps: the password and the client."""
    return f"{user.password_mark} {origin.client_id}"


def factors_of(user: User) -> list[str]:
    """The kinds of factors that a user has."""
    kinds = {"totp": Totp, "passkey": Passkey, "recovery_code": RecoveryCode}
    return [kind for kind, model in kinds.items() if model._default_manager.filter(user=user).exists()]


def log_in(email: str, password: str, origin: Origin) -> TokenPair:
    """Open a session for the user with that password; raises `SecondFactorRequired` if they have another factor,
    `InvalidCredentials` or `TooManyFailures`."""
    user = sessions.authenticate(email, password, origin)
    if user.has_second_factor:
        raise SecondFactorRequired(user, origin)

    return sessions.open_session(user, origin)


def finish(challenge: str, answer: Answer, origin: Origin) -> TokenPair:
    """Open the session that a right password asked for, by a second factor.

    Raises `FactorRefused`, `InvalidCredentials` or `TooManyFailures`.
    """
    user = find_challenged(challenge, origin)
    if answer.credential:
        answered, _, passkey = verify(answer.credential, SECOND, origin)
        if answered != challenge or passkey.user_id != user.pk:
            raise FactorRefused
        return open_once(user, challenge, origin, f"pwd {passkeys.AMR} mfa")

    method = codes.verify_code(user, answer.code, address=origin.address)
    return open_once(user, challenge, origin, f"pwd {method} mfa")


def find_challenged(challenge: str, origin: Origin) -> User:
    """Whom a challenge was given to after their password; raises `FactorRefused`, also if that is another by now,
    or there is no second factor any more."""
    stated = challenges.read(challenge, SECOND)
    user = User.objects.filter(pk=stated.sub).first()
    if not user or not user.may_log_in or not user.has_second_factor or stated.bound_to != bind(user, origin):
        raise FactorRefused
    return user


def second_options(challenge: str, origin: Origin) -> tuple[str, list[str]]:
    """What a browser is asked for to go on with a passkey, empty if the person has none, and the kinds they have.

    Raises `FactorRefused`.
    """
    user = find_challenged(challenge, origin)
    kinds = factors_of(user)
    return passkeys.asking_options(challenge, user) if "passkey" in kinds else "", kinds


def log_in_by_passkey(credential: str, origin: Origin) -> TokenPair:
    """Open a session for whose passkey it is; raises `FactorRefused`, `InvalidCredentials` or `TooManyFailures`."""
    challenge, _, passkey = verify(credential, PASSKEY, origin)
    if not passkey.user.may_log_in:
        raise FactorRefused

    return open_once(passkey.user, challenge, origin, f"{passkeys.AMR} mfa")


def verify(credential: str, purpose: str, origin: Origin) -> tuple[str, Challenge, Passkey]:
    """As `passkeys.verify_passkey`, and what is refused counts against the address it came from."""
    limits = throttling.passkey_limits(origin.address)
    throttling.refuse_blocked(limits)
    try:
        return passkeys.verify_passkey(credential, purpose)
    except FactorRefused:
        throttling.count_attempt(limits)
        raise


@transaction.atomic
def open_once(user: User, challenge: str, origin: Origin, amr: str) -> TokenPair:
    """Open a session and use up the challenge that was answered."""
    challenges.spend(challenge)
    return sessions.open_session(user, origin, amr)


def step_up_options(user: User, *, by: Caller) -> str:
    """What a browser is asked for to prove in a session, by a passkey, who is there; empty if the person has none."""
    if not Passkey.objects.filter(user=user).exists():
        return ""
    return passkeys.asking_options(challenges.issue(Challenge(STEP_UP, user.sub, by.sid)), user)


def step_up_by_passkey(user: User, credential: str, origin: Origin, *, by: Caller) -> TokenPair:
    """The tokens of a session whose person proved who they are by a passkey.

    Raises `FactorRefused`, `TooManyFailures`, or `TokenRefused` if the session is over.
    """
    challenge, stated, passkey = verify(credential, STEP_UP, origin)
    if (stated.sub, stated.bound_to) != (user.sub, by.sid) or passkey.user_id != user.pk:
        raise FactorRefused

    with transaction.atomic():
        challenges.spend(challenge)
        return sessions.step_up(by.sid, f"{passkeys.AMR} mfa", by=by)


def passkey_options() -> str:
    """What a browser is asked for to log in by a passkey alone."""
    return passkeys.asking_options(challenges.issue(Challenge(PASSKEY)))
