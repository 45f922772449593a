"""Many customers want the same few things at the same moment."""

import json
import random
from collections import Counter

import pytest

from tests.journeys import clients

pytestmark = pytest.mark.slow

CLIENTS = 64
TRIES = 800


def test_of_200_units_200_are_sold_and_600_customers_are_told(shop, measure):
    [product] = shop.stock({"LAST-200": 200})

    answers = clients.run(shop.url, [shop.order({product: 1}) for _ in range(TRIES)], clients=CLIENTS, patience=30)

    measure(answers)
    assert Counter(map(outcome, answers)) == {(201, ""): 200, (409, "insufficient-stock"): 600}
    assert shop.counters(product) == (200, 200)
    assert shop.reconcile() == "orders: nothing differs\nproducts: nothing differs\n"


def test_orders_of_three_hot_products_wait_for_each_other_and_never_lock_up(shop, measure):
    products = shop.stock({f"HOT-{number}": 100 for number in range(5)})
    baskets = [draw(products) for _ in range(TRIES)]

    answers = clients.run(shop.url, [shop.order(basket) for basket in baskets], clients=CLIENTS, patience=30)

    measure(answers)
    sold = add_up(basket for basket, answer in zip(baskets, answers, strict=True) if answer["status"] == 201)
    assert {outcome(answer) for answer in answers} == {(201, ""), (409, "insufficient-stock")}
    assert {product: shop.counters(product) for product in products} == {p: (100, sold[p]) for p in products}
    assert is_sold_out(baskets, answers, sold)
    assert shop.reconcile() == "orders: nothing differs\nproducts: nothing differs\n"


def test_cancel_against_ship_has_one_winner_and_goods_go_one_way(shop):
    [product] = shop.stock({"EITHER-OR": 20})
    placed = clients.run(shop.url, [shop.order({product: 1}) for _ in range(20)], clients=8)
    orders = [json.loads(answer["body"])["id"] for answer in placed]
    clients.run(shop.url, [shop.act(order, "pay", reference="R") for order in orders], clients=8)
    tries = [(order, action) for order in orders for action in random.sample(["cancel", "ship"] * 2, 4)]

    answers = clients.run(shop.url, [shop.act(*one) for one in tries], clients=20)

    shop.settle()
    ends = {order: shop.ask("GET", f"/api/orders/{order}/", by="dave")["status"] for order in orders}
    expected = [expect(ends[order], action) for order, action in tries]
    shipped = list(ends.values()).count("shipped")
    assert [outcome(answer, fine=200) for answer in answers] == expected
    assert shop.counters(product) == (20 - shipped, 0)
    assert shop.reconcile() == "orders: nothing differs\nproducts: nothing differs\n"


def expect(end, action):
    """Whoever wants what was done is told so, twice if need be; the others are told how it stands."""
    return (200, "") if end == {"cancel": "cancelled", "ship": "shipped"}[action] else (409, "wrong-status")


def draw(products):
    """Three of the products, in any order, one to three of each."""
    return {product: random.randint(1, 3) for product in random.sample(products, 3)}


def add_up(baskets):
    return sum(map(Counter, baskets), Counter())


def is_sold_out(baskets, answers, sold):
    """Whether the last who was refused could not have had what is left: nobody is turned away for nothing."""
    refused = [basket for basket, answer in zip(baskets, answers, strict=True) if answer["status"] == 409]
    return all(any(units > 100 - sold[product] for product, units in basket.items()) for basket in refused)


def outcome(answer, *, fine=201):
    body = json.loads(answer["body"])
    return answer["status"], body.get("code", "") if answer["status"] != fine else ""
