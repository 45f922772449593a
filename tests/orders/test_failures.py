"""What happens when products is away, answers are lost, and changes race."""

import threading
import time
import uuid

import pytest
from django.db import connection, transaction

from database import deadlines
from orders import checkout, resuming, transitions
from orders.models import Event, Order

pytestmark = pytest.mark.django_db


def test_products_down_leaves_the_order_pending(alice, tea, place, inventory):
    inventory.down = True

    response = place(alice, {tea: 2})

    assert (response.status_code, response.json()["status"]) == (202, "pending")
    assert response["Location"].endswith(f"/api/orders/{Order.objects.get().pk}/")
    assert response["Retry-After"] == "5"
    assert alice.get("/api/orders/").json()["results"][0]["status"] == "pending"


@pytest.mark.postgresql
@pytest.mark.parametrize(("is_down", "status"), [(False, 201), (True, 202)])
def test_what_came_of_it_is_written_though_the_time_of_the_request_is_over(
    alice, tea, place, inventory, is_down, status
):
    inventory.down = is_down
    inventory.meanwhile = lambda: deadlines._ends.set(time.monotonic())

    assert place(alice, {tea: 2}).status_code == status


def test_products_back_settles_it(alice, tea, place, inventory):
    inventory.down = True
    response = place(alice, {tea: 2}, key='"k"')
    inventory.down = False

    assert resuming.settle_orders() == {"settled": 1, "stuck": 0, "left": 0}
    assert alice.get(response["Location"]).json()["total"] == "9.00"
    assert place(alice, {tea: 2}, key='"k"').status_code == 201
    assert inventory.counters(tea) == (10, 2)


def test_products_down_until_the_deadline_rejects_it(alice, tea, place, inventory, later):
    inventory.down = True
    order = place(alice, {tea: 2}, key='"k"').json()
    later(order["id"], minutes=16)

    assert resuming.settle_orders() == {"settled": 0, "stuck": 0, "left": 1}
    assert [Order.objects.get().status, Order.objects.get().outbox] == ["rejected", "release"]

    inventory.down = False
    response = place(alice, {tea: 2}, key='"k"')

    assert (response.status_code, response.json()["code"]) == (409, "not-reserved")
    assert response.json()["lines"] == [{"product": str(tea)}]
    assert resuming.settle_orders() == {"settled": 1, "stuck": 0, "left": 0}
    assert (Order.objects.get().outbox, inventory.counters(tea)) == ("", (10, 0))


def test_a_buyer_who_comes_back_after_the_deadline_is_refused(alice, tea, place, inventory, later):
    inventory.down = True
    order = place(alice, {tea: 2}, key='"k"').json()
    later(order["id"], minutes=16)
    inventory.down = False

    assert place(alice, {tea: 2}, key='"k"').json()["code"] == "not-reserved"
    assert inventory.counters(tea) == (10, 0)


def test_an_answer_that_was_lost_is_had_again(alice, tea, place, inventory):
    inventory.mute = True
    first = place(alice, {tea: 2}, key='"k"')
    held = inventory.counters(tea)
    inventory.mute = False

    again = place(alice, {tea: 2}, key='"k"')

    assert [first.status_code, held, again.status_code] == [202, (10, 2), 201]
    assert inventory.counters(tea) == (10, 2)


def test_stock_held_for_an_order_past_its_deadline_is_let_go(alice, tea, place, inventory, later):
    inventory.mute = True
    order = place(alice, {tea: 2}).json()
    inventory.mute = False
    later(order["id"], minutes=16)

    resuming.settle_orders()

    assert (Order.objects.get().status, inventory.counters(tea)) == ("rejected", (10, 0))


def test_a_crash_before_reserve_is_made_good(alice, tea, inventory, begin, later):
    order = begin(request_of(alice, tea)).order
    later(order.pk, seconds=31)

    assert resuming.settle_orders() == {"settled": 1, "stuck": 0, "left": 0}
    assert (Order.objects.get().status, inventory.counters(tea)) == ("placed", (10, 2))


def test_a_crash_after_reserve_is_made_good(alice, tea, inventory, begin, later):
    order = begin(request_of(alice, tea)).order
    inventory.reserve(order.pk, wanted(tea))
    later(order.pk, seconds=31)

    resuming.settle_orders()

    assert (Order.objects.get().status, inventory.counters(tea)) == ("placed", (10, 2))


def test_a_crash_before_a_debt_was_paid_is_made_good(alice, tea, place, inventory):
    place(alice, {tea: 2})
    transitions.change_status(Order.objects.get(), "cancelled", by=customer(alice))

    assert resuming.settle_orders() == {"settled": 1, "stuck": 0, "left": 0}
    assert (Order.objects.get().outbox, inventory.counters(tea)) == ("", (10, 0))


def test_the_resolver_leaves_others_business_alone(alice, tea, place, inventory, begin):
    begin(request_of(alice, tea))
    place(alice, {tea: 1})

    assert resuming.settle_orders() == {"settled": 0, "stuck": 0, "left": 0}
    assert Order.objects.filter(status="pending").count() == 1


@pytest.mark.parametrize("winner", ["placed", "rejected"])
def test_a_deadline_and_a_late_confirm_have_one_winner(alice, tea, inventory, begin, winner):
    details = begin(request_of(alice, tea))
    order = Order.objects.get()
    held = inventory.reserve(order.pk, wanted(tea))
    steps = {
        "placed": lambda: transaction.atomic(checkout.confirm_order)(details, held),
        "rejected": lambda: checkout.reject_overdue_order(order),
    }

    first = steps.pop(winner)()
    second = steps.popitem()[1]()
    resuming.settle_orders()

    assert (first, second, Order.objects.get().status) == (True, False, winner)
    assert inventory.counters(tea) == (10, 2 if winner == "placed" else 0)


def test_cancelling_twice_is_answered_alike_and_releases_once(alice, tea, place, act, inventory):
    order = place(alice, {tea: 2}).json()

    first, second = act(alice, order, "cancel"), act(alice, order, "cancel")

    assert (first.status_code, second.status_code, second.json()) == (200, 200, first.json())
    assert (inventory.heard, inventory.counters(tea)) == (["reserve", "release"], (10, 0))
    assert Event.objects.filter(what="cancelled").count() == 1


def test_cancelling_while_products_is_asked_turns_the_hold_away(alice, tea, place, act, inventory):
    def cancel():
        act(alice, {"id": Order.objects.get().pk}, "cancel")

    inventory.meanwhile = cancel

    response = place(alice, {tea: 2}, key='"k"')

    assert (response.status_code, response.json()["code"]) == (409, "cancelled")
    assert place(alice, {tea: 2}, key='"k"').content == response.content
    assert (Order.objects.get().status, Order.objects.get().outbox) == ("cancelled", "")
    assert inventory.counters(tea) == (10, 0)


def test_cancelling_after_products_held_it_lets_it_go(alice, tea, place, act, inventory):
    inventory.mute = True
    order = place(alice, {tea: 2}).json()
    inventory.mute = False

    act(alice, order, "cancel")

    assert inventory.counters(tea) == (10, 0)


def test_cancel_against_ship_leaves_the_loser_with_409(alice, dave, tea, place, act, inventory):
    order = place(alice, {tea: 2}).json()
    act(dave, order, "pay", reference="P-1")
    act(dave, order, "ship")

    loser = act(dave, order, "cancel")

    assert (loser.status_code, loser.json()["code"]) == (409, "wrong-status")
    assert loser.json()["order"] == dave.get(f"/api/orders/{order['id']}/").json()
    assert inventory.counters(tea) == (8, 0)


def test_who_read_too_early_looks_again(alice, dave, tea, place, act, monkeypatch):
    order = place(alice, {tea: 2}).json()
    find, raced = transitions.find_order, []

    def find_slowly(*args, **kwargs):
        found = find(*args, **kwargs)
        if not raced:
            raced.append(True)
            act(dave, order, "pay", reference="P-1")
        return found

    monkeypatch.setattr(transitions, "find_order", find_slowly)

    response = act(alice, order, "cancel")

    assert (response.status_code, response.json()["order"]["status"]) == (409, "paid")


def test_an_order_that_products_contradicts_is_stuck_and_others_go_on(alice, dave, tea, place, act, inventory):
    stuck, fine = place(alice, {tea: 1}).json(), place(alice, {tea: 2}).json()
    for order in (stuck, fine):
        act(dave, order, "pay", reference="P-1")
    inventory.down = True
    for order in (stuck, fine):
        act(dave, order, "ship")
    inventory.down = False
    del inventory.reservations[uuid.UUID(stuck["id"])]

    assert resuming.settle_orders() == {"settled": 1, "stuck": 1, "left": 0}
    assert [order.outbox for order in Order.objects.order_by("created_at")] == ["fulfil", ""]


def test_an_order_that_products_holds_other_lines_for_waits(alice, tea, place, inventory, caplog):
    inventory.mute = True
    order = place(alice, {tea: 2}, key='"k"').json()
    inventory.mute = False
    reservation = inventory.reservations[uuid.UUID(order["id"])]
    reservation.asked = wanted(tea, 3)

    assert place(alice, {tea: 2}, key='"k"').status_code == 202
    assert "OtherLines" in caplog.text
    assert Order.objects.get().stuck == "products holds other lines for it"
    assert resuming.settle_orders() == {"settled": 0, "stuck": 0, "left": 0}
    reservation.asked = wanted(tea, 2)
    assert place(alice, {tea: 2}, key='"k"').status_code == 201
    assert Order.objects.get().stuck == ""


def test_of_two_debts_only_the_one_that_was_heard_is_cleared(return_unheard, tea, inventory):
    return_unheard(2)
    inventory.meanwhile = lambda: setattr(inventory, "meanwhile", lambda: setattr(inventory, "down", True))

    assert resuming.settle_orders() == {"settled": 0, "stuck": 0, "left": 1}
    assert (Order.objects.get().outbox, inventory.counters(tea)) == ("take_back", (8, 0))


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_products_is_never_asked_inside_a_transaction(alice, tea):
    with pytest.raises(RuntimeError), transaction.atomic():
        checkout.place_order(request_of(alice, tea))

    assert Order.objects.count() == 0


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_cancels_at_once_release_once(alice, dave, tea, place, act, inventory):
    order, statuses = place(alice, {tea: 2}).json(), []

    def cancel(person):
        while (response := act(person, order, "cancel")).status_code == 503:
            pass
        statuses.append(response.status_code)
        connection.close()

    threads = [threading.Thread(target=cancel, args=(person,)) for person in (alice, dave) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 6
    assert Event.objects.filter(what="cancelled").count() == 1
    resuming.settle_orders()
    assert inventory.counters(tea) == (10, 0)


def customer(person):
    return checkout.Customer(person.sub, "Alice", "alice@example.com", "api")


def request_of(person, product):
    return checkout.OrderRequest(customer(person), wanted(product))


def wanted(product, quantity=2):
    return [checkout.RequestedLine(product, quantity)]
