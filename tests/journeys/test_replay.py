"""Real invoices are replayed: `python -m benchmarks.replay`."""

import subprocess
import sys
from collections import Counter

import pytest
from django.conf import settings

from benchmarks.replay import Order, find_bought, read_invoices, split

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


@pytest.fixture
def invoices(tmp_path):
    """A file like the real one, in which everything happens once."""

    def write(*rows):
        path = tmp_path / "invoices.csv"
        lines = (
            f"{number},{sku},{sku},{units},2010-12-01 08:26:00,2.55,{who},UK\n" for number, sku, units, who in rows
        )
        path.write_text(HEADER + "".join(lines))
        return path

    return write


def test_lines_of_an_invoice_are_added_up_and_what_is_no_sale_is_counted(invoices):
    path = invoices(
        ("1", "A", "2.0", "7"),
        ("1", "B", "1.0", "7"),
        ("1", "A", "3.0", "7"),
        ("2", "A", "-1.0", "7"),
        ("3", "POST", "1.0", "7"),
        ("C4", "A", "-2.0", "7"),
        ("C5", "B", "1.0", "7"),
    )

    sales, cancellations, skipped = read_invoices(path, {"A": "id", "B": "id"})

    assert sales == [Order("1", "7", {"A": 5, "B": 1})]
    assert cancellations == [Order("C4", "7", {"A": 2})]
    assert skipped == Counter({"its quantity is no sale": 2, "its product is not in the catalogue": 1})


def test_a_long_invoice_is_several_orders():
    parts = list(split(Order("1", "7", {str(number): 1 for number in range(120)})))

    assert [len(part.lines) for part in parts] == [50, 50, 20]


def test_a_cancellation_takes_the_last_order_of_the_same_customer_and_goods():
    bought = [
        (Order("1", "7", {"A": 1}), "first"),
        (Order("2", "7", {"A": 1}), "second"),
        (Order("3", "8", {"A": 1}), "of another"),
    ]
    cancelled = Order("C4", "7", {"A": 1, "B": 1})

    found = [find_bought(cancelled, bought) for _ in range(3)]

    assert found == ["second", "first", None]
    assert find_bought(Order("C5", "", {"A": 1}), [(Order("6", "", {"A": 1}), "nobody's")]) is None


@pytest.mark.slow
def test_invoices_are_placed_taken_back_and_the_books_agree(invoices):
    path = invoices(
        *(("1", f"P{number}", "1.0", "7") for number in range(60)),
        *((str(number), "HOT", "2.0", str(number)) for number in range(2, 12)),
        ("C90", "P3", "-1.0", "7"),
        ("C91", "P55", "-1.0", "7"),
        ("C92", "P3", "-1.0", "8"),
    )
    options = ["--clients", "4", "--workers", "1", "--on-hand", "10"]

    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.replay", str(path), *options],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )

    said = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr[-2000:]
    assert said[1:3] == ["11 invoices are 12 orders; 3 invoices cancel", "  lines left out: none"]
    assert said[3].startswith("12 orders by 4 clients in ")
    assert said[4:] == [
        "  7 placed, 5 insufficient-stock",
        "cancelling invoices: 1 cancelled, 1 returned, 1 of no order that is left",
        "settle_orders: 0 settled, 0 stuck, 0 left",
        "reconcile: orders: nothing differs; products: nothing differs",
    ]
