"""Sending what waits in a table of mails: each at least once, and only in rare cases twice.

A mail is claimed before it is sent and settled afterwards. A worker that dies in between leaves it claimed; after
the lease another one sends it, perhaps again, with the same `Message-ID`.
"""

import random
import re
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException, SMTPSenderRefused
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import get_connection

from database import batch_delete, clock
from wire.mail.rendering import CannotBeAddressed, render
from wire.mail.table import AbstractMail, Contexts, State

logger = structlog.get_logger(__name__)

INTERVAL = 2.0
"""Seconds between two looks at what waits."""
PASS = 10.0
"""Seconds in which a pass begins to send; what is being sent then is bounded by `EMAIL_TIMEOUT` and `smtp.LONGEST`."""
BATCH = 100
"""Mails that one pass sends at most, over one connection."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=10)
"""How long a mail waits after the first failure; then twice as long after each."""


class ServerAway(Exception):
    """No connection to the mail server can be had just now."""


def mail_jobs(model: Any, contexts: Contexts) -> dict[str, tuple[Callable[[], object], float]]:
    """The periodic jobs of a service's mails, for its `JOBS`."""
    return {
        "send mails": (partial(send_mails, model, contexts), INTERVAL),
        "clear mails": (partial(clear_mails, model), 3600.0),
    }


def send_mails(model: Any, contexts: Contexts) -> int:
    """Send what waits, as far as one pass goes; how many mails were sent."""
    connection, started, sent = get_connection(), time.monotonic(), 0
    try:
        for _ in range(BATCH):
            if time.monotonic() - started > PASS or not (mail := model.objects.claim()):
                break
            sent += attempt(mail, contexts, connection)
    except ServerAway as error:
        logger.warning("mail_server_away", error=str(error))
    finally:
        hang_up(connection)
    return sent


def attempt(mail: Any, contexts: Contexts, connection: Any) -> bool:
    """Try to send a claimed mail, and note how it went; whatever is wrong with one, the others have their turn.

    Raises `ServerAway`, after which all wait.
    """
    try:
        state, error = deliver(mail, contexts, connection)
    except ServerAway as away:
        type(mail).objects.put_off_all(put_off(mail, error=str(away)))
        raise
    except (SMTPException, OSError) as failure:
        # Nobody knows in what state the conversation is.
        hang_up(connection)
        put_off(mail, error=describe(failure))
        return False
    except Exception as failure:
        logger.exception("mail_failed", kind=mail.kind, mail=str(mail.pk))
        put_off(mail, error=type(failure).__name__)
        return False

    settle(mail, state, error=error)
    return state == State.SENT


def deliver(mail: AbstractMail, contexts: Contexts, connection: Any) -> tuple[State, str]:
    """Make and send a mail; what became of it, and why. Raises `ServerAway`, or what kept it from being sent."""
    if mail.expires_at <= clock.now():
        return State.FAILED, mail.error or "It could not be sent in time."
    context = contexts[mail.kind](mail) if mail.kind in contexts else mail.facts
    if context is None:
        return State.DROPPED, "Not needed any more: nobody has this address, or it had MAILS_PER_HOUR of the kind."

    try:
        message = render(mail, context)
    except CannotBeAddressed as error:
        return State.FAILED, str(error)
    open_connection(connection)
    try:
        connection.send_messages([message])
    except (SMTPRecipientsRefused, SMTPResponseException) as error:
        if not is_final(error):
            raise
        return State.FAILED, describe(error)
    except ValueError as error:
        # Something that no header can hold: it will not become better.
        return State.FAILED, describe(error)
    return State.SENT, ""


def open_connection(connection: Any) -> None:
    """Connect to the mail server, unless that was done; raises `ServerAway`."""
    try:
        connection.open()
    except (SMTPException, OSError) as error:
        raise ServerAway(describe(error)) from error


def hang_up(connection: Any) -> None:
    """End the conversation with the mail server, if there is one, whatever it says to that."""
    try:
        connection.close()
    except (SMTPException, OSError) as error:
        logger.info("mail_server_left", error=describe(error))


# What became of it ------------------------------------------------------------------------------


def settle(mail: Any, state: State, *, error: str = "") -> None:
    if state == State.FAILED:
        logger.warning("mail_given_up", kind=mail.kind, mail=str(mail.pk), attempts=mail.attempts, error=error)
    type(mail).objects.settle(mail, state, error=error)


def put_off(mail: Any, *, error: str) -> Any:
    """Have a mail tried again after a while, or give it up if it has none left; until when it waits."""
    until = clock.now() + wait_after(mail.attempts)
    if until < mail.expires_at:
        type(mail).objects.put_off(mail, until, error=error)
    else:
        settle(mail, State.FAILED, error=error)
    return until


def wait_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts: twice as long each time, less a part by chance."""
    longest = min(FIRST_WAIT * 2 ** min(attempts - 1, 20), LONGEST_WAIT)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def is_final(error: SMTPRecipientsRefused | SMTPResponseException) -> bool:
    """Whether the server refused this mail for good (RFC 5321, 4.2.1), and not our sender, which somebody may mend."""
    if isinstance(error, SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())

    return error.smtp_code >= 500 and not isinstance(error, SMTPSenderRefused)


def describe(error: Exception) -> str:
    """An error in the server's words, without the links that it may quote."""
    said: tuple[object, object] = type(error).__name__, error
    if isinstance(error, SMTPRecipientsRefused):
        said = next(iter(error.recipients.values()))
    elif isinstance(error, SMTPResponseException):
        said = error.smtp_code, error.smtp_error
    words = [part.decode(errors="replace") if isinstance(part, bytes) else str(part) for part in said]
    return re.sub(r"\S*[/=]\S*", "…", " ".join(words))[:200]


def clear_mails(model: Any) -> int:
    """Delete mails that were written long ago and are done with; how many."""
    old = model.objects.filter(written_at__lt=clock.now() - settings.KEPT["mails"])
    return batch_delete.delete(old.exclude(state=State.WAITING), along="written_at")
