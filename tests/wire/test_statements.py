"""SQL that is made once: it finds and changes what the queryset would, with other values each time."""

import gc
import threading
import weakref

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, connections, transaction
from django.db.models import F

from database.prepared import Change, Objects, Statement, insert, slots

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def rows(db):
    """Three rows, labelled a, b and b."""
    ContentType.objects.all().delete()
    ContentType.objects.bulk_create(ContentType(app_label=label, model=model) for label, model in ("ax", "bx", "by"))


def labels():
    return sorted(ContentType.objects.values_list("app_label", "model"))


def of_label():
    [label] = slots(ContentType, "app_label")
    return ContentType.objects.filter(app_label=label).order_by("model")


def test_a_statement_finds_by_other_values_each_time():
    kept = Statement(of_label().values("model"))

    assert [kept.rows(label) for label in "abc"] == [[{"model": "x"}], [{"model": "x"}, {"model": "y"}], []]


def test_objects_come_as_from_the_queryset():
    kept = Objects(of_label())

    assert kept.find("b") == list(ContentType.objects.filter(app_label="b").order_by("model"))
    assert (kept.first("c"), kept.first("b").model) == (None, "x")


def test_objects_bring_along_what_is_selected(django_assert_num_queries):
    kind = ContentType.objects.get(app_label="a")
    written = Permission.objects.create(name="May", codename="may", content_type=kind)
    [code] = slots(Permission, "codename")
    kept = Objects(Permission.objects.filter(codename=code).select_related("content_type"))

    with django_assert_num_queries(1):
        assert [(found, found.content_type.model) for found in kept.find("may")] == [(written, "x")]


def test_a_change_changes_what_fits_and_counts_it():
    label, model = slots(ContentType, "app_label", "model")
    kept = Change(ContentType.objects.filter(app_label=label), model=model)

    assert [kept.run("a", "z"), kept.run("c", "z")] == [1, 0]
    assert labels() == [("a", "z"), ("b", "x"), ("b", "y")]


def test_a_change_of_many_counts_all():
    label, model, after = slots(ContentType, "app_label", "model", "model")
    kept = Change(ContentType.objects.filter(app_label=label, model=model), model=after)

    assert kept.run_each([("a", "x", "1"), ("b", "y", "2"), ("c", "x", "3")]) == 2
    assert labels() == [("a", "1"), ("b", "2"), ("b", "x")]


def test_a_change_may_speak_of_columns():
    [key] = slots(ContentType, "id")
    row = ContentType.objects.get(app_label="a")

    Change(ContentType.objects.filter(pk=key), model=F("app_label")).run(row.pk)

    assert labels() == [("a", "a"), ("b", "x"), ("b", "y")]


def test_new_rows_get_their_keys_in_their_order():
    new = [ContentType(app_label="c", model=model) for model in "zyx"]

    assert insert(iter(new)) == 3
    assert [ContentType.objects.get(pk=row.pk).model for row in new] == ["z", "y", "x"]
    assert [row.pk for row in new] == sorted(row.pk for row in new)


def test_a_new_row_can_be_saved_again():
    row = ContentType(app_label="c", model="x")
    insert([row])

    row.model = "z"
    row.save()

    assert labels()[-1] == ("c", "z")


def test_what_is_kept_keeps_no_connection_of_a_thread_that_ended():
    """A thread that makes a statement takes its connection along when it ends."""
    ended = []

    def make():
        kept.append(Statement(of_label().values("model")))
        ended.append(weakref.ref(connections["default"]))

    kept: list[Statement] = []
    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    gc.collect()

    assert [connection() for connection in ended] == [None]
    assert kept[0].rows("a") == [{"model": "x"}]


def test_no_rows_are_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert insert([]) == 0


def test_a_row_that_is_there_is_refused_or_left_as_it_is():
    again = ContentType(app_label="b", model="x")

    with pytest.raises(IntegrityError), transaction.atomic():
        insert([again])
    assert insert([again, ContentType(app_label="c", model="x")], ignore_conflicts=True) == 1
    assert labels() == [("a", "x"), ("b", "x"), ("b", "y"), ("c", "x")]
