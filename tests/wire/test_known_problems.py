"""Every problem is explained, on the page that its `type` leads to."""

import ast

import pytest
from django.conf import settings

from tokens.registry import services
from wire.api.known_problems import known_problems
from wire.api.problems import CODES

CODE = 1
"""Which argument of a `ProblemType` is its code."""


def stated_codes():
    """The codes that the code answers with, as far as they are written down there."""
    for package in ("config", "wire", *services()):
        for path in (settings.BASE_DIR / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ProblemType":
                    yield from (code.value for code in node.args[CODE : CODE + 1] if isinstance(code, ast.Constant))


def test_every_code_is_explained():
    stated = {code for code in stated_codes() if code}

    assert {"insufficient-stock", "throttled", "not-found"} <= stated | {*CODES.values()}
    assert stated | {*CODES.values()} <= {*known_problems()}


@pytest.mark.skipif("orders" not in settings.SERVICES, reason="needs orders")
def test_every_reason_to_refuse_an_order_is_explained():
    from orders.inventory import UNORDERABLE
    from orders.presenters import REASONS

    assert {*REASONS, *UNORDERABLE} <= {*known_problems()}


@pytest.mark.parametrize("code", sorted(known_problems()))
def test_each_problem_has_a_page(client, code):
    problem = known_problems()[code]

    page = client.get(f"/problems/{code}/")

    assert page.status_code == 200
    assert code in page.content.decode()
    assert problem.example["title"] in page.content.decode().replace("&#x27;", "'")


def test_the_type_of_a_problem_leads_to_its_page(client, alice):
    problem = alice.get("/api/nowhere/").json()

    page = client.get(problem["type"])

    assert page.status_code == 200
    assert problem["title"] in page.content.decode()


def test_the_list_of_problems_leads_to_each(client):
    page = client.get("/problems/").content.decode()

    assert all(f'href="/problems/{code}/"' in page for code in known_problems())


def test_a_code_that_is_none_has_no_page(client):
    assert client.get("/problems/nothing-of-the-kind/").status_code == 404
