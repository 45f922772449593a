"""Old events move into files: each stands in one, and nothing is deleted that does not."""

import gzip
import json
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from config.environment import for_child
from orders.models import Event
from wire.retention import event_archive

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(event_archive, "BATCH", 3)


@pytest.fixture
def write():
    """Append events of so many days ago: `write(400, 400, 2)`; their numbers."""

    def write(*ages):
        made = [Event.objects.create(kind="order", subject=str(age), what="placed", sub="x") for age in ages]
        for event, age in zip(made, ages, strict=True):
            Event.objects.filter(pk=event.pk).update(at=timezone.now() - timedelta(days=age))
        return [event.pk for event in made]

    return write


def archive(folder, *words):
    call_command("archive_events", str(folder), *words, verbosity=0)


def read(folder):
    """The events of orders in the files of a folder."""
    files = sorted(folder.glob("orders-events-*.jsonl.gz"), key=lambda path: (len(path.name), path.name))
    return [json.loads(line) for path in files for line in gzip.decompress(path.read_bytes()).splitlines()]


def left():
    return list(Event.objects.exclude(kind="database").order_by("pk").values_list("pk", flat=True))


def test_what_is_old_moves_and_what_is_not_stays(write, tmp_path):
    *old, new = write(500, 400, 380, 370, 366, 364)
    stored = Event.objects.get(pk=old[0])

    archive(tmp_path)

    assert left() == [new]
    written = read(tmp_path)
    assert [row["id"] for row in written] == old
    assert written[0] == {
        "id": old[0],
        "at": stored.at.isoformat().replace("+00:00", "Z"),
        "kind": "order",
        "subject": "500",
        "what": "placed",
        "sub": "x",
        "actor": "",
        "client_id": "",
        "request_id": "",
        "facts": {},
    }
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]


def test_the_table_says_where_they_are(write, tmp_path):
    write(400, 400)

    archive(tmp_path)

    noted = Event.objects.get(kind="database")
    [path] = tmp_path.iterdir()
    assert (noted.what, noted.facts) == ("events archived", {"file": path.name, "count": 2})


def test_a_second_time_there_is_nothing_to_do(write, tmp_path):
    write(400)
    archive(tmp_path)
    before = read(tmp_path)

    archive(tmp_path)

    assert read(tmp_path) == before


def test_many_go_to_several_files(write, tmp_path, monkeypatch):
    monkeypatch.setattr(event_archive, "MOST", 4)
    old = write(*[400] * 10)

    archive(tmp_path)

    assert left() == []
    assert len(list(tmp_path.iterdir())) == 3
    assert [row["id"] for row in read(tmp_path)] == old


def test_what_was_cut_off_while_deleting_goes_on(write, tmp_path, monkeypatch):
    old = write(*[400] * 10)
    with monkeypatch.context() as patch:
        patch.setattr(event_archive, "delete_written", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            archive(tmp_path)
    Event.objects.filter(pk__in=old[:5]).delete()
    [new] = write(400)

    archive(tmp_path)

    assert left() == []
    assert [row["id"] for row in read(tmp_path)] == [*old, new]


def test_the_files_of_another_shop_delete_nothing(write, tmp_path):
    old = write(400, 400)
    archive(tmp_path)
    Event.objects.bulk_create([Event(pk=old[1], kind="order", subject="another", what="placed", sub="x")])

    with pytest.raises(CommandError, match="another shop"):
        archive(tmp_path)

    assert left() == [old[1]]


@pytest.mark.parametrize(("folder", "words"), [("nowhere", []), ("", ["--days", "29"])])
def test_what_cannot_be_meant_is_refused(tmp_path, folder, words):
    with pytest.raises(CommandError):
        archive(tmp_path / folder, *words)


@pytest.mark.slow
def test_whoever_dies_at_any_step_loses_and_doubles_nothing(tmp_path):
    fill = """
from datetime import timedelta
from django.utils import timezone
from orders.models import Event
Event.objects.bulk_create(Event(kind="order", subject=str(n), what="placed", sub="x") for n in range(2500))
Event.objects.update(at=timezone.now() - timedelta(400))
"""
    count = "from orders.models import Event; print(Event.objects.exclude(kind='database').count())"
    folder = tmp_path / "archive"
    folder.mkdir()

    def run(*words, **environment):
        own = {"DATABASE_URL": f"sqlite:///{tmp_path / 'shop.sqlite3'}", "SERVICES": "orders", **environment}
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(
            command, cwd=settings.BASE_DIR, env=for_child(**own), capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout.split()

    run("migrate")
    run("shell", "-c", fill)

    steps = ["write_file:after", "delete_batch:after", "note:before"]
    died = [run("archive_events", str(folder), FAILPOINT=f"wire.retention.event_archive.{step}")[0] for step in steps]
    again, _ = run("archive_events", str(folder))

    assert (died, again) == ([-signal.SIGKILL] * 3, 0)
    assert sorted(row["subject"] for row in read(folder)) == sorted(map(str, range(2500)))
    assert run("shell", "-c", count)[1][-1] == "0"
