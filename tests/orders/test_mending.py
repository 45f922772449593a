"""Where orders and products disagree, products hears again what it missed, orders follows what it forgot."""

import copy
import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from config.management.commands.after_restore import event_of, find_repairs
from database import clock
from orders.after_restore import after_restore
from orders.inventory import RequestedLine
from orders.mending import mend
from orders.models import Event, Order
from orders.reconciliation import find_drift
from orders.resuming import settle_orders
from wire.events import changing

pytestmark = pytest.mark.django_db
BEFORE_ORDERS = [service for service, _ in find_repairs() if service != "orders"]
"""What is served here beside orders, and is done before it."""


@pytest.fixture
def go(alice, dave, tea, place, act):
    """An order of one tea that went so far: `go("pay", "ship")`."""

    def walk(*actions):
        order = place(alice, {tea: 1}).json()
        for action in actions:
            assert act(dave, order, action, **({"reference": "R"} if action == "pay" else {})).status_code == 200
        return order["id"]

    return walk


@pytest.fixture
def forget(inventory):
    """Products is as it was when this was asked for: `forget()` first, then call what it gave."""

    def remember():
        was = copy.deepcopy((inventory.shelves, inventory.reservations))

        def back():
            inventory.shelves, inventory.reservations = was

        return back

    return remember


@pytest.fixture
def go_unknown(go, act, dave, forget):
    """An order that went so far, and what makes products forget that: all of it, or what came after the placing."""

    def walk(*actions, known):
        back = forget()
        order = go()
        if known:
            back = forget()
        for action in actions:
            act(dave, {"id": order}, action, **({"reference": "R"} if action == "pay" else {}))
        return order, back

    return walk


def go_back(order, status):
    """Have orders forget what an order became."""
    Order.objects.filter(pk=order).update(status=status, outbox="", payment_reference="")


def status(order):
    return Order.objects.get(pk=order).status


def test_where_nothing_differs_nothing_is_done(go, inventory, tea):
    for actions in ([], ["cancel"], ["pay"], ["pay", "ship"], ["pay", "ship", "deliver", "return"]):
        go(*actions)
    before = inventory.counters(tea)
    versions = list(Order.objects.values_list("version", flat=True))

    assert list(mend()) == []

    assert inventory.counters(tea) == before
    assert list(Order.objects.values_list("version", flat=True)) == versions


@pytest.mark.parametrize(
    "actions",
    [[], ["cancel"], ["pay"], ["pay", "cancel"], ["pay", "ship"], ["pay", "ship", "deliver", "return"]],
    ids=lambda actions: "-".join(actions) or "placed",
)
@pytest.mark.parametrize("known", [True, False], ids=["held then", "unknown then"])
def test_products_that_forgot_hears_again(go_unknown, inventory, tea, known, actions):
    _, back = go_unknown(*actions, known=known)
    before = inventory.counters(tea)
    back()

    told = list(mend())

    assert inventory.counters(tea) == before
    assert not [words for words in told if "PERSON" in words]
    assert (list(mend()), list(find_drift())) == ([], [])


@pytest.mark.parametrize(
    ("actions", "known", "calls", "came_of_it"),
    [([], False, "reserve", "placed: held again"), (["cancel"], True, "release", "cancelled: products heard it again")],
)
def test_each_step_is_an_event_of_the_order(go_unknown, actions, known, calls, came_of_it):
    order, back = go_unknown(*actions, known=known)
    back()

    told = list(mend())
    steps = Event.objects.filter(subject=order, what="mended").values_list("sub", "facts__calls", "facts__why")

    assert told == [f"order {order} is {came_of_it}"]
    assert list(mend()) == []
    assert list(steps) == [("mending", calls, "products had forgotten it")]


def test_products_hears_again_of_a_return_long_after_the_shipment(go, act, dave, inventory, forget, tea):
    order = go("pay", "ship", "deliver")
    Event.objects.filter(subject=order).update(at="2026-01-01T00:00Z")
    back = forget()
    act(dave, {"id": order}, "return")
    before = inventory.counters(tea)
    back()

    list(mend())

    assert inventory.counters(tea) == before


@pytest.mark.parametrize(
    ("actions", "forgotten", "found"),
    [
        (["cancel"], "placed", "cancelled"),
        (["pay", "cancel"], "placed", "cancelled"),
        (["pay", "cancel"], "paid", "cancelled"),
        (["pay", "ship"], "placed", "shipped"),
        (["pay", "ship"], "paid", "shipped"),
        (["pay", "ship", "deliver", "return"], "paid", "shipped"),
    ],
)
def test_orders_that_forgot_follows_products(go, inventory, tea, actions, forgotten, found):
    order = go(*actions)
    before = inventory.counters(tea)
    go_back(order, forgotten)

    told = list(mend())

    assert status(order) == found
    assert inventory.counters(tea) == before
    assert ("\nPERSON" in "".join(told)) is ((forgotten, found) == ("placed", "shipped"))
    assert (list(mend()), list(find_drift())) == ([], [])
    assert Event.objects.filter(subject=order).latest("id").sub == "mending"


def test_what_is_sold_out_by_now_wants_a_person(go, inventory, forget, tea, bob, place):
    back = forget()
    order = go()
    back()
    place(bob, {tea: 10})

    told = list(mend())

    assert len(told) == 1
    assert told[0].startswith(f"PERSON: order {order}")
    assert "insufficient-stock" in told[0]
    assert status(order) == "placed"


def test_what_nobody_ordered_is_named_and_let_go_when_a_person_says_so(inventory, tea):
    stranger = uuid.uuid4()
    inventory.reserve(stranger, [RequestedLine(tea, 2)])

    assert list(mend()) == [f"PERSON: order {stranger} is unknown here, but products holds 2 of {tea} for it"]
    assert inventory.counters(tea) == (10, 2)


def test_the_command_lets_go_of_what_nobody_ordered(inventory, tea):
    stranger = uuid.uuid4()
    inventory.reserve(stranger, [RequestedLine(tea, 2)])

    call_command("reconcile", "--release", str(stranger), stdout=StringIO())

    assert inventory.counters(tea) == (10, 0)


def test_where_products_is_away_it_is_said_and_nothing_is_done(go, inventory):
    order = go()
    inventory.reservations.clear()
    inventory.down = True

    (told,) = list(mend())

    assert told.startswith("products could not be asked")
    assert status(order) == "placed"


# After a restore --------------------------------------------------------------------------------


@pytest.mark.parametrize("actions", [["pay", "ship"], ["pay", "ship", "deliver", "return"]])
def test_after_a_restore_an_order_that_was_pending_is_shipped_if_its_goods_had_left(go, inventory, actions):
    order = go(*actions)
    Order.objects.update(status="pending", placed_at=None, total=None, created_at="2026-01-01T00:00Z")
    before = inventory.reservations[uuid.UUID(order)].state

    told = list(after_restore())

    assert (status(order), inventory.reservations[uuid.UUID(order)].state) == ("shipped", before)
    assert "its goods had left: shipped" in told[1]
    assert f"PERSON: order {order}" in told[1]
    assert [*find_drift()] == []


def test_after_a_restore_an_order_that_was_pending_and_let_go_is_left_to_be_rejected(go, inventory):
    order = go("cancel")
    Order.objects.update(status="pending", placed_at=None, total=None, lease_until="2026-01-01T00:00Z")

    assert not [line for line in after_restore() if order in line]
    settle_orders()
    assert status(order) == "rejected"


def test_after_a_restore_an_order_that_was_pending_is_placed_if_its_goods_are_held(go, inventory):
    order = go()
    Order.objects.update(status="pending", placed_at=None, total=None, created_at="2026-01-01T00:00Z")

    told = list(after_restore())

    assert status(order) == "placed"
    assert told[0] == f"order {order} was pending: placed, since products holds its goods"
    assert told[-1].startswith("1 orders are placed and not paid by these books")


def test_after_a_restore_products_must_answer(go, inventory):
    go()
    inventory.reservations.clear()
    inventory.down = True

    with pytest.raises(CommandError, match="start it and run this again"):
        list(after_restore())


def test_a_run_that_was_cut_off_goes_on_with_the_service_at_which_it_ended(go, inventory):
    go()
    inventory.reservations.clear()
    inventory.down = True
    with pytest.raises(CommandError, match="start it and run this again"):
        run_after_restore()

    inventory.down = False
    told = run_after_restore()

    left = [line for line in told if "by the run that was cut off" in line]
    assert [line.partition(":")[0] for line in left] == BEFORE_ORDERS
    assert all(line in left or line.startswith("orders:") for line in told)
    assert any("held again" in line for line in told)
    assert [runs(service) for service in [*BEFORE_ORDERS, "orders"]] == [1] * (len(BEFORE_ORDERS) + 1)
    with pytest.raises(CommandError, match="Nothing was done"):
        run_after_restore()


@pytest.mark.skipif(not BEFORE_ORDERS, reason="orders is alone")
def test_what_was_done_long_before_is_no_run_that_was_cut_off(go, inventory):
    event_of(BEFORE_ORDERS[0]).objects.create(kind="database", subject=BEFORE_ORDERS[0], what="restored", sub="x")
    changing(event_of(BEFORE_ORDERS[0])).update(at=clock.now() - timedelta(days=2))

    with pytest.raises(CommandError, match=f"Nothing was done: {BEFORE_ORDERS[0]} .* say --again"):
        run_after_restore()
    told = run_after_restore("--again")

    assert not [line for line in told if "by the run that was cut off" in line]
    assert runs("orders") == 1


def run_after_restore(*options):
    out = StringIO()
    call_command("after_restore", *options, stdout=out)
    return out.getvalue().splitlines()


def runs(service):
    return event_of(service).objects.filter(kind="database", subject=service, what="restored").count()
