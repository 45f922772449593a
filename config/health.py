"""What every process says of itself: whether it lives, whether it may serve, and its metrics."""

from functools import partial
from typing import Any, cast

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest

from config.periodic_jobs import ABSENT_AFTER, read_records
from database import clock
from database.deadlines import deadline
from database.refusals import last_refusal
from tokens.errors import IssuerUnavailable
from tokens.issuer import read_age, read_lateness, read_skew
from tokens.verification import check_issuer
from wire.api.views import public

UNAVAILABLE = "unavailable"
PROBE = 3.0
"""Seconds that readiness waits for the database in all: whoever probes must hear in time (4 s) what is wrong."""
SCRAPE = 4.0
"""Seconds that metrics wait for the database in all: a collector must hear in time (10 s) that it is away."""


@public
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Whether the process is alive."""
    return answer_health(200, {"status": "alive"})


@public
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether the process may serve: its database answers, and tokens can be checked, and signed by accounts.

    Where the database takes no writes the status is `reads only`, and 200: what reads is still served. So it is where
    no worker runs the jobs, which `work` says: requests are served without one.
    """
    with deadline(PROBE):
        database, writing = check_database()
        checks = {"database": database, "issuer": ask_issuer(), **check_clocks()}
        if any(state.startswith(UNAVAILABLE) for state in checks.values()):
            return answer_health(503, {"status": "not ready", **checks})

        status = "ready" if writing == "ok" else "reads only"
        return answer_health(200, {"status": status, **checks, "writing": writing, "work": ask_work()})


@public
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures of this process, as Prometheus reads them."""
    with deadline(SCRAPE):
        # Before the tables, of which one may be locked for longer than all of it may take.
        database, writing = check_database()
        UP.set(database == "ok")
        WRITABLE.set(writing == "ok")
        return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def check_database() -> tuple[str, str]:
    """Whether the database answers, and takes writes, as far as it says so itself or has just refused one."""
    try:
        refusal = "read-only" if cast(Any, connection).is_read_only() else last_refusal()
    except DatabaseError as error:
        return f"{UNAVAILABLE}: {type(error).__name__}", "unknown"
    return "ok", f"refused: {refusal}" if refusal else "ok"


def ask_work() -> str:
    """Whether some worker runs the jobs of these services, or for how long the one that has waited longest is due."""
    try:
        late = max((record.late for record in read_records()), default=0.0)
    except DatabaseError as error:
        return f"unknown: {type(error).__name__}"
    return f"late by {late:.0f} s" if late > ABSENT_AFTER else "ok"


def check_clocks() -> dict[str, str]:
    """By how much clocks differ, in a member that is there only if it is more than 5 seconds."""
    found = {"this machine's": clock.reference.read_skew(), "the issuer's": read_skew()}
    told = [f"{name} is {clock.describe(skew)}" for name, skew in found.items() if abs(skew) > clock.TOLD_FROM]
    return {"clock": "; ".join(told)} if told else {}


def ask_issuer() -> str:
    """Whether tokens can be checked and signed, and by how much what is known of revocations is too old."""
    try:
        check_issuer()
        check_signing()
    except (IssuerUnavailable, DatabaseError):
        return UNAVAILABLE
    lateness = read_lateness()
    return f"late by {lateness:.0f} s" if lateness else "ok"


UP = Gauge("tessera_database_up", "Whether the database answers")
WRITABLE = Gauge("tessera_database_takes_writes", "Whether the database answers and takes writes")
Gauge("tessera_issuer_lateness_seconds", "How much older than they should be keys or status lists are").set_function(
    read_lateness
)
AGE = Gauge("tessera_issuer_document_age_seconds", "Age of the keys, and of the newest status list held", ["document"])
for document in ("keys", "status-list"):
    AGE.labels(document).set_function(partial(read_age, document))
SKEW = Gauge("tessera_clock_skew_seconds", "How much a clock is ahead of the one that this service goes by", ["clock"])
SKEW.labels("machine").set_function(clock.reference.read_skew)
SKEW.labels("issuer").set_function(read_skew)


def check_signing() -> None:
    """Raise `IssuerUnavailable` if this process is to sign tokens and cannot open the key for it."""
    if "accounts" in settings.SERVICES:
        from accounts.issuing import keys  # noqa: PLC0415 - accounts may not be installed

        keys.current_signer()


def answer_health(status: int, members: dict[str, str]) -> HttpResponse:
    response = JsonResponse({**members, "services": settings.SERVICES}, status=status)
    response["Cache-Control"] = "no-store"
    return response
