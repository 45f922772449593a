"""Orders as a CSV file, a row per line."""

import csv
import gzip

import pytest
from django.core.management import CommandError, call_command

from orders.csv_export import HEADER, export_orders
from orders.models import Order

pytestmark = pytest.mark.django_db


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.database
def test_each_line_is_a_row_with_its_order(alice, tea, mug, place, tmp_path):
    placed = place(alice, {tea: 2, mug: 1}, ship_to="1 Mosaic Lane\nRavenna").json()

    count = export_orders(tmp_path / "orders.csv")

    rows = read(tmp_path / "orders.csv")
    order = Order.objects.get()
    shared = {
        "number": placed["number"],
        "order": placed["id"],
        "status": "placed",
        "created_at": f"{order.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "placed_at": f"{order.placed_at:%Y-%m-%dT%H:%M:%SZ}",
        "customer_id": alice.sub,
        "customer_name": "Alice",
        "customer_email": "alice@example.com",
        "ship_to": "1 Mosaic Lane\nRavenna",
        "payment_reference": "",
        "currency": "EUR",
        "total": "18.80",
    }
    lines = [
        {"product": str(tea), "sku": "tea", "name": "Tea", "quantity": "2", "unit_price": "4.50", "line_total": "9.00"},
        {"product": str(mug), "sku": "mug", "name": "Mug", "quantity": "1", "unit_price": "9.80", "line_total": "9.80"},
    ]
    assert count == 2
    assert rows == [shared | line for line in sorted(lines, key=lambda line: line["product"])]
    assert list(rows[0]) == HEADER


def test_an_order_that_waits_has_no_amounts(alice, tea, place, inventory, tmp_path):
    inventory.down = True
    place(alice, {tea: 2})

    export_orders(tmp_path / "orders.csv")

    row = read(tmp_path / "orders.csv")[0]
    assert (row["status"], row["quantity"]) == ("pending", "2")
    assert {row[name] for name in ("placed_at", "currency", "total", "sku", "unit_price", "line_total")} == {""}


def test_a_stranger_writes_no_formula(alice, tea, place, tmp_path):
    place(alice, {tea: 1}, ship_to='=HYPERLINK("http://example.com")')

    export_orders(tmp_path / "orders.csv")

    assert read(tmp_path / "orders.csv")[0]["ship_to"] == '\'=HYPERLINK("http://example.com")'


def test_a_sku_is_no_formula_either(alice, place, inventory, tmp_path):
    place(alice, {inventory.add("=1+1"): 1})

    export_orders(tmp_path / "orders.csv")

    assert read(tmp_path / "orders.csv")[0]["sku"] == "'=1+1"


def test_rows_are_not_kept_in_memory(alice, tea, mug, place, tmp_path, django_assert_num_queries):
    for _ in range(3):
        place(alice, {tea: 1, mug: 1})

    with django_assert_num_queries(2):
        export_orders(tmp_path / "orders.csv")


def test_the_command_packs_by_name_and_says_how_many(alice, tea, place, tmp_path, capsys):
    place(alice, {tea: 1})

    call_command("export_orders", str(tmp_path / "orders.csv.gz"))

    assert capsys.readouterr().out == "1 lines written.\n"
    with gzip.open(tmp_path / "orders.csv.gz", "rt", newline="") as file:
        assert len(list(csv.reader(file))) == 2


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(CommandError, match=r"cannot be written.*nowhere"):
        call_command("export_orders", str(tmp_path / "nowhere" / "orders.csv"))
