"""Ten codes that each open once, for who has lost their app or their passkeys."""

import secrets

from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.factors.changes import changing, report
from accounts.login import throttling
from accounts.login.sessions import Caller
from accounts.models import RecoveryCode, User
from wire.events import Named

COUNT = 10
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter looks like another."""
RANDOM = 11
"""Letters behind the number of a code: 55 bits."""
LENGTH = RANDOM + 1


class NoSecondFactor(ValidationError):
    """A person has nothing that a recovery code would stand in for."""

    def __init__(self) -> None:
        super().__init__("Add a passkey or an authenticator app first: recovery codes are for when you lose it.")


def check_needed(user: User) -> None:
    """Raise `NoSecondFactor` unless a user has one."""
    if not user.has_second_factor:
        raise NoSecondFactor


def make(user: User, *, by: Caller) -> list[str]:
    """Ten new codes in the place of any before, as they are shown: once. Raises `NoSecondFactor`, `TooManyFailures`."""
    check_needed(user)
    throttling.refuse_blocked(throttling.factor_change_limits(user.sub))
    plain = [f"{number}{''.join(secrets.choice(LETTERS) for _ in range(RANDOM))}" for number in range(COUNT)]
    # Hashed before anything is locked: that takes long. What is refused is refused before, and looked at again then.
    rows = [RecoveryCode(user=user, number=int(code[0]), hashed=make_password(code)) for code in plain]
    with changing(user, "recovery codes made", by=by, said="New recovery codes were made for your account"):
        check_needed(user)
        RecoveryCode.objects.filter(user=user).delete()
        RecoveryCode.objects.bulk_create(rows)
    return ["-".join(code[start : start + 4] for start in range(0, LENGTH, 4)) for code in plain]


def use_code(user: User, code: str) -> bool:
    """Whether it is a code of a user that was not used before; it is used by that, and the user told."""
    row = RecoveryCode.objects.filter(user=user, number=int(code[0])).first() if is_one(code) else None
    return bool(row and check_password(code, row.hashed) and spend(user, row))


@transaction.atomic
def spend(user: User, row: RecoveryCode) -> bool:
    """Use up a code; of any number at once one does."""
    if not RecoveryCode.objects.filter(pk=row.pk).delete()[0]:
        return False

    left = RecoveryCode.objects.filter(user=user).count()
    said = f"A recovery code of your account was used; {left} are left"
    report(user, "recovery code used", by=Named(user.sub), said=said)
    return True


def is_one(code: str) -> bool:
    return len(code) == LENGTH and code[0].isdigit() and set(code) <= set(LETTERS)
