"""SQL that is made once: it finds and changes what the queryset would, with other values each time."""

import ast
import gc
import re
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, connections, transaction
from django.db.models import F

from database import prepared

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DOCUMENTED = {
    *("DEFAULT_DB_ALIAS", "connections", "cursor", "execute", "executemany", "fetchall", "rowcount", "close"),
    *("pipelines", "is_open", "unanswered", "wait_for"),
    *("transaction", "get_autocommit", "set_rollback", "EmptyResultSet"),
    *("QuerySet", "query", "values_list", "Expression", "AutoField", "Field", "attname", "related_model"),
    *("get_db_prep_value", "get_db_prep_save", "pre_save"),
    *("Model", "DoesNotExist", "from_db", "pk", "_state", "adding", "db"),
    *("_meta", "get_field", "concrete_fields", "db_table"),
}
"""The names of Django that `database.prepared` uses, and that its documentation has."""


@pytest.fixture(autouse=True)
def rows(db):
    """Three rows, labelled a, b and b."""
    ContentType.objects.all().delete()
    ContentType.objects.bulk_create(ContentType(app_label=label, model=model) for label, model in ("ax", "bx", "by"))


def labels():
    return sorted(ContentType.objects.values_list("app_label", "model"))


def of_label(label):
    return ContentType.objects.filter(app_label=label).order_by("model")


def test_rows_are_found_by_other_values_each_time():
    found = prepared.rows(ContentType, label="app_label")(lambda label: of_label(label).values("model"))

    assert [found(label=label) for label in "abc"] == [[{"model": "x"}], [{"model": "x"}, {"model": "y"}], []]


def test_a_row_has_annotations_by_their_names():
    @prepared.rows(ContentType, label="app_label")
    def found(label):
        return of_label(label).values("model", kind=F("app_label"))

    assert found(label="a") == [{"model": "x", "kind": "a"}]


def test_a_list_of_values_may_have_any_length(django_assert_num_queries):
    @prepared.rows(ContentType, keys=["id"])
    def found(keys):
        return ContentType.objects.filter(pk__in=keys).values("app_label", "model").order_by("app_label", "model")

    keys = list(ContentType.objects.order_by("app_label", "model").values_list("pk", flat=True))
    with django_assert_num_queries(2):
        assert found(keys=keys[:1]) == [{"app_label": "a", "model": "x"}]
        assert [row["model"] for row in found(keys=keys)] == ["x", "x", "y"]


def test_no_values_find_nothing_and_ask_nobody(django_assert_num_queries):
    @prepared.rows(ContentType, keys=["id"])
    def found(keys):
        return ContentType.objects.filter(pk__in=keys).values("model")

    with django_assert_num_queries(0):
        assert found(keys=[]) == []


def test_what_is_no_value_makes_a_statement_of_its_own():
    @prepared.rows(ContentType, label="app_label")
    def found(columns, label=None):
        return (of_label(label) if label else ContentType.objects.order_by("model")).values(*columns)

    assert found(columns=("app_label", "model"), label="a") == [{"app_label": "a", "model": "x"}]
    assert found(columns=("model",), label="a") == [{"model": "x"}]
    assert found(columns=("model",)) == [{"model": "x"}, {"model": "x"}, {"model": "y"}]


@pytest.mark.parametrize("values", [{}, {"name": "a"}, {"label": "a", "name": "a"}])
def test_a_keyword_that_is_missing_or_wrong_is_refused(values):
    @prepared.rows(ContentType, label="app_label")
    def by_label(label):
        return of_label(label).values("model")

    with pytest.raises(TypeError, match=r"by_label\(\) (missing|got an unexpected)"):
        by_label(**values)


def test_values_are_given_by_keyword_alone():
    with pytest.raises(TypeError, match="by keyword"):
        prepared.rows(ContentType, label="app_label")(of_label)("a")


def test_objects_come_as_from_the_queryset():
    found = prepared.objects(ContentType, label="app_label")(of_label)

    assert found(label="b") == list(ContentType.objects.filter(app_label="b").order_by("model"))
    assert (found.first(label="c"), found.first(label="b").model) == (None, "x")
    with pytest.raises(ContentType.DoesNotExist):
        found.get(label="c")


def test_an_object_can_be_saved_again():
    row = prepared.objects(ContentType, label="app_label")(of_label).get(label="a")

    row.model = "z"
    row.save()

    assert labels() == [("a", "z"), ("b", "x"), ("b", "y")]


def test_objects_bring_along_what_they_refer_to(django_assert_num_queries):
    kind = ContentType.objects.get(app_label="a")
    written = Permission.objects.create(name="May", codename="may", content_type=kind)

    @prepared.objects(Permission, "content_type", code="codename")
    def found(code):
        return Permission.objects.filter(codename=code)

    with django_assert_num_queries(1):
        assert [(found, found.content_type) for found in found(code="may")] == [(written, kind)]


@prepared.update(ContentType, label="app_label", before="model", after="model")
def rename(label, before, after):
    return ContentType.objects.filter(app_label=label, model=before).update(model=after)


def test_an_update_changes_what_fits_and_counts_it():
    assert [rename(label="a", before="x", after="z"), rename(label="c", before="x", after="z")] == [1, 0]
    assert labels() == [("a", "z"), ("b", "x"), ("b", "y")]


def test_an_update_of_many_changes_each():
    many = [("a", "x", "1"), ("b", "y", "2"), ("c", "x", "3")]

    rename.many([{"label": label, "before": before, "after": after} for label, before, after in many])
    rename.many([])

    assert labels() == [("a", "1"), ("b", "2"), ("b", "x")]


def test_many_must_be_of_one_statement():
    @prepared.update(ContentType, label="app_label")
    def name(label, model):
        return ContentType.objects.filter(app_label=label).update(model=model)

    with pytest.raises(TypeError):
        name.many([{"label": "a", "model": "1"}, {"label": "b", "model": "2"}])


def test_an_update_may_speak_of_columns():
    @prepared.update(ContentType, key="id")
    def name_by_label(key):
        return ContentType.objects.filter(pk=key).update(model=F("app_label"))

    assert name_by_label(key=ContentType.objects.get(app_label="a").pk) == 1
    assert labels() == [("a", "a"), ("b", "x"), ("b", "y")]


def test_an_update_that_fails_undoes_its_transaction():
    def read_on():
        with transaction.atomic():
            with pytest.raises(IntegrityError):
                rename(label="b", before="x", after="y")
            ContentType.objects.get(app_label="a")

    with pytest.raises(transaction.TransactionManagementError):
        read_on()


def test_new_rows_get_their_keys_in_their_order():
    new = [ContentType(app_label="c", model=model) for model in "zyx"]

    assert prepared.insert(iter(new)) == 3
    assert [ContentType.objects.get(pk=row.pk).model for row in new] == ["z", "y", "x"]
    assert [row.pk for row in new] == sorted(row.pk for row in new)


def test_a_new_row_can_be_saved_again():
    row = ContentType(app_label="c", model="x")
    prepared.insert([row])

    row.model = "z"
    row.save()

    assert labels()[-1] == ("c", "z")


@pytest.mark.parametrize("kind", [prepared.rows, prepared.update])
def test_what_is_kept_keeps_no_connection_of_a_thread_that_ended(kind):
    """A thread that makes a statement takes its connection along when it ends."""
    functions = {
        prepared.rows: lambda label: of_label(label).values("id", "model"),
        prepared.update: lambda label: of_label(label).update(model=F("model")),
    }
    found = kind(ContentType, label="app_label")(functions[kind])
    ended = []

    def make():
        found.statement((), {"label": "a"})
        ended.append(weakref.ref(connections["default"]))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    gc.collect()

    assert [connection() for connection in ended] == [None]
    assert found(label="a") in (1, [{"id": ContentType.objects.get(app_label="a").pk, "model": "x"}])


def test_no_rows_are_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert prepared.insert([]) == 0


def test_a_row_that_is_there_is_refused_or_left_as_it_is():
    again = ContentType(app_label="b", model="x")

    with pytest.raises(IntegrityError), transaction.atomic():
        prepared.insert([again])
    assert prepared.insert([again, ContentType(app_label="c", model="x")], ignore_conflicts=True) == 1
    assert labels() == [("a", "x"), ("b", "x"), ("b", "y"), ("c", "x")]


def test_the_names_that_are_private_to_django_are_listed():
    """What an upgrade of Django may take away, by reading the module's own source."""
    tree = ast.parse(Path(prepared.__file__).read_text())
    nodes = list(ast.walk(tree))
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module.startswith("django")]
    own = {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    own |= {node.target.id for node in nodes if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}
    own |= {node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id == "self"}
    python = {
        name for kind in (str, list, dict, slice, type, Future, ThreadPoolExecutor, ParamSpec) for name in dir(kind)
    }

    listed = re.findall(r"`\w+\.(\w+)`", ast.get_docstring(tree).partition("Private to Django")[2])
    used = {node.attr for node in attributes} | {name.name for node in imports for name in node.names}
    assert used - (own - set(listed)) - python - DOCUMENTED == set(listed)
    assert len(listed) <= 5
