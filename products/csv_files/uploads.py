"""Catalogues that staff send as files: kept in the database, checked, shown, and written once they say so.

What does not take long is done in the request; the rest by `manage.py work`, on whichever machine.
"""

import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from database import clock
from database.csv_reading import Unreadable
from products.csv_files.importing import Import, TakesTooLong, import_products
from products.csv_files.reports import to_json
from products.csv_files.rows import Layout
from products.models import UploadedFile
from wire.events import Actor, Named, name_actor

State = UploadedFile.State

MAX_FILE = 10 * 1024 * 1024
"""Bytes of a file, as it is sent."""
MAX_KEPT = 5
"""Files of one person that are kept; the oldest goes."""
IN_REQUEST = 2.0
"""Seconds that a request works on a file."""
CLAIM = timedelta(minutes=15)
"""How long whoever works on a file may take before another takes them for dead."""
UNDER_WAY = (State.CHECKING, State.WRITING)


class WrittenMeanwhile(Exception):
    """Somebody else has written the file."""


def keep_upload(name: str, content: bytes, options: Mapping[str, Any], *, by: Actor) -> UploadedFile:
    """Keep a file for its check, with the options that `read_task` takes."""
    own = UploadedFile.objects.filter(sub=by.sub).exclude(state=State.WRITING)
    surplus = own.order_by("-created_at").values_list("pk", flat=True)[MAX_KEPT - 1 :]
    UploadedFile.objects.filter(pk__in=list(surplus)).delete()
    return UploadedFile.objects.create(
        name=name[-200:], content=content, options=dict(options), sub=by.sub, actor=name_actor(by)
    )


def confirm(upload_id: UUID) -> bool:
    """Have a file written that was checked; whether this call did."""
    checked = UploadedFile.objects.filter(pk=upload_id, state=State.CHECKED)
    return checked.update(state=State.WRITING, claimed_until=clock.now()) == 1


def advance(upload_id: UUID, *, seconds: float | None = None) -> None:
    """Check or write a file, unless somebody is at it; after so many seconds leave the rest to others."""
    now = clock.now()
    free = UploadedFile.objects.filter(pk=upload_id, state__in=UNDER_WAY, claimed_until__lte=now)
    if not free.update(claimed_until=now + CLAIM):
        return

    upload = UploadedFile.objects.get(pk=upload_id)
    try:
        run_import(upload, deadline=None if seconds is None else time.monotonic() + seconds)
    except WrittenMeanwhile:
        return
    except Unreadable as error:
        finish(upload, State.REFUSED, {"refusal": str(error)})
    except BaseException as error:
        UploadedFile.objects.filter(pk=upload_id).update(claimed_until=clock.now())
        if not isinstance(error, TakesTooLong):
            raise


def run_import(upload: UploadedFile, *, deadline: float | None) -> None:
    is_check = upload.state == State.CHECKING
    with NamedTemporaryFile(prefix="import-") as file:
        file.write(upload.content)
        file.flush()
        task = read_task(Path(file.name), upload)
        import_products(
            task._replace(
                dry_run=is_check,
                deadline=deadline,
                on_written=lambda report: finish(upload, State.CHECKED if is_check else State.WRITTEN, to_json(report)),
            )
        )


def read_task(path: Path, upload: UploadedFile) -> Import:
    """What is to be done with a file, as its options say: those of `Layout`, and `on_existing`."""
    options = dict(upload.options)
    on_existing = options.pop("on_existing")
    return Import(path, Layout(**options), on_existing=on_existing, by=Named(upload.sub, name=upload.actor))


def finish(upload: UploadedFile, state: str, report: dict[str, Any]) -> None:
    """Write down what came of a file, once: raises `WrittenMeanwhile`, which undoes what adds to stock."""
    content = upload.content if state == State.CHECKED else b""
    found = UploadedFile.objects.filter(pk=upload.pk, state=upload.state)
    if not found.update(state=state, report=report, content=content):
        raise WrittenMeanwhile


# Periodic jobs ----------------------------------------------------------------------------------


def run_uploads() -> None:
    """Check and write what requests have left."""
    now = clock.now()
    waiting = UploadedFile.objects.filter(state__in=UNDER_WAY, claimed_until__lte=now)
    # By the last attempt, so that one that fails each time comes after the others.
    for upload_id in list(waiting.order_by("claimed_until").values_list("pk", flat=True)[:10]):
        advance(upload_id)


def clear_uploads() -> None:
    """Forget old files, but for those that are being written."""
    clock.check()
    old = UploadedFile.objects.filter(created_at__lt=clock.now() - settings.KEPT["uploads"])
    old.filter(~Q(state=State.WRITING)).delete()
