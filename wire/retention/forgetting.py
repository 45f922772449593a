"""Events forget whom they tell of, after a time or when somebody is erased; who did what stays, by `sub` alone."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from database import clock
from wire.events import STAYING, AbstractEvent, changing

BATCH = 200
DAY = 86_400.0
WHAT = "people forgotten"
"""The event that says up to which number events have forgotten."""


def forgetting_jobs(model: type[AbstractEvent]) -> dict[str, tuple[Callable[[], object], float]]:
    """The periodic job of a service's events, for its `JOBS`."""
    return {"forget people": (partial(forget_old, model), DAY)}


def forget_old(model: type[AbstractEvent]) -> int:
    """Have the events from before `PERSONAL_DAYS` forget; how many. Each is looked at once: safe to interrupt.

    Raises `ClockDiffers` on a machine whose clock is wrong.
    """
    clock.check()
    events = changing(model).exclude(kind=STAYING)
    old = events.filter(at__lt=clock.now() - settings.KEPT["people"])
    newest = old.order_by("-at", "-pk").values_list("pk", flat=True).first() or 0
    through = find_mark(model, most=newest)
    if newest == through:
        return 0

    count = forget(old.filter(pk__gt=through, pk__lte=newest))
    facts, service = {"through": newest, "count": count}, model._meta.app_label
    changing(model).create(kind=STAYING, subject=service, what=WHAT, sub="work", facts=facts)
    return count


def find_mark(model: type[AbstractEvent], *, most: int) -> int:
    """Up to where events have forgotten. Whoever adds events may forge a mark: one beyond `most` counts for nothing."""
    marks = changing(model).filter(what=WHAT, kind=STAYING).order_by("-at", "-pk")
    found = marks.values_list("facts__through", flat=True)
    return next((mark for mark in found if isinstance(mark, int) and 0 <= mark <= most), 0)


def forget(found: "QuerySet[Any]") -> int:
    """Have some events of `changing` forget, a batch at a time; how many had anything to."""
    count, rest = 0, found.order_by("pk")
    while batch := list(rest[:BATCH]):
        changed = [event for event in batch if event.forget()]
        columns = ["facts", "subject", *(["actor"] if found.model.actor else [])]
        changing(found.model).bulk_update(changed, columns)
        count += len(changed)
        rest = rest.filter(pk__gt=batch[-1].pk)
    return count
