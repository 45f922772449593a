"""What a developer reads in the console: one line for a request, in colour on a terminal alone."""

import re

import pytest

from config.logs import Console, has_colours

EVENT = {
    "event": "request_finished",
    "code": 200,
    "request": "GET /products/",
    "request_id": "abc",
    "timestamp": "2026-05-04T09:30:00.000000Z",
    "level": "info",
}
TIME = re.compile(r"^\d\d:\d\d:\d\d ")


def show(*, colours=False, **facts):
    """The line of a request, without its time."""
    line = Console(colours=colours)(None, "info", EVENT | facts)
    assert TIME.match(line)
    return TIME.sub("", line)


def test_a_request_is_status_method_and_path():
    assert show() == "200 GET /products/"


def test_a_refusal_says_why():
    assert show(code=401, reason="invalid-token") == "401 GET /products/ (invalid-token)"


def test_a_fault_of_ours_shows_where_it_was_and_the_id_to_look_for():
    line = show(code=500, exception="Traceback ...\nZeroDivisionError")

    assert line == "500 GET /products/ request id abc\nTraceback ...\nZeroDivisionError"


def test_the_status_has_a_colour_on_a_terminal():
    assert show(colours=True) == "\033[32m200\033[0m GET /products/"


def test_nothing_in_an_address_reaches_the_terminal():
    assert show(request="GET /a\nb\x1b[2J/") == "200 GET /a\\nb\\x1b[2J/"


@pytest.mark.parametrize(("variables", "has"), [({}, False), ({"FORCE_COLOR": "1"}, True), ({"NO_COLOR": "1"}, False)])
def test_who_started_us_says_whether_there_are_colours(monkeypatch, variables, has):
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert has_colours() is has


def test_anything_else_is_told_as_ever():
    line = Console(colours=False)(None, "info", {"event": "orders_settled", "settled": 1, "level": "info"})

    assert "orders_settled" in line
    assert "settled=1" in line
