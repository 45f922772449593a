"""Lists by pages: forth and back, over every row once, with cursors that work for one list alone."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import orjson
import pytest
from django.contrib.contenttypes.models import ContentType
from rest_framework.request import Request

from wire.keyset import InvalidCursor, Ordering, Page, kept_list, paginate
from wire.page_links import write_page

UP = Ordering("label", ("app_label", "id"))
DOWN = Ordering("-label", ("app_label", "id"), descending=True)


@pytest.fixture(autouse=True)
def rows(db):
    """Seven rows, three of which share a label."""
    ContentType.objects.all().delete()
    labels = ["a", "b", "b", "b", "c", "d", "e"]
    ContentType.objects.bulk_create(ContentType(app_label=label, model=str(n)) for n, label in enumerate(labels))
    return [row["id"] for row in listed().order_by("app_label", "id")]


def listed():
    return ContentType.objects.values("id", "app_label")


def turn(cursor=None, ordering=UP, limit=3, **options) -> Page:
    return paginate(listed(), ordering, cursor=cursor, limit=limit, **options)


def ids(page):
    return [row["id"] for row in page.rows]


def forged(cursor, values):
    """A cursor of the same list that names another place."""
    shape, backward, _ = orjson.loads(urlsafe_b64decode(cursor + "=="))
    return urlsafe_b64encode(orjson.dumps([shape, backward, values])).rstrip(b"=").decode()


def test_forward_every_row_comes_once(rows):
    first = turn()
    second = turn(first.next)
    third = turn(second.next)

    assert [ids(first), ids(second), ids(third)] == [rows[:3], rows[3:6], rows[6:]]
    assert (first.previous, third.next) == (None, None)


def test_backward_the_same_pages_come_again(rows):
    second = turn(turn().next)
    third = turn(second.next)

    back = turn(third.previous)

    assert ids(back) == ids(second)
    assert ids(turn(back.previous)) == rows[:3]
    assert ids(turn(back.next)) == rows[6:]


def test_at_the_beginning_nothing_is_before(rows):
    back = turn(turn(turn().next).previous)

    assert (ids(back), back.previous) == (rows[:3], None)


def test_downward_the_order_is_turned_round(rows):
    first = turn(ordering=DOWN)

    assert ids(first) + ids(turn(first.next, DOWN)) == rows[::-1][:6]


def test_a_last_page_that_is_full_has_no_next(rows):
    assert turn(limit=7).next is None


def test_a_row_that_comes_meanwhile_shifts_no_page(rows):
    first = turn()
    ContentType.objects.create(app_label="a", model="new")

    assert ids(turn(first.next)) == rows[3:6]


def test_a_row_that_goes_meanwhile_shifts_no_page(rows):
    first = turn()
    ContentType.objects.filter(id=rows[2]).delete()

    assert ids(turn(first.next)) == rows[3:6]


def test_nothing_is_a_page_without_neighbours(rows):
    ContentType.objects.all().delete()

    assert turn()[:3] == ([], None, None)


def test_a_page_takes_one_query(rows, django_assert_num_queries):
    cursor = turn().next

    with django_assert_num_queries(1):
        turn(cursor)


@kept_list(ContentType, least="app_label")
def from_label(columns, least):
    return ContentType.objects.filter(app_label__gte=least).values(*columns)


def turn_kept(cursor=None, ordering=UP, least="b", columns=("id", "app_label")):
    return from_label.page(ordering, cursor=cursor, limit=3, columns=columns, least=least)


@pytest.mark.parametrize("ordering", [UP, DOWN])
def test_a_kept_list_has_the_pages_of_the_plain_one(rows, ordering):
    rows = rows[1:] if ordering is UP else rows[:0:-1]
    first = turn_kept(None, ordering)
    second = turn_kept(first.next, ordering)

    assert [ids(first), ids(second), second.next] == [rows[:3], rows[3:], None]
    assert ids(turn_kept(second.previous, ordering)) == rows[:3]


def test_a_kept_list_is_filtered_by_what_it_takes(rows):
    assert [ids(turn_kept(least=least)) for least in "de"] == [rows[5:], rows[6:]]
    assert turn_kept(columns=("id", "app_label", "model"), least="e").rows[0]["model"] == "6"


@pytest.mark.parametrize("other", [{"least": "a"}, {"columns": ("app_label", "id")}, {"ordering": DOWN}])
def test_a_cursor_of_a_kept_list_is_refused_by_another(rows, other):
    with pytest.raises(InvalidCursor):
        turn_kept(turn_kept().next, **other)


def test_a_cursor_of_another_order_is_refused():
    with pytest.raises(InvalidCursor):
        turn(turn().next, DOWN)


def test_a_cursor_of_other_filters_is_refused():
    with pytest.raises(InvalidCursor):
        turn(turn(filters={"q": "tea"}).next, filters={"q": "coffee"})


def test_a_cursor_of_the_same_filters_is_taken(rows):
    assert ids(turn(turn(filters={"q": "tea"}).next, filters={"q": "tea"})) == rows[3:6]


@pytest.mark.parametrize("cursor", ["a", "====", "é", "bnVsbA", "W10", "e30", "WzEsMiwzXQ", "%00", "A" * 5_000])
def test_a_cursor_that_is_made_up_is_refused(cursor):
    with pytest.raises(InvalidCursor):
        turn(cursor)


@pytest.mark.parametrize(
    "values",
    [
        [],
        ["b"],
        ["b", 1, 1],
        ["b", None],
        [None, 1],
        ["b", "tea"],
        ["b", 2**63],
        ["b\0", 1],
        7,
        None,
    ],
)
def test_a_cursor_whose_values_fit_no_column_is_refused(values):
    with pytest.raises(InvalidCursor):
        turn(forged(turn().next, values))


def test_a_cursor_names_a_place_even_where_no_row_is(rows):
    assert ids(turn(forged(turn().next, ["bb", 0]))) == rows[4:]


def test_addresses_keep_what_else_was_asked_for(rf):
    request = Request(rf.get("/api/things/?q=tea&cursor=old&limit=3"))

    body = write_page(request, Page([], "new", None, "", Ordering("any", ("id",))), [])

    address = "http://testserver/api/things/?q=tea&cursor=new&limit=3"
    assert body == {"results": [], "next": address, "previous": None}


def test_a_page_that_is_cut_goes_on_with_the_row_after_it(rows):
    page = turn().cut(2)

    assert [ids(page), ids(turn(page.next))] == [rows[:2], rows[2:5]]


def test_a_page_read_backwards_loses_its_beginning_when_it_is_cut(rows):
    page = turn(turn(turn().next).previous).cut(2)

    assert [ids(turn(page.previous)), ids(page), ids(turn(page.next))] == [rows[:1], rows[1:3], rows[3:6]]
