"""Rows that have served are deleted in batches."""

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
