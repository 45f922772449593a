"""Staff correct stock by a movement with a reason."""

from uuid import uuid4

import pytest

from products import reservations, stock
from products.catalogue import NoSuchProduct
from products.models import Event, Movement
from products.reservations import RequestedLine

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_a_correction_moves_the_counter_and_says_who_and_why(tea, carol, counters):
    stock.correct(tea.pk, -3, reason="broken", by=carol_as_actor(carol))

    assert counters(tea) == (7, 0)
    written = Movement.objects.filter(product=tea).values("kind", "on_hand", "reserved", "reason", "sub").first()
    assert written == {"kind": "correct", "on_hand": -3, "reserved": 0, "reason": "broken", "sub": carol.sub}


def test_a_correction_is_in_the_history_of_the_product(tea, carol):
    stock.correct(tea.pk, -3, reason="broken", by=carol_as_actor(carol))

    event = Event.objects.about(tea).last()
    assert (event.what, event.sub, event.facts) == ("stock corrected", carol.sub, {"change": -3, "reason": "broken"})


def test_what_is_held_cannot_be_corrected_away(tea, carol, counters):
    reservations.reserve(uuid4(), [RequestedLine(tea.pk, 4)])

    with pytest.raises(stock.BelowReserved):
        stock.correct(tea.pk, -7, reason="broken", by=carol_as_actor(carol))

    assert counters(tea) == (10, 4)


def test_an_unknown_product_has_no_stock(carol):
    with pytest.raises(NoSuchProduct):
        stock.correct(uuid4(), 1, reason="found", by=carol_as_actor(carol))


def carol_as_actor(carol):
    carol.client_id = "web"
    return carol
