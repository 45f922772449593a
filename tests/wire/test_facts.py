"""Facts of events in words."""

import pytest

from wire.admin.facts import LONGEST, describe_facts


@pytest.mark.parametrize(
    ("facts", "lines"),
    [
        ({}, []),
        ({"fields": {"price": ["79.000", "82.000"]}}, ["Price: 79.00 to 82.00"]),
        (
            {"fields": {"price": ["4.500", "4.505"], "active": [True, False]}},
            ["Price: 4.50 to 4.505", "Active: yes to no"],
        ),
        ({"fields": {"low_stock": [None, 3]}}, ["Low stock: nothing to 3"]),
        ({"fields": ["name", "email"]}, ["Fields: name, email"]),
        ({"change": -3, "reason": "broken"}, ["Change: -3", "Reason: broken"]),
        ({"lines": [{"product": "x", "wanted": 2}]}, ["Lines: product x; wanted 2"]),
        ({"note": "x" * 300}, [f"Note: {'x' * LONGEST}…"]),
    ],
)
def test_each_fact_is_a_line(facts, lines):
    assert describe_facts(facts) == lines
