"""The catalogue as a CSV file, which the import takes back."""

import csv
import gzip
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from database.csv_writing import Form, Table, write_csv
from products import catalogue, reservations
from products.csv_files.exporting import export_products
from products.csv_files.importing import Import, import_products
from products.models import Event, Movement, Product
from products.reservations import RequestedLine
from wire.events import SYSTEM
from wire.text import identifier

pytestmark = pytest.mark.django_db


@pytest.fixture
def odd(add):
    """Products that a careless file would spoil."""
    return [
        add('Cup, "the" cup', sku="=1+1", price="12.50", on_hand=3, description='Two\nlines, a "quote"\nand ende'),
        add("Maté crème 茶", sku="jpy", price="450", currency="JPY", active=False),
        add("'quoted'", sku="000123", price="1.125", currency="KWD", category="\u00dcbriges"),
        add("NULL", sku="nan", price="999999999.99", on_hand=1_000_000_000),
    ]


def test_a_product_is_written_as_import_reads_it(tea, tmp_path):
    count = write_csv(tmp_path / "goods.csv", export_products())

    assert count == 1
    assert (tmp_path / "goods.csv").read_bytes() == (
        b"sku,name,price,description,category,currency,active,on_hand\r\nTEA,Tea,4.50,Black.,Drinks,EUR,true,10\r\n"
    )


@pytest.mark.database
@pytest.mark.parametrize("name", ["goods.csv", "goods.csv.gz"])
def test_what_was_exported_is_imported_without_options_and_changes_nothing(odd, tea, tmp_path, name):
    before = everything()

    write_csv(tmp_path / name, export_products())
    report = import_products(Import(tmp_path / name, strict=True))

    assert (report.rows, report.unchanged, report.bad) == (5, 5, [])
    assert everything() == before


@pytest.mark.database
def test_an_empty_shop_takes_it_all(odd, tea, tmp_path):
    write_csv(tmp_path / "goods.csv", export_products())
    exported = (tmp_path / "goods.csv").read_bytes()
    forget()

    import_products(Import(tmp_path / "goods.csv", strict=True))
    write_csv(tmp_path / "again.csv", export_products())

    assert (tmp_path / "again.csv").read_bytes() == exported


def test_a_name_in_gz_is_packed(tea, tmp_path):
    write_csv(tmp_path / "goods.csv.gz", export_products())

    with gzip.open(tmp_path / "goods.csv.gz", "rt", newline="") as file:
        assert [row["sku"] for row in csv.DictReader(file)] == ["TEA"]


def test_rows_are_not_kept_in_memory(tea, tmp_path, django_assert_num_queries):
    for number in range(30):
        catalogue.create_product({"sku": f"S{number:02}", "name": "Scone", "price": Decimal(1)}, by=SYSTEM)

    with django_assert_num_queries(2):
        write_csv(tmp_path / "goods.csv", export_products())


def test_the_command_says_how_many(tea, cup, tmp_path, capsys):
    call_command("export_products", str(tmp_path / "goods.csv"))

    assert capsys.readouterr().out == "2 products written.\n"


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(CommandError, match=r"cannot be written.*nowhere"):
        call_command("export_products", str(tmp_path / "nowhere" / "goods.csv"))


def everything():
    products = list(Product.objects.order_by("pk").values("sku", "name", "version", "price", "stock__on_hand"))
    return products, Event.objects.count(), Movement.objects.count()


def forget():
    Movement.objects.all().delete()
    Product.stock.related.related_model.objects.all().delete()
    Product.objects.all().delete()


# For spreadsheets -------------------------------------------------------------------------------


FOR_SPREADSHEET = Form(for_spreadsheet=True)
FORMULAS = [
    "=1+1",
    '=HYPERLINK("http://example.com")',
    "+44",
    "-1",
    "@SUM(A1)",
    "'=1",
    "''=1",
    "'quoted'",
    "\uff1d1",
    '="00123"',
    '="a ""b"""',
]


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("form", [Form(), FOR_SPREADSHEET, Form(for_spreadsheet=True, delimiter=";")])
def test_what_looks_like_a_formula_comes_back_as_it_was(add, tmp_path, name, form):
    add(name, sku=identifier(name), category=name, description=name)
    before = everything()

    write_csv(tmp_path / "goods.csv", export_products(form), form)
    report = import_products(Import(tmp_path / "goods.csv", strict=True))

    assert (report.unchanged, report.bad) == (1, [])
    assert everything() == before


@pytest.mark.parametrize("name", FORMULAS)
def test_no_cell_for_a_spreadsheet_is_a_formula(add, tmp_path, name):
    add(name, sku=identifier(name), category=name, description=name)

    write_csv(tmp_path / "goods.csv", export_products(FOR_SPREADSHEET), FOR_SPREADSHEET)

    with (tmp_path / "goods.csv").open(encoding="utf-8-sig", newline="") as file:
        row = list(csv.reader(file))[1]
    assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))]


def test_excel_is_told_that_it_is_utf_8(add, tmp_path):
    add("Café")

    call_command("export_products", str(tmp_path / "goods.csv"), "--spreadsheet", "--delimiter", "semicolon")

    content = (tmp_path / "goods.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfsku;name;price;")
    assert "Café".encode() in content


# What may go wrong ------------------------------------------------------------------------------


def test_standard_output_gets_the_file_and_nothing_else(tea, capfdbinary):
    call_command("export_products", "-")

    written = capfdbinary.readouterr()
    assert written.out.startswith(b"sku,name,price,")
    assert written.out.endswith(b",10\r\n")
    assert b"1 products written." in written.err


def test_an_export_that_fails_midway_leaves_the_old_file(tmp_path):
    target = tmp_path / "goods.csv"
    target.write_text("the old one")

    with pytest.raises(ZeroDivisionError):
        write_csv(target, Table(["a"], ([1 / number] for number in (1, 0)), int))

    assert [path.name for path in tmp_path.iterdir()] == ["goods.csv"]
    assert target.read_text() == "the old one"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_told():
    with pytest.raises(CommandError, match=r"cannot be written.*No space left"):
        call_command("export_products", "/dev/full")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["goods.csv", "goods.csv.gz"])
@pytest.mark.parametrize("wait", [0.0, 0.02, 0.1])
def test_a_kill_at_any_moment_leaves_a_whole_file(tmp_path, name, wait):
    target = tmp_path / name
    write_csv(target, Table(["a"], [["old"]], int))
    old = target.read_bytes()

    writer = subprocess.Popen([sys.executable, "-c", ENDLESS, str(target)], stdout=subprocess.PIPE)
    writer.stdout.readline()
    time.sleep(wait)
    writer.kill()
    writer.wait()

    assert target.read_bytes() == old
    assert any(path.stat().st_size > 10_000 for path in tmp_path.iterdir())


ENDLESS = """
import sys
from itertools import count
from pathlib import Path
from database.csv_writing import Table, write_csv

def rows():
    for number in count():
        if number == 200_000:
            print("begun", flush=True)
        yield ["S%d" % (number * 2654435761 % 2**32), "Thing"]

write_csv(Path(sys.argv[1]), Table(["sku", "name"], rows(), int), quiet=True)
"""


# Round trips ------------------------------------------------------------------------------------


def test_stock_is_what_it_was_after_shipping(tea, order_id, tmp_path, counters):
    write_csv(tmp_path / "goods.csv", export_products())
    reservations.reserve(order_id, [RequestedLine(tea.pk, 3)])
    reservations.fulfil(order_id)
    file = tmp_path / "goods.csv"
    file.write_text(file.read_text().replace("4.50", "5.00"))

    report = import_products(Import(file, strict=True))

    assert (report.changed, report.left_alone) == (1, 1)
    assert (counters(tea), Product.objects.get().price) == ((7, 0), 5)
