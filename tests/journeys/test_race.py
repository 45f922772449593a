"""Many customers want the same few things at the same moment."""

import json
import random
from collections import Counter

import pytest

from tests.journeys import clients, databases, shops

pytestmark = pytest.mark.slow

CLIENTS = 64
TRIES = 800


@pytest.fixture(scope="module", params=databases.BOTH)
def shop(request, tmp_path_factory):
    with shops.opened(request.param, tmp_path_factory.mktemp(request.param)) as shop:
        yield shop


def test_of_200_units_200_are_sold_and_600_customers_are_told(shop, measure):
    [product] = shop.stock({"LAST-200": 200})

    answers = clients.run(shop.url, [shop.order({product: 1}) for _ in range(TRIES)], clients=CLIENTS)

    measure(answers)
    assert Counter(map(outcome, answers)) == {(201, ""): 200, (409, "insufficient-stock"): 600}
    assert shop.counters(product) == (200, 200)
    assert shop.reconcile() == "orders: nothing differs\nproducts: nothing differs\n"


def test_orders_of_three_hot_products_wait_for_each_other_and_never_lock_up(shop, measure):
    products = shop.stock({f"HOT-{number}": 100 for number in range(5)})
    baskets = [draw(products) for _ in range(TRIES)]

    answers = clients.run(shop.url, [shop.order(basket) for basket in baskets], clients=CLIENTS)

    measure(answers)
    sold = add_up(basket for basket, answer in zip(baskets, answers, strict=True) if answer["status"] == 201)
    assert {outcome(answer) for answer in answers} == {(201, ""), (409, "insufficient-stock")}
    assert {product: shop.counters(product) for product in products} == {p: (100, sold[p]) for p in products}
    assert is_sold_out(baskets, answers, sold)
    assert shop.reconcile() == "orders: nothing differs\nproducts: nothing differs\n"


def draw(products):
    """Three of the products, in any order, one to three of each."""
    return {product: random.randint(1, 3) for product in random.sample(products, 3)}


def add_up(baskets):
    return sum(map(Counter, baskets), Counter())


def is_sold_out(baskets, answers, sold):
    """Whether the last who was refused could not have had what is left: nobody is turned away for nothing."""
    refused = [basket for basket, answer in zip(baskets, answers, strict=True) if answer["status"] == 409]
    return all(any(units > 100 - sold[product] for product, units in basket.items()) for basket in refused)


def outcome(answer):
    body = json.loads(answer["body"])
    return answer["status"], body.get("code", "") if answer["status"] != 201 else ""
