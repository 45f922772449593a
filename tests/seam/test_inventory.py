"""The contract of the inventory, kept alike next door, over HTTP and in memory."""

import uuid
from decimal import Decimal

import pytest
from django.conf import settings as deployed

if "products" not in deployed.SERVICES:
    pytest.skip("the seam needs products", allow_module_level=True)

from django.db import OperationalError, connection

from config.local_inventory import LocalInventory
from orders.inventory import (
    Gone,
    InventoryUnavailable,
    Offer,
    OtherLines,
    OutOfStock,
    PriceChanged,
    RequestedLine,
    ReservedLine,
    StockDrift,
    Unorderable,
)
from orders.inventory_http import RemoteInventory
from products.models import Product, Stock
from tests.issuer import sign
from tests.neighbour import serve
from tests.orders.inventory import InMemoryInventory
from tokens.client_credentials import service_login

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


class Shop:
    """Products in the database, as the inventory next door sees them."""

    def add(self, sku, *, on_hand=10, price="4.50", currency="EUR", active=True):
        fields = {"name": sku.capitalize(), "category": "tea", "price": price, "currency": currency, "active": active}
        product = Product.objects.create(pk=uuid.uuid5(uuid.NAMESPACE_OID, sku), sku=sku, **fields)
        Stock.objects.update_or_create(product=product, defaults={"on_hand": on_hand})
        return product.pk

    def reprice(self, product, price):
        Product.objects.filter(pk=product).update(price=price)

    def counters(self, product):
        return Stock.objects.values_list("on_hand", "reserved").get(pk=product)


@pytest.fixture
def in_memory():
    inventory = InMemoryInventory()
    return inventory, inventory


@pytest.fixture
def local():
    return LocalInventory(), Shop()


@pytest.fixture
def remote(settings, request):
    """Products served over HTTP by this process, with an accounts that gives out tokens."""
    server = request.getfixturevalue("live_server")
    settings.PRODUCTS_URL, settings.CLIENT_ID, settings.CLIENT_SECRET = server.url, "orders", "secret"
    token = sign(sub="orders", aud=["products"], client_id="orders", scope="stock:reserve")
    service_login.cache_clear()
    with serve() as accounts:
        settings.ACCOUNTS_URL = accounts.url
        accounts.answers = [(200, {"access_token": token, "token_type": "Bearer", "expires_in": 600})]
        yield RemoteInventory(), Shop()
    service_login.cache_clear()


@pytest.fixture(params=["in_memory", "local", "remote"])
def pair(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def inventory(pair):
    return pair[0]


@pytest.fixture
def shop(pair):
    return pair[1]


@pytest.fixture
def tea(shop):
    return shop.add("tea")


@pytest.fixture
def mug(shop):
    return shop.add("mug", on_hand=3, price="9.80")


@pytest.fixture
def order():
    return uuid.uuid4()


def test_reserve_answers_what_it_holds_in_the_order_of_products(inventory, shop, tea, mug, order):
    held = inventory.reserve(order, [RequestedLine(tea, 2), RequestedLine(mug, 1, Decimal("9.80"))])

    assert held == sorted(
        [
            ReservedLine(tea, 2, "tea", "Tea", Decimal("4.50"), "EUR"),
            ReservedLine(mug, 1, "mug", "Mug", Decimal("9.80"), "EUR"),
        ]
    )
    assert [shop.counters(tea), shop.counters(mug)] == [(10, 2), (3, 1)]
    assert list(inventory.held()) == [(order, {tea: 2, mug: 1})]


def test_reserve_twice_holds_once_at_the_first_price(inventory, shop, tea, order):
    first = inventory.reserve(order, [RequestedLine(tea, 2)])
    shop.reprice(tea, "5.00")

    assert inventory.reserve(order, [RequestedLine(tea, 2)]) == first
    assert shop.counters(tea) == (10, 2)


def test_every_shortage_is_told_and_nothing_is_held(inventory, shop, tea, mug, order):
    plum = shop.add("plum")

    with pytest.raises(OutOfStock) as caught:
        inventory.reserve(order, [RequestedLine(tea, 11), RequestedLine(mug, 4), RequestedLine(plum, 1)])

    shortages = [
        {"product": str(tea), "name": "Tea", "wanted": 11, "available": 10},
        {"product": str(mug), "name": "Mug", "wanted": 4, "available": 3},
    ]
    assert caught.value.lines == sorted(shortages, key=lambda line: line["product"])
    assert [shop.counters(product) for product in (tea, mug, plum)] == [(10, 0), (3, 0), (10, 0)]
    assert list(inventory.held()) == []


def test_a_price_that_changed_is_told_with_both(inventory, shop, tea, mug, order):
    with pytest.raises(PriceChanged) as caught:
        inventory.reserve(order, [RequestedLine(tea, 1, Decimal("4.000")), RequestedLine(mug, 1, Decimal("9.80"))])

    facts = {"seen": "4.00", "price": "4.50", "currency": "EUR"}
    assert caught.value.lines == [{"product": str(tea), "name": "Tea", **facts}]
    assert shop.counters(tea) == (10, 0)


def test_a_refused_order_may_be_tried_again(inventory, shop, mug, order):
    with pytest.raises(OutOfStock):
        inventory.reserve(order, [RequestedLine(mug, 4)])

    assert len(inventory.reserve(order, [RequestedLine(mug, 3)])) == 1


@pytest.mark.parametrize("code", ["unknown-product", "retired-product", "mixed-currencies"])
def test_what_cannot_be_ordered_is_told(inventory, shop, tea, order, code):
    other = {
        "unknown-product": uuid.uuid4,
        "retired-product": lambda: shop.add("snuff", active=False),
        "mixed-currencies": lambda: shop.add("scone", currency="GBP"),
    }[code]()

    with pytest.raises(Unorderable) as caught:
        inventory.reserve(order, [RequestedLine(tea, 1), RequestedLine(other, 1)])

    concerned = [tea, other] if code == "mixed-currencies" else [other]
    assert caught.value.code == code
    assert [line["product"] for line in caught.value.lines] == [str(product) for product in sorted(concerned)]
    assert shop.counters(tea) == (10, 0)


def test_other_lines_under_the_same_order_are_refused(inventory, shop, tea, order):
    inventory.reserve(order, [RequestedLine(tea, 2)])

    with pytest.raises(OtherLines):
        inventory.reserve(order, [RequestedLine(tea, 3)])

    assert shop.counters(tea) == (10, 2)


def test_release_twice_gives_back_once(inventory, shop, tea, order):
    inventory.reserve(order, [RequestedLine(tea, 2)])

    inventory.release(order)
    inventory.release(order)

    assert shop.counters(tea) == (10, 0)
    assert list(inventory.held()) == []


@pytest.mark.parametrize("seen", [True, False])
def test_after_a_release_nothing_can_be_held(inventory, shop, tea, order, seen):
    if seen:
        inventory.reserve(order, [RequestedLine(tea, 2)])
    inventory.release(order)

    with pytest.raises(Gone):
        inventory.reserve(order, [RequestedLine(tea, 2)])

    assert shop.counters(tea) == (10, 0)


def test_fulfil_and_take_back_move_stock_once_each(inventory, shop, tea, order):
    inventory.reserve(order, [RequestedLine(tea, 2)])
    seen = []

    for verb in ("fulfil", "fulfil", "take_back", "take_back", "fulfil"):
        getattr(inventory, verb)(order)
        seen.append(shop.counters(tea))

    assert seen == [(8, 0), (8, 0), (10, 0), (10, 0), (10, 0)]
    assert list(inventory.held()) == []


@pytest.mark.parametrize("verb", ["fulfil", "take_back"])
def test_what_was_never_held_is_gone(inventory, order, verb):
    with pytest.raises(Gone):
        getattr(inventory, verb)(order)


@pytest.mark.parametrize("verb", ["fulfil", "take_back"])
def test_what_was_released_is_gone(inventory, tea, order, verb):
    inventory.reserve(order, [RequestedLine(tea, 2)])
    inventory.release(order)

    with pytest.raises(Gone):
        getattr(inventory, verb)(order)


def test_what_was_handed_over_is_not_released(inventory, shop, tea, order):
    inventory.reserve(order, [RequestedLine(tea, 2)])
    inventory.fulfil(order)

    with pytest.raises(Gone):
        inventory.release(order)

    assert shop.counters(tea) == (8, 0)


def test_what_is_still_held_is_not_taken_back(inventory, shop, tea, order):
    inventory.reserve(order, [RequestedLine(tea, 2)])

    with pytest.raises(Gone):
        inventory.take_back(order)

    assert shop.counters(tea) == (10, 2)


def test_next_door_a_database_that_is_away_is_no_answer(local, order):
    def away(*_):
        raise OperationalError("away")

    with connection.execute_wrapper(away), pytest.raises(InventoryUnavailable):
        list(local[0].held())


def test_next_door_what_is_held_is_told_while_products_only_reads(local, settings, order):
    inventory, shop = local
    tea = shop.add("tea")
    inventory.reserve(order, [RequestedLine(tea, 2)])
    settings.READ_ONLY = ["products"]

    assert list(inventory.held()) == [(order, {tea: 2})]
    with pytest.raises(InventoryUnavailable):
        inventory.release(order)


@pytest.mark.parametrize("verb", ["release", "fulfil", "take_back"])
def test_no_verb_is_called_inside_a_transaction(inventory, order, verb):
    from django.db import transaction

    with pytest.raises(RuntimeError), transaction.atomic():
        getattr(inventory, verb)(order)


def test_offers_are_what_is_sold_now_and_hold_nothing(pair):
    inventory, shop = pair
    tea, old = shop.add("tea", on_hand=10, price="4.50"), shop.add("old", active=False)

    offers = inventory.offers([tea, old, uuid.uuid4()])

    assert offers == {tea: Offer("Tea", Decimal("4.50"), "EUR", 10)}
    assert shop.counters(tea) == (10, 0)


@pytest.mark.parametrize("pair", ["local", "remote"], indirect=True)
@pytest.mark.parametrize("verb", ["release", "fulfil"])
def test_books_that_contradict_what_is_held_are_told(inventory, tea, order, verb):
    inventory.reserve(order, [RequestedLine(tea, 2)])
    Stock.objects.update(reserved=0)

    with pytest.raises(StockDrift):
        getattr(inventory, verb)(order)
