"""Whatever is asked, in whatever order, repeated, refused, lost or late: the invariants hold after each step.

Two machines of hypothesis: stock alone against a model of it, and the whole life of orders over it.
"""

import uuid
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction

pytest.importorskip("hypothesis", reason="hypothesis is not installed")

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from config.local_inventory import LocalInventory
from orders import resuming, transitions
from orders.checkout import Customer, OrderRequest, place_order
from orders.idempotency import KeyReused
from orders.inventory import InventoryUnavailable, RequestedLine, get_inventory
from orders.lifecycle import ACTIONS, HOLDING, TARGETS, Status, allowed_actions
from orders.models import PAYMENT_TERM, IdempotencyKey, Order
from orders.presenters import present_outcome
from orders.queries import NoSuchOrder
from products import catalogue, reservations, stock
from products.models import Reservation, Stock
from products.reconciliation import find_drift
from tests.journeys.invariants import find_violations
from wire import json
from wire.events import SYSTEM

pytestmark = [pytest.mark.slow, pytest.mark.database, pytest.mark.django_db]

QUICK = {"deadline": None, "stateful_step_count": 30, "suppress_health_check": list(HealthCheck)}


class Shop(RuleBasedStateMachine):
    """Three products on the shelves, in a transaction that is rolled back at the end."""

    def __init__(self):
        super().__init__()
        self.block = transaction.atomic()
        self.block._from_testcase = True
        self.block.__enter__()
        self.products = [self.put(name) for name in ("tea", "cup", "pot")]

    def put(self, name):
        product = catalogue.create_product({"sku": name, "name": name, "price": Decimal("4.50")}, by=SYSTEM).pk
        stock.correct(product, 10, reason="delivered", by=SYSTEM)
        return product

    def teardown(self):
        transaction.set_rollback(True)
        self.block.__exit__(None, None, None)


shelves = st.integers(0, 2)
baskets = st.dictionaries(shelves, st.integers(1, 6), min_size=1, max_size=3)
corrections = st.integers(-12, 12).filter(bool)


# Stock alone ------------------------------------------------------------------------------------


class StockMachine(Shop):
    """Every verb, in any order, on orders known and unknown; `model` says what must come of it."""

    orders = Bundle("orders")

    def __init__(self):
        super().__init__()
        self.on_hand, self.reserved = Counter(dict.fromkeys(range(3), 10)), Counter()
        self.states, self.lines = {}, {}

    @initialize(target=orders)
    def first(self):
        return uuid.uuid4()

    @rule(target=orders)
    def another(self):
        return uuid.uuid4()

    @rule(order=orders, basket=baskets)
    def reserve(self, order, basket):
        wanted = [RequestedLine(self.products[shelf], units) for shelf, units in basket.items()]
        said = attempt(lambda: Counter({line.product: line.quantity for line in reservations.reserve(order, wanted)}))
        assert said == self.expect_reserve(order, Counter(basket))

    def expect_reserve(self, order, basket):
        state = self.states.get(order)
        if state == "released":
            return "Gone"
        if state and self.lines[order] != basket:
            return "OtherLines"
        if not state and any(self.on_hand[s] - self.reserved[s] < units for s, units in basket.items()):
            return "OutOfStock"
        if not state:
            self.states[order], self.lines[order] = "held", basket
            self.reserved += basket
        return Counter({self.products[shelf]: units for shelf, units in basket.items()})

    @rule(order=orders)
    def release(self, order):
        said = attempt(lambda: reservations.release(order))
        state = self.states.setdefault(order, "released")
        if state == "held":
            self.states[order] = "released"
            self.reserved -= self.lines[order]
        assert said == ("HandedOver" if state in ("fulfilled", "taken_back") else None)

    @rule(order=orders)
    def fulfil(self, order):
        said = attempt(lambda: reservations.fulfil(order))
        if self.states.get(order) == "held":
            self.states[order] = "fulfilled"
            self.reserved -= self.lines[order]
            self.on_hand -= self.lines[order]
        assert said == (self.states[order] if self.states.get(order) in ("fulfilled", "taken_back") else "Gone")

    @rule(order=orders)
    def take_back(self, order):
        said = attempt(lambda: reservations.take_back(order))
        if self.states.get(order) == "fulfilled":
            self.states[order] = "taken_back"
            self.on_hand += self.lines[order]
        assert said == ("taken_back" if self.states.get(order) == "taken_back" else "Gone")

    @rule(shelf=shelves, change=corrections)
    def correct(self, shelf, change):
        said = attempt(lambda: stock.correct(self.products[shelf], change, reason="counted", by=SYSTEM))
        if self.on_hand[shelf] + change < self.reserved[shelf]:
            assert said == "BelowReserved"
        else:
            assert said is None
            self.on_hand[shelf] += change

    @invariant()
    def counters_are_as_the_model_says(self):
        rows = {row.pk: (row.on_hand, row.reserved) for row in Stock.objects.all()}
        assert rows == {
            product: (self.on_hand[shelf], self.reserved[shelf]) for shelf, product in enumerate(self.products)
        }

    @invariant()
    def ledger_and_reservations_agree(self):
        assert list(find_drift()) == []


def attempt(work):
    """What some work answers, or the name of the error that it raises."""
    try:
        return work()
    except (reservations.LinesRefused, reservations.Gone, stock.BelowReserved) as error:
        return type(error).__name__


# Orders over it ---------------------------------------------------------------------------------


class Caller:
    """Somebody who asks."""

    name = email = ""

    def __init__(self, sub, scopes):
        self.sub, self.client_id, self.scopes = sub, "api", frozenset(scopes.split())


ALICE, BOB = Caller("alice", "orders:read orders:write"), Caller("bob", "orders:read orders:write")
DAVE, BANK = Caller("dave", "orders:read orders:write orders:manage"), Caller("bank", "orders:pay")
moods = st.sampled_from(["fine", "away", "mute"])
callers = st.sampled_from([ALICE, BOB, DAVE, BANK])


class Moody(LocalInventory):
    """Products that are away, or whose answers are lost, for as long as `mood` says so."""

    mood = "fine"

    def reserve(self, order_id, lines):
        with self.weather():
            return super().reserve(order_id, lines)

    def release(self, order_id):
        with self.weather():
            super().release(order_id)

    def fulfil(self, order_id):
        with self.weather():
            super().fulfil(order_id)

    def take_back(self, order_id):
        with self.weather():
            super().take_back(order_id)

    @contextmanager
    def weather(self):
        if self.mood == "away":
            raise InventoryUnavailable("It is away.")
        yield
        if self.mood == "mute":
            raise InventoryUnavailable("Its answer was lost.")


class ShopMachine(Shop):
    """Orders are placed, moved on, expired and settled, while products comes and goes and messages come late."""

    requests = Bundle("requests")

    def __init__(self):
        super().__init__()
        self.inventory = get_inventory()
        self.inventory.mood = "fine"
        self.orders, self.finals = {}, {}

    # Customers

    @rule(target=requests, caller=st.sampled_from([ALICE, BOB]), basket=baskets)
    def order(self, caller, basket):
        request = (caller, tuple(sorted(basket.items())), str(uuid.uuid4()))
        self.place(request)
        return request

    @rule(request=requests)
    def order_again(self, request):
        self.place(request)

    @rule(request=requests)
    def order_something_else_under_the_same_key(self, request):
        caller, basket, key = request
        with pytest.raises(KeyReused):
            self.send(caller, [*basket[1:], (basket[0][0], 7)], key)

    def place(self, request):
        caller, basket, key = request
        outcome = self.send(caller, basket, key)
        order = outcome.details.order
        assert self.orders.setdefault(key, order.pk) == order.pk
        status, body = present_outcome(outcome, caller=caller)
        body.pop("placed_at", None)  # `let_a_day_pass_for` sets it back.
        answer = status, json.write(body)
        if status != 202:
            assert self.finals.setdefault(key, answer) == answer

    def send(self, caller, basket, key):
        lines = [RequestedLine(self.products[shelf], units) for shelf, units in basket]
        return place_order(OrderRequest(Customer(caller.sub, client_id="api"), lines, key=key))

    # Whoever moves orders on

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), action=st.sampled_from(ACTIONS), caller=callers, times=st.integers(1, 2))
    def act(self, data, action, caller, times):
        order = self.pick(data)
        for _ in range(times):
            self.change(order, action, caller)

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), steps=st.integers(1, 4), mood=moods)
    def move_on(self, data, steps, mood):
        """As far as an order manager takes it, in one weather: what is drawn at random seldom comes far."""
        self.inventory.mood = mood
        order_id = self.pick(data)
        for _ in range(steps):
            order = Order.objects.get(pk=order_id)
            ahead = set(allowed_actions(order.status, DAVE.scopes, is_own=False)) - {"cancel"}
            for action in ahead:
                self.change(order_id, action, DAVE)

    def change(self, order_id, action, caller):
        before = Order.objects.get(pk=order_id)
        may = action in allowed_actions(before.status, caller.scopes, is_own=caller.sub == before.customer_id)
        reference = "R" if action == "pay" else ""
        try:
            after = transitions.take_action(order_id, action, by=caller, reference=reference)
        except (NoSuchOrder, transitions.NotAllowed, transitions.WrongStatus):
            assert not may
            assert Order.objects.get(pk=order_id).version == before.version
        else:
            assert after.status == TARGETS[action]
            assert after.version == before.version + may

    # Time, and the resolver

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def let_a_day_pass_for(self, data):
        old = Order.objects.filter(pk=self.pick(data), status=Status.PLACED)
        expired = old.exists()
        for order in old:
            old.update(placed_at=order.placed_at - PAYMENT_TERM - timedelta(seconds=1))
        assert resuming.expire_unpaid() == expired

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), minutes=st.sampled_from([1, 20]))
    def let_a_lease_run_out_for(self, data, minutes):
        old = Order.objects.filter(pk=self.pick(data), status=Status.PENDING)
        for order in old:
            ago = timedelta(minutes=minutes)
            old.update(created_at=order.created_at - ago, lease_until=order.lease_until - ago)

    @rule()
    def settle(self):
        tally = resuming.settle_orders()
        assert tally["stuck"] == 0
        if self.inventory.mood == "fine":
            assert tally["left"] == 0
            assert not Order.objects.unsettled().exists()

    @rule(mood=moods)
    def change_the_weather(self, mood):
        self.inventory.mood = mood

    # Keepers of the stock, and messages that come late or twice

    @rule(shelf=shelves, change=corrections)
    def correct(self, shelf, change):
        attempt(lambda: stock.correct(self.products[shelf], change, reason="counted", by=SYSTEM))

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def a_late_reserve(self, data):
        """A request to hold that the network had kept: it must not hold for an order that has ended."""
        order = Order.objects.get(pk=self.pick(data))
        lines = [
            reservations.RequestedLine(*line) for line in order.lines.values_list("product", "quantity", "seen_price")
        ]
        state = reservations.state_of(order.pk)
        said = attempt(lambda: len(reservations.reserve(order.pk, lines)))
        if state is not None:
            assert said == ("Gone" if state == "released" else len(lines))
            assert reservations.state_of(order.pk) == state

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def a_verb_twice(self, data):
        """What products heard of an order already, once more."""
        order_id = self.pick(data)
        state = reservations.state_of(order_id)
        verb = {
            "released": reservations.release,
            "fulfilled": reservations.fulfil,
            "taken_back": reservations.take_back,
        }.get(state)
        if verb:
            verb(order_id)
            assert reservations.state_of(order_id) == state

    def pick(self, data):
        return data.draw(st.sampled_from(sorted(self.orders.values())))

    # What must hold

    @invariant()
    def nothing_is_lost_or_doubled(self):
        assert find_violations(settled=False) == []
        assert Order.objects.count() == IdempotencyKey.objects.count() == len(self.orders)
        assert Reservation.objects.count() <= len(self.orders)

    @invariant()
    def placed_and_paid_imply_held(self):
        live = Order.objects.filter(status__in=HOLDING).values_list("pk", flat=True)
        assert {reservations.state_of(order) for order in live} <= {"held"}

    def teardown(self):
        try:
            self.make_it_all_good()
        finally:
            super().teardown()

    def make_it_all_good(self):
        """However it went: with products back, one run of the resolver leaves nothing undone."""
        self.inventory.mood = "fine"
        Order.objects.filter(status=Status.PENDING).update(lease_until="2000-01-01T00:00:00Z")
        resuming.settle_orders()
        assert find_violations(settled=True) == []


def examples(number):
    """How many; fewer where each takes a round trip per statement."""
    return number if connection.vendor == "sqlite" else number // 3


@pytest.fixture
def moody(settings):
    settings.INVENTORY = f"{__name__}.Moody"
    settings.UNPAID_ORDERS = settings.UNPAID_UNITS = 1_000_000
    settings.ORDERS_PER_DAY = settings.REJECTED_ORDERS_PER_DAY = 1_000_000
    get_inventory.cache_clear()
    yield
    get_inventory.cache_clear()


def test_stock_is_what_a_model_says_whatever_is_asked():
    run_state_machine_as_test(StockMachine, settings=settings(max_examples=examples(30), **QUICK))


def test_orders_keep_every_promise_whatever_happens(moody):
    run_state_machine_as_test(ShopMachine, settings=settings(max_examples=examples(40), **QUICK))
