"""The document of the API says only what it defines."""

import pytest


@pytest.fixture
def document(client):
    return client.get("/api/schema/").json()


def operations(document):
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def test_every_scheme_that_an_operation_asks_for_is_defined(document):
    asked = {name for operation in operations(document) for scheme in operation.get("security", []) for name in scheme}

    assert asked == set(document["components"]["securitySchemes"]) == {"bearer"}
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
