"""What staff did to products is handed out to them; when they are erased, it stays without their names."""

import json
from decimal import Decimal

import pytest
from django.core.management import call_command

from products import catalogue, stock
from products.models import Event, Movement
from wire.events import Named

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def changed(carol, dave):
    """Carol and Dave have each put tea on hand."""
    by = {person: Named(person.sub, "web", name=person.name, email=person.email) for person in (carol, dave)}
    product = catalogue.create_product({"sku": "T", "name": "Tea", "price": Decimal(1)}, by=by[carol])
    for person in (carol, dave):
        stock.correct(product.pk, 5, reason="delivered", by=by[person])


def actors(model, person):
    return {row.actor for row in model.objects.filter(sub=person.sub)}


def test_what_one_did_is_handed_out(changed, carol, dave, tmp_path):
    call_command("export_person", carol.sub, str(tmp_path / "carol.json"))

    held = json.loads((tmp_path / "carol.json").read_bytes())["products"]
    assert [row["on_hand"] for row in held["movements"]] == [5]
    assert [row["what"] for row in held["events"]] == ["created", "stock corrected"]
    assert dave.sub not in (tmp_path / "carol.json").read_text()


def test_who_is_erased_is_named_no_more_and_stock_is_as_it_was(changed, carol, dave):
    before = actors(Movement, dave), actors(Event, dave)
    assert "" not in actors(Movement, carol) | actors(Event, carol)

    call_command("erase_person", carol.sub, "--yes", verbosity=0)

    assert (actors(Movement, carol), actors(Event, carol)) == ({""}, {""})
    assert (actors(Movement, dave), actors(Event, dave)) == before
    assert Movement.objects.filter(sub=carol.sub).count() == 1
