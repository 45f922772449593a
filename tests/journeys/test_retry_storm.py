"""Impatient clients send everything three times at once, under one key: each order is placed once."""

import json
import uuid
from collections import Counter
from urllib.parse import urlencode

import pytest

from tests.journeys import clients

pytestmark = pytest.mark.slow

ORDERS = 64
TIMES = 3


def test_each_request_sent_three_times_at_once_is_one_order_and_one_answer(shop, measure):
    [product] = shop.stock({"STORM": 50})
    keys = [str(uuid.uuid4()) for _ in range(ORDERS)]
    # Neighbours in the list are different clients, so the three of a key are under way together.
    requests = [shop.order({product: 1}, key=key) for key in keys for _ in range(TIMES)]

    answers = clients.run(shop.url, requests, clients=48, patience=20)

    measure(answers)
    by_key = [answers[start : start + TIMES] for start in range(0, len(answers), TIMES)]
    assert Counter(answer["status"] for answer in answers) == {201: 50 * TIMES, 409: (ORDERS - 50) * TIMES}
    assert [len({answer["body"] for answer in same}) for same in by_key] == [1] * ORDERS
    assert [count_first(same) for same in by_key] == [1] * ORDERS
    assert len({json.loads(same[0]["body"]).get("id") for same in by_key if same[0]["status"] == 201}) == 50
    assert count_orders(shop) == ORDERS
    assert shop.counters(product) == (50, 50)
    assert shop.reconcile() == "orders: nothing differs\nproducts: nothing differs\n"


def count_first(same):
    """How many of the answers to one key say that they are the first."""
    return sum("idempotent-replayed" not in answer["headers"] for answer in same)


def count_orders(shop):
    """Orders of alice, but for the demo's."""
    count, path = 0, "/api/orders/?limit=100"
    while path:
        page = shop.ask("GET", path, by="alice")
        count += sum(line["name"] == "STORM" or line["name"] is None for o in page["results"] for line in o["lines"])
        path = page["next"] and page["next"].removeprefix(shop.url)
    return count


def test_a_double_click_on_the_page_orders_once(shop):
    [product] = shop.stock({"CLICK": 5})
    cookies = f"access={shop.tokens['alice']}; csrftoken={'c' * 32}"
    headers = {"Cookie": cookies, "Origin": shop.url}
    fields = {"csrfmiddlewaretoken": "c" * 32, "key": uuid.uuid4(), "product": product, "price": "4.50", "quantity": 1}
    click = {"method": "POST", "path": "/orders/", "headers": headers, "body": urlencode(fields)}

    answers = clients.run(shop.url, [click, click, click], clients=3)

    places = {answer["headers"].get("location") for answer in answers}
    assert {answer["status"] for answer in answers} == {302}
    assert len(places - {"/orders/"}) == 1
    assert shop.counters(product) == (5, 1)
