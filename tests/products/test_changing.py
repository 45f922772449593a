"""Staff create, change and retire products."""

from uuid import UUID

import pytest

from products.models import Event, Product, Stock

pytestmark = [pytest.mark.django_db, pytest.mark.database]

URL = "/api/products/"
POT = {"sku": "POT", "name": "Teapot", "description": "Cast iron.", "category": "Kitchen", "price": "34.50"}


def address(product):
    return f"{URL}{product.pk}/"


def test_a_new_product_has_nothing_on_hand(carol):
    answer = carol.post(URL, POT)

    product = Product.objects.get()
    assert answer.status_code == 201
    assert answer.json() == POT | {
        "id": str(product.pk),
        "currency": "EUR",
        "available": 0,
        "active": True,
        "on_hand": 0,
        "reserved": 0,
    }
    assert (answer["Location"], answer["ETag"]) == (f"http://testserver{address(product)}", '"1.0.0"')
    assert Stock.objects.filter(product=product).exists()


def test_who_created_a_product_is_remembered(carol):
    carol.post(URL, POT)

    event = Event.objects.about(Product.objects.get()).get()
    assert (event.what, event.sub, event.client_id, event.facts) == ("created", carol.sub, "api", {"sku": "POT"})


def test_an_sku_is_taken_once(carol, tea):
    answer = carol.post(URL, POT | {"sku": "TEA"})

    assert (answer.status_code, answer.json()["code"]) == (409, "already-exists")
    assert Product.objects.count() == 1


def test_skus_keep_their_case(carol, tea):
    assert carol.post(URL, POT | {"sku": "tea"}).json()["sku"] == "tea"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sku", ""),
        ("sku", 12),
        ("sku", "T" * 65),
        ("sku", "T\0"),
        ("name", None),
        ("name", ["Teapot"]),
        ("description", "D" * 4001),
        ("category", "C" * 65),
        ("price", 34.5),
        ("price", "34,50"),
        ("price", "0"),
        ("price", "-1.00"),
        ("price", "34.505"),
        ("price", "1e3"),
        ("price", "9999999999"),
        ("currency", "XXX"),
        ("active", "yes"),
        ("on_hand", 5),
        ("reserved", 5),
        ("id", "00000000-0000-4000-8000-000000000000"),
    ],
)
def test_a_field_without_sense_is_told_by_its_name(carol, tea, field, value):
    made = carol.post(URL, POT | {field: value})
    changed = carol.patch(address(tea), {field: value})

    for answer in (made, changed):
        assert (answer.status_code, answer.json()["code"], list(answer.json()["errors"])) == (400, "invalid", [field])
    assert list(Product.objects.values_list("sku", "version")) == [("TEA", 1)]


def test_a_product_without_its_fields_is_refused(carol):
    answer = carol.post(URL, {})

    assert sorted(answer.json()["errors"]) == ["name", "price", "sku"]


@pytest.mark.parametrize("body", ["[]", '"tea"', "12", "null"])
def test_a_body_that_is_no_object_is_refused(carol, tea, body):
    assert carol.post(URL, body, content_type="application/json").status_code == 400
    assert carol.patch(address(tea), body, content_type="application/json").status_code == 400


def test_a_body_of_nothing_is_told_so(carol):
    answer = carol.post(URL, "null", content_type="application/json")

    assert answer.json()["errors"] == {"non_field_errors": ["No data provided"]}


def test_a_change_bumps_the_version_and_says_what(carol, tea):
    answer = carol.patch(address(tea), {"price": "5.00", "name": "Green tea", "category": "Drinks"})

    assert (answer.status_code, answer["ETag"]) == (200, '"2.10.0"')
    assert (answer.json()["name"], answer.json()["price"]) == ("Green tea", "5.00")
    assert Event.objects.about(tea).last().facts == {
        "fields": {"price": ["4.500", "5.00"], "name": ["Tea", "Green tea"]}
    }


def test_a_new_name_is_found(carol, tea):
    carol.patch(address(tea), {"name": "Thé vert"})

    assert [product["name"] for product in carol.get(URL, {"q": "the vert"}).json()["results"]] == ["Thé vert"]


def test_a_change_of_nothing_is_no_change(carol, tea):
    events = Event.objects.count()

    assert carol.patch(address(tea), {})["ETag"] == '"1.10.0"'
    assert carol.patch(address(tea), {"name": "Tea", "price": "4.5"})["ETag"] == '"1.10.0"'
    assert Event.objects.count() == events


def test_a_change_is_meant_for_a_version(carol, tea):
    read = carol.get(address(tea))["ETag"]

    first = carol.patch(address(tea), {"price": "5.00"}, headers={"If-Match": read})
    second = carol.patch(address(tea), {"price": "6.00"}, headers={"If-Match": read})

    assert [first.status_code, second.status_code] == [200, 412]
    assert second.json()["code"] == "precondition-failed"
    assert carol.get(address(tea)).json()["price"] == "5.00"


@pytest.mark.parametrize(("tag", "status"), [('"1.99.99"', 200), ("*", 200), ('"0"', 412), ('"x"', 412), ("one", 400)])
def test_if_match_compares_the_version_alone(carol, tea, tag, status):
    assert carol.patch(address(tea), {"price": "5.00"}, headers={"If-Match": tag}).status_code == status


def test_a_currency_must_go_with_the_price(carol, tea):
    answer = carol.patch(address(tea), {"currency": "JPY"})

    assert answer.json()["errors"] == {"price": ["JPY has 0 digits after the point."]}


def test_a_product_is_retired_and_comes_back(carol, tea):
    assert carol.patch(address(tea), {"active": False}).json()["active"] is False
    assert carol.patch(address(tea), {"active": True}).json()["active"] is True


def test_an_sku_that_another_has_cannot_be_taken(carol, tea, cup):
    assert carol.patch(address(tea), {"sku": "CUP"}).status_code == 409


def test_an_unknown_product_cannot_be_changed(carol):
    assert carol.patch(f"{URL}{UUID(int=7)}/", {"name": "Tea"}).status_code == 404


def test_products_are_not_deleted(carol, tea):
    assert carol.delete(address(tea)).status_code == 405


def test_customers_change_nothing(alice, dave, orders_service, anonymous, tea):
    for person, status in ((alice, 403), (dave, 403), (orders_service, 403), (anonymous, 401)):
        assert person.post(URL, POT).status_code == status
        assert person.patch(address(tea), {"price": "0.01"}).status_code == status
    assert list(Product.objects.values_list("sku", "version")) == [("TEA", 1)]


def test_a_change_takes_few_queries(carol, tea, django_assert_max_num_queries):
    with django_assert_max_num_queries(10):
        carol.patch(address(tea), {"price": "5.00"})
