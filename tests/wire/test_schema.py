"""The document of the API says only what it defines."""

import re
import uuid

import pytest
from django.conf import settings
from rest_framework.test import APIClient


@pytest.fixture
def document(client):
    return client.get("/api/schema/").json()


def operations(document):
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def test_every_scheme_that_an_operation_asks_for_is_defined(document):
    asked = {name for operation in operations(document) for scheme in operation.get("security", []) for name in scheme}

    assert asked == set(document["components"]["securitySchemes"]) == {"bearer"}
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_whoever_must_wait_is_told_for_how_long(document):
    answers = [answer for operation in operations(document) for answer in operation["responses"].items()]
    later = [answer for status, answer in answers if status in ("429", "503")]

    assert later
    assert all(answer["headers"]["Retry-After"]["schema"] == {"type": "integer"} for answer in later)


@pytest.mark.skipif("orders" not in settings.SERVICES, reason="needs orders")
def test_each_action_on_an_order_has_a_name_and_the_scopes_of_the_table(document):
    paths = {
        path.split("/")[-2]: methods["post"]
        for path, methods in document["paths"].items()
        if "order_id}/" in path and path.startswith("/api/orders/") and "post" in methods
    }

    stated = {action: [*(scheme["bearer"][0] for scheme in post["security"])] for action, post in paths.items()}
    assert {action: post["operationId"] for action, post in paths.items()} == {
        action: f"orders_{action}" for action in ("cancel", "pay", "ship", "deliver", "return")
    }
    assert stated == {
        "cancel": ["orders:manage", "orders:write"],
        "pay": ["orders:manage", "orders:pay"],
        "ship": ["orders:manage"],
        "deliver": ["orders:manage"],
        "return": ["orders:manage"],
    }


@pytest.mark.skipif("orders" not in settings.SERVICES, reason="needs orders")
def test_a_refused_order_says_whether_it_was_refused_before(document):
    answers = document["paths"]["/api/orders/"]["post"]["responses"]

    assert {"Idempotent-Replayed", "Retry-After"} <= set(answers["409"]["headers"])


def ask_each(document, accepts):
    """The status of each operation, asked by nobody with each `Accept` that is made of the media types it documents."""
    nobody = APIClient()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            types = {name for answer in operation["responses"].values() for name in answer.get("content", ())}
            for accept in accepts(sorted(types)):
                address = re.sub(r"{\w+}", str(uuid.uuid4()), path)
                yield nobody.generic(method.upper(), address, b"", "application/json", headers={"Accept": accept})


@pytest.mark.django_db
def test_every_operation_is_to_be_had_as_what_it_documents(document):
    wide = ["", " ", "*/*", "application/*", "application/*;q=0.1", "application/problem+json;charset=utf-8"]

    answers = list(ask_each(document, lambda types: [*types, ", ".join(types), *wide]))

    assert answers
    assert {answer.status_code for answer in answers} <= {400, 401, 415}
    assert {answer["Content-Type"] for answer in answers} == {"application/problem+json"}


@pytest.mark.django_db
def test_no_operation_is_to_be_had_as_what_is_refused(document):
    narrow = ["text/html", "*/*;q=0", "application/*;q=0.000, */*"]

    answers = list(ask_each(document, lambda types: [", ".join(f"{name};q=0" for name in types), *narrow]))

    assert {answer.status_code for answer in answers} == {406}
    assert {answer["Content-Type"] for answer in answers} == {"application/problem+json"}


@pytest.mark.parametrize("accept", ["application/json", "text/html", "image/png", "*/*"])
def test_the_docs_are_a_page_whatever_is_asked_for(client, accept):
    page = client.get("/api/docs/", HTTP_ACCEPT=accept)

    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
