"""What stands behind the `?` of an address is what it takes, or it is said what is wrong."""

import pytest
from django.http import QueryDict
from rest_framework.exceptions import ValidationError

from tests.addresses import view_class, walk
from tests.conftest import Person
from tokens.scopes import SCOPES
from wire.queries import TRACKING, Choice, MappedChoice, PageQuery, Query, keep_given, read_query

FREE = {"favicon.ico", "healthz", "readyz", "metrics"}
"""What probes and programs ask for, beside `oauth/` and `.well-known/`, where their RFCs say what is ignored."""


class Teas(PageQuery):
    """The query of a list of teas."""

    colour = Choice(["green", "black"], required=False)
    loose = MappedChoice({"true": True, "false": False}, required=False)


def errors(query, kind=Teas):
    with pytest.raises(ValidationError) as refused:
        read_query(QueryDict(query), kind)
    return refused.value.detail


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"limit": 20}),
        ("limit=1", {"limit": 1}),
        ("limit=100&cursor=abc", {"limit": 100, "cursor": "abc"}),
        ("colour=green&loose=false", {"limit": 20, "colour": "green", "loose": False}),
        ("colour=&limit=&cursor=%20&loose=", {"limit": 20}),
        ("colour=&colour=green&colour=", {"limit": 20, "colour": "green"}),
    ],
)
def test_a_query_is_read_and_what_is_empty_was_not_given(query, found):
    assert read_query(QueryDict(query), Teas) == found


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.0", "ten", "٣", "1e1", "9" * 5_000, "00000000150000000"])
def test_any_other_limit_is_refused(limit):
    assert errors(f"limit={limit}") == {"limit": ["It is a whole number from 1 to 100."]}


def test_who_sends_a_wrong_word_is_told_the_right_ones():
    assert errors("colour=gren&loose=yes") == {
        "colour": ["It is one of: green, black."],
        "loose": ["It is one of: true, false."],
    }


@pytest.mark.parametrize("value", ["green", "", "%00"])
def test_an_unknown_parameter_is_named_with_what_is_known(value):
    assert errors(f"color={value}") == {
        "color": ["Unknown parameter. Known are: colour, cursor, limit, loose."],
    }


def test_where_nothing_is_taken_that_is_said():
    assert errors("a=1", Query) == {"a": ["Unknown parameter. There are none here."]}


@pytest.mark.parametrize("query", ["colour=green&colour=black", "colour=green&colour=green", "limit=1&limit=2"])
def test_a_parameter_is_given_once(query):
    name = query.partition("=")[0]

    assert errors(query) == {name: ["It is given more than once."]}


@pytest.mark.parametrize("name", ["utm_source", "utm_id", "fbclid", "gclid", "msclkid", "wbraid", "mc_eid", "_gl"])
def test_pages_let_go_of_what_only_tracks_people(name):
    assert keep_given(QueryDict(f"{name}=x&{name}=y&colour=green"), {"colour"}).urlencode() == "colour=green"


@pytest.mark.parametrize("name", ["utm", "q", "cursor", "next", "status", "id", "clid"])
def test_nothing_else_is_taken_for_tracking(name):
    assert not TRACKING.fullmatch(name)


def is_checked(address):
    programs = address.route.startswith(("oauth/", ".well-known/", "admin/"))
    return not programs and address.route not in FREE


@pytest.mark.django_db
@pytest.mark.parametrize("address", [a for a in walk() if is_checked(a)], ids=lambda address: address.route)
def test_no_address_ignores_a_typing_error(address):
    """Every API view and page, whoever adds it, refuses what it does not say that it takes."""
    person = Person("anyone", " ".join(SCOPES))
    client = person.browser if address.is_page else person

    for method in methods(address):
        response = client.generic(method, f"{address.path}?prize_max=5")

        assert (response.status_code, b"prize_max" in response.content) == (400, True), response.content


def methods(address):
    """Those that a view takes, as far as it says so."""
    if isinstance(address.scopes, dict):
        return list(address.scopes)

    kind = view_class(address.view)
    return [name.upper() for name in ("get", "post") if kind is None or hasattr(kind, name)]


def test_probes_and_programs_are_not_held_up(client, db):
    assert client.get("/healthz?t=1").status_code == 200
