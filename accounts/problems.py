"""Which problem each expected error of accounts becomes on the wire."""

from accounts.factors.challenges import FactorRefused
from accounts.factors.freshness import NotRecent
from accounts.factors.passkeys import LastWayIn, TooManyPasskeys
from accounts.factors.recovery_codes import NoSecondFactor
from accounts.factors.two_steps import SecondFactorRequired
from accounts.login.sessions import InvalidCredentials
from accounts.login.throttling import TooManyFailures
from accounts.people.access import LastManager
from accounts.people.credentials import EmailTaken, InvalidField
from accounts.people.email_addresses import Unconfirmed
from tokens.permissions import EmailNotVerified, StepUpRequired
from wire.api.problems import INVALID_FIELDS, ProblemType
from wire.api.problems import PROBLEMS as USUAL

PROBLEMS: dict[type[Exception], ProblemType] = {
    InvalidCredentials: ProblemType(401, "invalid-credentials", "", challenge="Bearer"),
    TooManyFailures: ProblemType(429, "throttled", ""),
    SecondFactorRequired: ProblemType(401, "second-factor-required", "", ("challenge", "factors"), challenge="Bearer"),
    FactorRefused: ProblemType(401, "factor-refused", "", challenge="Bearer"),
    NotRecent: USUAL[StepUpRequired],
    Unconfirmed: USUAL[EmailNotVerified],
    LastWayIn: ProblemType(409, "last-way-in", "This is your only way in."),
    TooManyPasskeys: ProblemType(409, "too-many-passkeys", "You have as many passkeys as one may have."),
    NoSecondFactor: ProblemType(409, "no-second-factor", "There is nothing that recovery codes would stand in for."),
    EmailTaken: ProblemType(409, "email-taken", "That e-mail address is taken."),
    LastManager: ProblemType(409, "last-manager", "Nobody would be left who may manage accounts."),
    InvalidField: INVALID_FIELDS,
}
