"""The document of the API says only what it defines."""

import re
import uuid

import pytest
from django.conf import settings
from rest_framework.test import APIClient


@pytest.fixture(scope="module")
def document():
    return APIClient().get("/api/schema/").json()


def operations(document):
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def api(document):
    """The paths without those of OAuth, which know one media type and ask for none."""
    return {path: methods for path, methods in document["paths"].items() if path.startswith("/api/")}


def bodies(operation):
    """What an operation takes and answers where all goes well, by media type."""
    answers = [answer for status, answer in operation["responses"].items() if status < "400"]
    parts = [operation.get("requestBody", {}), *answers]
    return [body for part in parts for body in part.get("content", {}).values()]


def examples_in(body):
    return [body["example"]] if "example" in body else [one["value"] for one in body.get("examples", {}).values()]


def check(document, schema, value):
    """Raise unless a value is what a schema of the document says."""
    import jsonschema  # Takes a second or two to load, which all who collect this file would pay.

    jsonschema.validate(value, {**schema, "components": document["components"]}, jsonschema.Draft202012Validator)


def test_every_operation_says_what_it_is_for(document):
    headings = {tag["name"] for tag in document["tags"] if tag["description"]}

    for operation in operations(document):
        assert operation["summary"]
        assert operation["description"]
        assert set(operation["tags"]) <= headings
    names = [operation["operationId"] for operation in operations(document)]
    assert len(set(names)) == len(names)
    assert document["servers"] == [{"url": "/", "description": "The shop that this document comes from."}]


def test_whatever_comes_and_goes_has_an_example_that_its_schema_allows(document):
    for operation in operations(document):
        for body in bodies(operation):
            assert examples_in(body), operation["operationId"]
            for example in examples_in(body):
                check(document, body["schema"], example)


def test_every_problem_has_an_example_that_its_schema_allows(document):
    schemas = document["components"]["schemas"]
    problems = {name: schema for name, schema in schemas.items() if name.endswith("Problem") and name != "Problem"}

    assert problems
    for schema in problems.values():
        for example in schema.get("examples", []):
            check(document, schema, example)


@pytest.mark.skipif("orders" not in settings.SERVICES, reason="needs orders")
def test_each_problem_of_a_refused_order_has_its_own_facts(document):
    answers = document["paths"]["/api/orders/"]["post"]["responses"]
    mapping = answers["409"]["content"]["application/problem+json"]["schema"]["discriminator"]["mapping"]
    schemas = document["components"]["schemas"]

    def facts(code, fact):
        return schemas[mapping[code].rsplit("/", 1)[-1]]["properties"][fact]["items"]["properties"]

    text, number = {"type": "string"}, {"type": "integer"}
    product = {"product": {"type": "string", "format": "uuid"}}
    assert facts("insufficient-stock", "lines") == {**product, "wanted": number, "available": number}
    assert facts("price-changed", "lines") == {**product, "seen": text, "price": text, "currency": text}
    assert facts("unknown-product", "lines") == product


@pytest.mark.skipif("accounts" not in settings.SERVICES, reason="needs accounts")
def test_what_oauth_offers_is_in_the_document(document):
    others = {path for path in document["paths"] if not path.startswith("/api/")}

    assert others == {
        "/oauth/token",
        "/oauth/revoke",
        "/oauth/introspect",
        "/oauth/userinfo",
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-protected-resource/api/{service}",
        "/.well-known/token-status/{number}",
    }
    assert document["paths"]["/oauth/token"]["post"]["security"] == [{"client": []}, {}]


def test_every_scheme_that_an_operation_asks_for_is_defined(document):
    asked = {name for operation in operations(document) for scheme in operation.get("security", []) for name in scheme}

    assert asked == set(document["components"]["securitySchemes"])
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
    for path, methods in api(document).items():
        for method, operation in methods.items():
            if not {"security", "requestBody"} & {*operation}:
                continue  # Nobody needs anything for it.
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
