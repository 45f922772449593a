"""The document of the API says only what it defines."""

import pytest
from django.conf import settings


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


@pytest.mark.parametrize("accept", ["application/json", "text/html", "image/png", "*/*"])
def test_the_docs_are_a_page_whatever_is_asked_for(client, accept):
    page = client.get("/api/docs/", HTTP_ACCEPT=accept)

    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
