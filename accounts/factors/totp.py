"""Codes of an authenticator app (TOTP, RFC 6238): set up by one code, each step used once."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import pyotp
import structlog
from django.conf import settings
from django.core import signing

from accounts.factors.changes import changing, count_as_proven
from accounts.issuing.key_derivation import Undecryptable, decrypt, encrypt, is_current, is_lost
from accounts.login.sessions import Caller, TokenPair
from accounts.models import Totp, User
from accounts.people.credentials import InvalidField
from accounts.people.email_addresses import check_confirmed
from database import clock
from wire import text

SALT = "accounts.factors.totp"
PURPOSE = "TOTP secrets"
AMR = "otp"
STEP = 30
"""Seconds."""
NEAR = (-1, 0, 1)
"""Steps whose codes are taken, since clocks differ (RFC 6238 5.2)."""
SETUP_SECONDS = 900

logger = structlog.get_logger(__name__)


class Setup(NamedTuple):
    """A secret that is not anybody's yet: for an app as text and as an address; `signed` comes back with a code."""

    secret: str
    uri: str
    signed: str


def begin(user: User) -> Setup:
    """A new secret for a user; nothing is stored until a code shows that an app has it. Raises `Unconfirmed`."""
    check_confirmed(user)
    secret = pyotp.random_base32()
    return describe(user, signing.dumps([user.sub, secret], salt=SALT))


def describe(user: User, signed: str) -> Setup:
    """The secret that `begin` gave to a user; raises `InvalidField` if it did not, or too long ago."""
    try:
        sub, secret = signing.loads(signed, salt=SALT, max_age=SETUP_SECONDS)
    except signing.BadSignature as error:
        raise InvalidField({"setup": "That took too long. Begin again with a new code."}) from error
    if sub != user.sub:
        raise InvalidField({"setup": "That was begun by somebody else."})

    issuer = settings.SELLER.partition("\n")[0]  # The address of who sells may follow.
    return Setup(secret, pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=issuer), signed)


def add(user: User, *, setup: str, code: str, by: Caller) -> TokenPair:
    """Have a user's app count from now on, in the place of one before, and the caller's session as proven by it.

    Raises `InvalidField`, or `TokenRefused` if that session is over.
    """
    secret = describe(user, setup).secret
    step = find_step(secret, text.order_number(code))
    if step is None:
        raise InvalidField({"code": "That is not the code of the app now. Is the clock of your phone right?"})

    with changing(user, "authenticator app added", by=by, said="An authenticator app was added to your account"):
        last_step = max(step, last_used(user, secret))
        row = {"secret": encrypt(secret.encode(), PURPOSE), "last_step": last_step, "created_at": clock.now()}
        Totp.objects.update_or_create(user=user, defaults=row)
        return count_as_proven(AMR, by=by)


def last_used(user: User, secret: str) -> int:
    """The last step whose code was used of a secret, if it is a user's already: its setup may come twice."""
    row = Totp.objects.filter(user=user).first()
    return row.last_step if row and open_secret(row) == secret else 0


def remove(user: User, *, by: Caller) -> bool:
    """Take a user's app away; whether there was one."""
    if not Totp.objects.filter(user=user).exists():
        return False

    with changing(user, "authenticator app removed", by=by, said="The authenticator app of your account was removed"):
        Totp.objects.filter(user=user).delete()
    return True


def use_code(user: User, code: str) -> bool:
    """Whether it is a code of a user's app that was not used before, nor any later one; it is used by that."""
    row = Totp.objects.filter(user=user).first()
    step = find_step(open_secret(row), code) if row else None
    return bool(row and step and spend_step(row, step))


def spend_step(row: Totp, step: int) -> bool:
    """Use up a step of an app: of any number at once one does, and none if another app has taken its place."""
    return bool(Totp.objects.filter(pk=row.pk, secret=row.secret, last_step__lt=step).update(last_step=step))


def open_secret(row: Totp) -> str:
    """The secret of a row; none where no key opens it, so that the person comes in by another factor."""
    try:
        return decrypt(bytes(row.secret), PURPOSE).decode()
    except Undecryptable as error:
        logger.critical("totp_secret_undecryptable", sub=str(row.user_id), error=str(error))
        return ""


def rewrap_secrets() -> int:
    """Encrypt every secret anew that is under a former SECRET_KEY; how many. One that no key opens stays as it is."""
    stored = Totp.objects.order_by("pk").values_list("pk", "secret").iterator()
    former = ((pk, bytes(secret)) for pk, secret in stored if not is_current(bytes(secret), PURPOSE))
    return sum(rewrap(pk, secret) for pk, secret in former if not is_lost(secret, PURPOSE))


def rewrap(pk: UUID, secret: bytes) -> int:
    return Totp.objects.filter(pk=pk, secret=secret).update(secret=encrypt(decrypt(secret, PURPOSE), PURPOSE))


def find_step(secret: str, code: str) -> int | None:
    """The step near now whose code it is."""
    now = int(clock.time()) // STEP
    steps = [now + near for near in NEAR] if secret else []
    found = [step for step in steps if pyotp.utils.strings_equal(pyotp.TOTP(secret).generate_otp(step), code)]
    return found[-1] if found else None


def draw_qr(uri: str) -> tuple[int, str]:
    """A QR code as the side of a square in modules, its margin included, and the path of an SVG."""
    import segno  # noqa: PLC0415 - no other page draws

    rows: Sequence[Sequence[int]] = [list(row) for row in segno.make_qr(uri, error="m").matrix_iter(border=4)]
    dark = [(x, y) for y, row in enumerate(rows) for x, module in enumerate(row) if module]
    return len(rows), "".join(f"M{x} {y}h1v1h-1z" for x, y in dark)
