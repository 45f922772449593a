"""Rows that have served are deleted in batches."""

import re

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext

from database import batch_delete

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_all_of_them_go_however_many_in_batches(monkeypatch):
    monkeypatch.setattr(batch_delete, "BATCH", 10)
    ContentType.objects.bulk_create(ContentType(app_label="old", model=str(number)) for number in range(25))
    old = ContentType.objects.filter(app_label="old")

    with CaptureQueriesContext(connection) as queries:
        assert batch_delete.delete(old) == 25

    deletions = [query for query in queries if query["sql"].startswith('DELETE FROM "django_content_type"')]
    assert len(deletions) == 3
    assert not old.exists()


def test_no_batch_reads_again_what_one_before_it_has_read(monkeypatch):
    """What was deleted still lies in its place for a while, and to pass it again and again took minutes."""
    monkeypatch.setattr(batch_delete, "BATCH", 10)
    made = ContentType.objects.bulk_create(
        ContentType(app_label="old" if number % 2 else "new", model=f"{number:02}") for number in range(40)
    )
    old = ContentType.objects.filter(app_label="old", pk__gte=made[0].pk)

    with CaptureQueriesContext(connection) as queries:
        assert batch_delete.delete(old) == 20

    reads = [query["sql"] for query in queries if query["sql"].startswith("SELECT") and "LIMIT 10" in query["sql"]]
    assert len(reads) == 3
    begins = [max(map(int, re.findall(r'"id" >= (\d+)', sql))) for sql in reads]
    assert begins == [made[number].pk for number in (0, 19, 39)]


def test_rows_may_be_read_along_another_column_however_many_share_its_value(monkeypatch):
    monkeypatch.setattr(batch_delete, "BATCH", 3)
    ContentType.objects.bulk_create(ContentType(app_label="old", model=str(number)) for number in range(10))
    ContentType.objects.create(app_label="new", model="new")

    assert batch_delete.delete(ContentType.objects.filter(app_label="old"), along="app_label") == 10
    assert ContentType.objects.filter(app_label="new").exists()


def test_what_no_index_tells_is_looked_through_a_batch_at_a_time(monkeypatch):
    monkeypatch.setattr(batch_delete, "BATCH", 10)
    made = ContentType.objects.bulk_create(
        ContentType(app_label="old" if number % 7 == 0 else "new", model=f"{number:02}") for number in range(40)
    )
    others = ContentType.objects.filter(pk__gte=made[0].pk)

    with CaptureQueriesContext(connection) as queries:
        assert batch_delete.delete_among(others, others.filter(app_label="old")) == 6

    deletions = [query["sql"] for query in queries if query["sql"].startswith("DELETE")]
    assert len(deletions) == 4
    assert others.count() == 34
    assert not others.filter(app_label="old").exists()
