"""An order holds all of its lines or none, once."""

from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from products import catalogue, reservations, stock
from products.models import Movement, Reservation
from products.reservations import RequestedLine, ReservedLine
from wire.events import SYSTEM

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_reserve_holds_every_line_and_answers_the_prices(tea, cup, order_id, counters):
    held = reservations.reserve(order_id, [RequestedLine(tea.pk, 2), RequestedLine(cup.pk, 1)])

    assert sorted(held) == sorted(
        [
            ReservedLine(tea.pk, 2, "TEA", "Tea", Decimal("4.50"), "EUR"),
            ReservedLine(cup.pk, 1, "CUP", "Cup", Decimal("12.00"), "EUR"),
        ]
    )
    assert [counters(tea), counters(cup)] == [(10, 2), (3, 1)]


def test_lines_of_one_product_are_merged(tea, order_id, counters):
    held = reservations.reserve(order_id, [RequestedLine(tea.pk, 2), RequestedLine(tea.pk, 3)])

    assert [(line.product, line.quantity) for line in held] == [(tea.pk, 5)]
    assert counters(tea) == (10, 5)


def test_reserve_twice_holds_stock_once_and_answers_the_same(tea, order_id, counters):
    first = reservations.reserve(order_id, [RequestedLine(tea.pk, 2, Decimal("4.50"))])
    catalogue.change_product(tea.pk, {"price": Decimal("5.00"), "name": "Green tea", "active": False}, by=SYSTEM)

    again = reservations.reserve(order_id, [RequestedLine(tea.pk, 2, Decimal("4.50"))])

    assert again == first
    assert counters(tea) == (10, 2)


def test_a_reserve_after_fulfilment_answers_the_same(tea, order_id, counters):
    first = reservations.reserve(order_id, [RequestedLine(tea.pk, 2)])
    reservations.fulfil(order_id)

    assert reservations.reserve(order_id, [RequestedLine(tea.pk, 2)]) == first
    assert counters(tea) == (8, 0)


def test_one_shortage_rolls_all_back_and_every_shortage_is_told(tea, cup, add, order_id, counters):
    pot = add("Pot")

    with pytest.raises(reservations.OutOfStock) as refusal:
        reservations.reserve(order_id, [RequestedLine(tea.pk, 1), RequestedLine(cup.pk, 4), RequestedLine(pot.pk, 1)])

    assert sorted(refusal.value.lines, key=lambda line: line["wanted"]) == [
        {"product": str(pot.pk), "name": pot.name, "wanted": 1, "available": 0},
        {"product": str(cup.pk), "name": cup.name, "wanted": 4, "available": 3},
    ]
    assert [counters(tea), counters(cup), counters(pot)] == [(10, 0), (3, 0), (0, 0)]
    assert not Reservation.objects.exists()


def test_an_order_refused_for_lack_of_stock_may_try_again(cup, order_id, counters):
    with pytest.raises(reservations.OutOfStock):
        reservations.reserve(order_id, [RequestedLine(cup.pk, 4)])
    stock.correct(cup.pk, 1, reason="delivered", by=SYSTEM)

    reservations.reserve(order_id, [RequestedLine(cup.pk, 4)])

    assert counters(cup) == (4, 4)


def test_a_price_that_its_buyer_did_not_see_is_refused(tea, cup, order_id, counters):
    with pytest.raises(reservations.PriceChanged) as refusal:
        reservations.reserve(
            order_id, [RequestedLine(tea.pk, 1, Decimal("4.00")), RequestedLine(cup.pk, 1, Decimal("12.000"))]
        )

    facts = {"seen": "4.00", "price": "4.50", "currency": "EUR"}
    assert refusal.value.lines == [{"product": str(tea.pk), "name": "Tea", **facts}]
    assert counters(tea) == (10, 0)


def test_an_unknown_product_cannot_be_ordered(tea, order_id):
    unknown = UUID(int=7)

    with pytest.raises(reservations.Unorderable) as refusal:
        reservations.reserve(order_id, [RequestedLine(tea.pk, 1), RequestedLine(unknown, 1)])

    assert (refusal.value.code, refusal.value.lines) == ("unknown-product", [{"product": str(unknown)}])


def test_a_retired_product_cannot_be_ordered(tea, cup, order_id):
    catalogue.change_product(cup.pk, {"active": False}, by=SYSTEM)

    with pytest.raises(reservations.Unorderable) as refusal:
        reservations.reserve(order_id, [RequestedLine(tea.pk, 1), RequestedLine(cup.pk, 1)])

    assert (refusal.value.code, refusal.value.lines) == (
        "retired-product",
        [{"product": str(cup.pk), "name": cup.name}],
    )


def test_two_currencies_cannot_be_ordered_together(tea, add, order_id):
    scone = add("Scone", on_hand=5, currency="GBP")

    with pytest.raises(reservations.Unorderable) as refusal:
        reservations.reserve(order_id, [RequestedLine(tea.pk, 1), RequestedLine(scone.pk, 1)])

    assert refusal.value.code == "mixed-currencies"
    assert [line["product"] for line in refusal.value.lines] == [str(pk) for pk in sorted([tea.pk, scone.pk])]


@pytest.mark.parametrize(("quantity", "price"), [(3, None), (2, Decimal("4.00"))])
def test_other_lines_under_the_same_order_are_refused(tea, order_id, counters, quantity, price):
    reservations.reserve(order_id, [RequestedLine(tea.pk, 2)])

    with pytest.raises(reservations.OtherLines) as refusal:
        reservations.reserve(order_id, [RequestedLine(tea.pk, quantity, price)])

    assert refusal.value.lines == [{"product": str(tea.pk), "quantity": 2}]
    assert counters(tea) == (10, 2)


def test_nothing_is_held_after_a_release(tea, order_id, counters):
    reservations.reserve(order_id, [RequestedLine(tea.pk, 2)])
    reservations.release(order_id)

    with pytest.raises(reservations.Gone):
        reservations.reserve(order_id, [RequestedLine(tea.pk, 2)])

    assert counters(tea) == (10, 0)


def test_a_release_that_comes_first_turns_the_late_reserve_away(tea, order_id, counters):
    reservations.release(order_id)

    with pytest.raises(reservations.Gone):
        reservations.reserve(order_id, [RequestedLine(tea.pk, 2)])

    assert counters(tea) == (10, 0)


def test_release_twice_lets_go_once(tea, order_id, counters):
    reservations.reserve(order_id, [RequestedLine(tea.pk, 2)])

    reservations.release(order_id)
    reservations.release(order_id)

    assert counters(tea) == (10, 0)
    assert Movement.objects.filter(kind="release").count() == 1


def test_fulfil_twice_hands_over_once(tea, order_id, counters):
    reservations.reserve(order_id, [RequestedLine(tea.pk, 2)])

    assert [reservations.fulfil(order_id), reservations.fulfil(order_id)] == ["fulfilled", "fulfilled"]

    assert counters(tea) == (8, 0)


def test_take_back_twice_puts_back_once(tea, order_id, counters):
    reservations.reserve(order_id, [RequestedLine(tea.pk, 2)])
    reservations.fulfil(order_id)

    assert [reservations.take_back(order_id), reservations.take_back(order_id)] == ["taken_back", "taken_back"]

    assert counters(tea) == (10, 0)


@pytest.mark.parametrize("verb", [reservations.fulfil, reservations.take_back])
@pytest.mark.parametrize("released", [False, True])
def test_what_is_not_held_cannot_be_moved(tea, order_id, counters, verb, released):
    if released:
        reservations.reserve(order_id, [RequestedLine(tea.pk, 2)])
        reservations.release(order_id)

    with pytest.raises(reservations.Gone):
        verb(order_id)

    assert counters(tea) == (10, 0)


def test_what_was_not_handed_over_cannot_be_taken_back(tea, order_id, counters):
    reservations.reserve(order_id, [RequestedLine(tea.pk, 2)])

    with pytest.raises(reservations.Gone):
        reservations.take_back(order_id)

    assert counters(tea) == (10, 2)


def test_what_was_handed_over_cannot_be_released(tea, order_id, counters):
    reservations.reserve(order_id, [RequestedLine(tea.pk, 2)])
    reservations.fulfil(order_id)

    with pytest.raises(reservations.Gone):
        reservations.release(order_id)

    assert counters(tea) == (8, 0)


def test_held_tells_every_order_that_holds_something(tea, cup, monkeypatch):
    monkeypatch.setattr(reservations, "BATCH", 2)
    orders = sorted(uuid4() for _ in range(5))
    for order_id in orders:
        reservations.reserve(order_id, [RequestedLine(tea.pk, 1)])
    both = uuid4()
    reservations.reserve(both, [RequestedLine(tea.pk, 2), RequestedLine(cup.pk, 1)])
    reservations.release(orders[0])
    reservations.fulfil(orders[1])

    assert dict(reservations.held()) == {order_id: {tea.pk: 1} for order_id in orders[2:]} | {
        both: {tea.pk: 2, cup.pk: 1}
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "call",
    [
        lambda: reservations.reserve(uuid4(), []),
        lambda: reservations.release(uuid4()),
        lambda: reservations.fulfil(uuid4()),
        lambda: reservations.take_back(uuid4()),
        lambda: stock.correct(uuid4(), 1, reason="", by=SYSTEM),
    ],
)
def test_no_verb_runs_inside_another_transaction(call):
    with transaction.atomic(), pytest.raises(RuntimeError):
        call()
