"""Which problem each expected error of accounts becomes on the wire."""

from accounts.login.sessions import InvalidCredentials
from accounts.login.throttling import TooManyFailures
from accounts.people.credentials import EmailTaken, InvalidField
from wire.problems import INVALID_FIELDS, ProblemType

PROBLEMS: dict[type[Exception], ProblemType] = {
    InvalidCredentials: ProblemType(401, "invalid-credentials", "", challenge="Bearer"),
    TooManyFailures: ProblemType(429, "throttled", ""),
    EmailTaken: ProblemType(409, "email-taken", "That e-mail address is taken."),
    InvalidField: INVALID_FIELDS,
}
