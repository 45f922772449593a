"""An order that owes what cannot be: told once, counted, shown with its reason, and let out by a person alone."""

import uuid
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from orders import resuming
from orders.inventory import InventoryUnavailable
from orders.mending import mend
from orders.models import Event, Order
from orders.reconciliation import find_drift
from orders.resuming import retry_stuck, settle_orders
from tests.orders.test_settling import figures

pytestmark = pytest.mark.django_db
REASON = "products holds nothing for it any more"


@pytest.fixture
def stuck(alice, dave, tea, place, act, inventory):
    """A shipped order whose hold is gone."""
    order = place(alice, {tea: 2}).json()
    act(dave, order, "pay", reference="R")
    inventory.lost = inventory.reservations.pop(uuid.UUID(order["id"]))
    assert act(dave, order, "ship").json()["status"] == "shipped"
    return Order.objects.get()


def test_shipping_what_is_not_held_is_written_down_with_its_reason(stuck):
    assert (stuck.status, stuck.outbox, stuck.stuck) == ("shipped", "fulfil", REASON)


def test_it_is_part_of_what_reconcile_says(stuck):
    assert list(find_drift()) == [f"order {stuck.pk} is shipped and owes fulfil, but is stuck: {REASON}"]


def test_it_is_counted(client, stuck):
    assert figures(client)["stuck"] == 1


def test_it_is_told_once_and_not_tried_in_every_run(stuck, inventory, caplog):
    caplog.clear()
    inventory.heard.clear()

    assert settle_orders() == {"settled": 0, "stuck": 0, "left": 0}
    assert inventory.heard == []
    assert retry_stuck() == {"settled": 0, "stuck": 1, "left": 0}
    assert "order_stuck" not in caplog.text


def test_it_is_settled_by_itself_once_products_is_put_right(stuck, inventory, tea):
    inventory.reservations[stuck.pk] = inventory.lost

    assert retry_stuck() == {"settled": 1, "stuck": 0, "left": 0}
    stuck.refresh_from_db()
    assert (stuck.outbox, stuck.stuck, list(find_drift())) == ("", "", [])
    assert inventory.counters(tea) == (8, 0)


def test_mending_takes_its_goods_again_and_hands_them_over(stuck, inventory, tea):
    """Products was restored to before it was placed, so it knows nothing of it."""
    inventory.shelves[tea].reserved = 0

    assert list(mend()) == [f"order {stuck.pk} is shipped, and was stuck: products heard again what it owed (fulfil)"]
    stuck.refresh_from_db()
    assert (stuck.outbox, stuck.stuck, inventory.counters(tea)) == ("", "", (8, 0))
    assert (Event.objects.order_by("id").last().what, list(find_drift()), list(mend())) == ("mended", [], [])


@pytest.mark.parametrize("why", ["let go", "sold out"])
def test_mending_names_what_a_person_has_to_decide_and_it_stays_stuck(stuck, inventory, tea, why):
    if why == "let go":
        inventory.release(stuck.pk)
    else:
        inventory.shelves[tea].on_hand = inventory.shelves[tea].reserved = 0

    [words] = list(mend())

    assert words.startswith(f"PERSON: order {stuck.pk} ({stuck.number}) is shipped: products ")
    stuck.refresh_from_db()
    assert (stuck.outbox, bool(stuck.stuck)) == ("fulfil", True)


def test_settle_orders_fails_for_it(stuck):
    out = StringIO()

    with pytest.raises(CommandError):
        call_command("settle_orders", stdout=out)

    assert out.getvalue() == "0 settled, 1 stuck, 0 left\n"


def test_an_order_that_moves_on_is_tried_again_and_stuck_again(stuck, dave, act):
    act(dave, {"id": stuck.pk}, "deliver")
    stuck.refresh_from_db()
    assert (stuck.outbox, stuck.stuck) == ("fulfil", "")

    assert settle_orders()["stuck"] == 1
    act(dave, {"id": stuck.pk}, "return")
    stuck.refresh_from_db()
    assert (stuck.outbox, stuck.stuck) == ("fulfil take_back", REASON)


def test_staff_see_the_reason_and_write_off_what_it_owes(stuck, dave):
    page = dave.browser.get("/admin/orders/order/?waiting=stuck").content.decode()
    assert (stuck.number in page, REASON in page) == (True, True)

    confirm = f"/admin/orders/order/act/write_off/?id={stuck.pk}"
    dave.browser.post(confirm, {"all-why": ""})
    assert Order.objects.stuck().exists()
    dave.browser.post(confirm, {"all-why": "counted by hand"})

    stuck.refresh_from_db()
    event = Event.objects.order_by("id").last()
    assert (stuck.outbox, stuck.stuck) == ("", "")
    assert (event.what, event.sub, event.facts) == (
        "written off",
        dave.sub,
        {"calls": "fulfil", "why": "counted by hand"},
    )
    assert list(find_drift()) == []


def test_its_page_says_why_it_is_stuck_what_is_owed_and_what_can_be_done(stuck, dave, inventory):
    page = dave.browser.get(f"/admin/orders/order/{stuck.pk}/change/").content.decode()

    for words in (
        f"It is stuck: {REASON}.",
        "take its goods out of the stock",
        "in vain 1 time,",
        f"<q>{REASON}</q>",
        "Write off…",
    ):
        assert words in page


def test_an_order_that_is_not_stuck_is_not_written_off(alice, dave, tea, place, act, inventory):
    order = place(alice, {tea: 2}).json()
    inventory.down = True
    act(alice, order, "cancel")

    dave.browser.post(f"/admin/orders/order/act/write_off/?id={order['id']}", {"all-why": "why"})

    assert Order.objects.get().outbox == "release"


def test_a_run_ends_where_products_does_not_answer_and_writes_and_says_little(
    alice, dave, tea, place, inventory, act, caplog, django_assert_max_num_queries
):
    dearth = [place(alice, {tea: 1}).json() for _ in range(9)]
    inventory.down = True
    for order in dearth:
        act(alice, order, "cancel")
    inventory.heard.clear()
    caplog.clear()

    with django_assert_max_num_queries(30):
        assert settle_orders() == {"settled": 0, "stuck": 0, "left": 9}

    assert len(inventory.heard) == resuming.GIVE_UP
    assert len(caplog.records) == 1


def test_each_has_its_turn_however_many_are_before_it(alice, tea, place, inventory, act, monkeypatch):
    monkeypatch.setattr(resuming, "GIVE_UP", 2)
    monkeypatch.setattr(resuming, "_position", None)
    orders = [place(alice, {tea: 1}).json() for _ in range(5)]
    inventory.down = True
    for order in orders:
        act(alice, order, "cancel")
    inventory.down = False
    bad = {uuid.UUID(order["id"]) for order in orders[:4]}
    release = type(inventory).release

    def fail(self, order_id):
        if order_id in bad:
            raise InventoryUnavailable("Not this one.")
        release(self, order_id)

    monkeypatch.setattr(type(inventory), "release", fail)

    assert [settle_orders()["settled"] for _ in range(3)] == [0, 0, 1]


def test_a_run_ends_before_its_lease(alice, tea, place, inventory, act, monkeypatch):
    monkeypatch.setattr(resuming, "PASS", 0.0)
    order = place(alice, {tea: 1}).json()
    inventory.down = True
    act(alice, order, "cancel")
    inventory.down = False

    assert settle_orders() == {"settled": 0, "stuck": 0, "left": 1}
