"""`manage.py import_products` takes a catalogue from a CSV file."""

import gzip
import uuid
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from products import reservations
from products.management.commands.import_products import BAD_ROWS
from products.models import Event, Movement, Product, Stock
from products.reservations import RequestedLine

pytestmark = [pytest.mark.django_db, pytest.mark.database]

HEADER = "sku,name,description,category,price,currency,active,on_hand"


@pytest.fixture
def load(tmp_path):
    """Import lines (or bytes) as a file; the lines that the command prints, but for how it was read."""

    def load(*lines, **options):
        content = lines[0] if isinstance(lines[0], bytes) else "\n".join(lines).encode()
        file = tmp_path / "products.csv"
        file.write_bytes(content)
        out = StringIO()
        try:
            call_command("import_products", str(file), stdout=out, **options)
        except CommandError as error:
            if error.returncode != BAD_ROWS or "strict" in options:
                raise
        return [line for line in out.getvalue().splitlines() if not line.startswith(("Read as ", "New products "))]

    return load


def shelf():
    """Every product with what is on hand of it."""
    fields = ("sku", "name", "category", "price", "currency", "active", "version", "stock__on_hand")
    return list(Product.objects.order_by("sku").values_list(*fields))


def test_a_file_becomes_a_catalogue(load):
    said = load(HEADER, "TEA,Tea,Black.,Drinks,4.50,EUR,true,10", "CUP,Cup,,Kitchen,12,GBP,false,0")

    assert said == ["2 rows: 0 repeats, 0 bad. Products: 2 created, 0 changed, 0 unchanged."]
    assert shelf() == [
        ("CUP", "Cup", "Kitchen", Decimal(12), "GBP", False, 1, 0),
        ("TEA", "Tea", "Drinks", Decimal("4.50"), "EUR", True, 1, 10),
    ]
    assert list(Movement.objects.values_list("product__sku", "kind", "on_hand", "reason")) == [
        ("TEA", "correct", 10, "import")
    ]


def test_the_same_file_again_changes_nothing(load):
    lines = [HEADER, "TEA,Tea,Black.,Drinks,4.50,EUR,true,10", "CUP,Cup,,Kitchen,12,GBP,false,0"]
    load(*lines)
    before, events = shelf(), Event.objects.count()

    said = load(*lines)

    assert said == ["2 rows: 0 repeats, 0 bad. Products: 0 created, 0 changed, 2 unchanged."]
    assert (shelf(), Event.objects.count(), Movement.objects.count()) == (before, events, 1)


def test_gzip_and_columns_of_other_names_are_taken(load):
    text = "InvoiceNo,StockCode,Description,UnitPrice\n1,85123A,HANGING HEART,2.55\n2,85123a,hanging heart,2.5\n"

    load(gzip.compress(text.encode(), mtime=0), sku="StockCode", name="Description", price="UnitPrice", currency="GBP")

    assert [(row[0], row[3], row[4]) for row in shelf()] == [
        ("85123A", Decimal("2.55"), "GBP"),
        ("85123a", Decimal("2.5"), "GBP"),
    ]


def test_the_last_good_row_of_a_sku_wins(load):
    said = load("sku,name,price", "TEA,Tea,4.50", "TEA,Green tea,5.00", "TEA,Best tea,0")

    assert said == [
        "line 4: price '0': A price is above zero.",
        "3 rows: 1 repeats, 1 bad. Products: 1 created, 0 changed, 0 unchanged.",
    ]
    assert [row[1] for row in shelf()] == ["Green tea"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",Tea,,,4.50,,,", "sku is missing"),
        ("TEA,,,,4.50,,,", "name is missing"),
        ("TEA", "it has 1 cell, and the header has 8"),
        ("TEA,Tea,,,4,50,,,", "it has 9 cells, and the header has 8"),
        ("TEA,Tea,,,,,,", "price is missing"),
        (f"TEA,{'T' * 201},,,4.50,,,", "name is longer than 200 characters"),
        ("TEA,T\0a,,,4.50,,,", "name: The character U+0000 cannot be taken here."),
        ("TEA,Tea,,,four,,,", "price 'four' is not a number"),
        ("TEA,Tea,,,NaN,,,", "price 'NaN' is not a number"),
        ("TEA,Tea,,,1e3,,,", "price '1e3' is not a number"),
        ("TEA,Tea,,,-1,,,", "price '-1': A price is above zero."),
        ("TEA,Tea,,,4.505,,,", "price '4.505' may be 4505 or 4.505: say which sign the decimals have (--decimal)"),
        ("TEA,Tea,,,4.5051,,,", "price '4.5051': EUR has 2 digits after the point."),
        ("TEA,Tea,,,4.50,JPY,,", "price '4.50': JPY has 0 digits after the point."),
        ("TEA,Tea,,,9999999999,,,", "price '9999999999': A price is at most 1,000,000,000."),
        ("TEA,Tea,,,4.50,XXX,,", "currency 'XXX' is not taken"),
        ("TEA,Tea,,,4.50,,perhaps,", "active 'perhaps' is neither true nor false"),
        ("TEA,Tea,,,4.50,,,some", "on_hand 'some' is not a whole number"),
        ("TEA,Tea,,,4.50,,,-1", "on_hand '-1' is below zero"),
        ("TEA,Tea,,,4.50,,,1.5", "on_hand '1.5' is not a whole number"),
        ("TEA,Tea,,,4.50,,,10000000000", "on_hand 10000000000 is more than 1,000,000,000"),
    ],
)
def test_a_bad_row_is_told_by_line_and_reason_and_skipped(load, row, reason):
    said = load(HEADER, "", row, "CUP,Cup,,,12,,,")

    assert said[0] == f"line 3: {reason}"
    assert [row[0] for row in shelf()] == ["CUP"]


def test_strict_writes_nothing_if_a_row_is_bad(load):
    with pytest.raises(CommandError, match="Nothing was written"):
        load("sku,name,price", "TEA,Tea,4.50", "CUP,Cup,free", strict=True)

    assert shelf() == []


def test_a_dry_run_tells_and_writes_nothing(load, tea):
    before = shelf()

    said = load("sku,name,price", "TEA,Tea,5.00", "CUP,Cup,12.00", dry_run=True)

    assert said == ["2 rows: 0 repeats, 0 bad. Products: 1 created, 1 changed, 0 unchanged, if it were written."]
    assert shelf() == before


def test_a_change_keeps_what_the_file_does_not_say(load, tea):
    load("sku,name,price", "TEA,Green tea,5.00")

    product = Product.objects.get()
    assert (product.name, product.description, product.category) == ("Green tea", "Black.", "Drinks")
    assert (product.pk, product.version, product.search_key) == (tea.pk, 2, "green tea tea")
    assert Event.objects.about(tea).last().facts == {
        "source": "import",
        "fields": {"name": ["Tea", "Green tea"], "price": ["4.500", "5.00"]},
    }


def test_a_currency_is_kept_unless_it_is_said(load, add):
    add("Scone", currency="GBP")

    load("sku,name,price", "SCONE,Scone,4.50", "TEA,Tea,4.50")

    assert [(row[0], row[4]) for row in shelf()] == [("SCONE", "GBP"), ("TEA", "EUR")]


def test_a_number_on_hand_is_for_new_products_only(load, tea):
    load("sku,name,price", "TEA,Tea,4.50", "CUP,Cup,12.00", on_hand="5")

    assert [(row[0], row[-1]) for row in shelf()] == [("CUP", 5), ("TEA", 10)]


def test_a_column_corrects_stock_by_a_movement(load, tea, counters):
    said = load("sku,name,price,Quantity", "TEA,Tea,4.50,4.0", on_hand="Quantity", stock="set")

    assert said[0] == "stock of TEA: 10 before, 4 after"
    assert counters(tea) == (4, 0)
    newest = Movement.objects.values("kind", "on_hand", "reason", "sub").first()
    assert newest == {"kind": "correct", "on_hand": -6, "reason": "import", "sub": "system"}


def test_an_empty_cell_leaves_stock_as_it_is(load, tea, counters):
    load("sku,name,price,on_hand", "TEA,Tea,4.50,")

    assert counters(tea) == (10, 0)


def test_stock_below_what_is_reserved_is_a_bad_row(load, tea, counters):
    reservations.reserve(uuid.uuid4(), [RequestedLine(tea.pk, 4)])

    said = load("sku,name,price,on_hand", "TEA,Green tea,5.00,3", stock="set")

    assert said[0] == "line 2: on_hand 3 is below the 4 reserved"
    assert (counters(tea), Product.objects.get().name) == ((10, 4), "Tea")


def test_every_product_has_a_stock_row(load):
    load("sku,name,price", "TEA,Tea,4.50")

    assert list(Stock.objects.values_list("on_hand", "reserved")) == [(0, 0)]


def test_a_file_of_many_batches_is_written_whole(load):
    lines = [f"S{number:04},Thing {number},1.{number % 100:02}" for number in range(450)]
    load("sku,name,price", *lines)

    said = load("sku,name,price", *[f"{line}5"[:-1].replace("Thing", "Other") for line in lines])

    assert said == ["450 rows: 0 repeats, 0 bad. Products: 0 created, 450 changed, 0 unchanged."]
    assert {row[6] for row in shelf()} == {2}


WIDE = b"T" * 100_000 + b"\n"


def packed(content):
    """Bytes that take long to make, made by the test that wants them and not by all that collect it."""
    return lambda: gzip.compress(content(), compresslevel=1, mtime=0)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "The file is empty"),
        (b"\n,,\n", "The file is empty"),
        (b"PK\x03\x04" + b"\x81\0" * 100, r"This is a workbook \(.xlsx, .ods\) or a zip archive, and no CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), r"This is a workbook \(.xls\)"),
        (b"%PDF-1.7\n\x8d", "This is a PDF"),
        (gzip.compress(gzip.compress(b"sku", mtime=0), mtime=0), "This is packed twice"),
        (",".join(map(str, range(900))).encode(), "'18', '19' and 880 more"),
        (b"sku,name\nTEA,Tea\n", "There is no column 'price' for price; there are 'sku', 'name'"),
        (b"sku,name,price,sku\n", "The column 'sku' is there twice"),
        (b'sku,name,price\nTEA,"Tea,4.50\n', "Line 2 opens a quotation mark that is never closed"),
        (b'sku,name,price\nTEA,"' + b"T" * 200_000, "Line 2 opens a quotation mark that is never closed"),
        (packed(lambda: b" " * 64_000_000), "The header cannot be read: it has more than 131,072 characters"),
        (packed(lambda: b"sku,name,price\n" + WIDE * 2_700), "more than 268,435,456 bytes, unpacked"),
        (gzip.compress(b"sku,name,price\nTEA,Tea,4.50\n", mtime=0)[:-12], "The gzip file is damaged"),
        (b"\x1f\x8brubbish", "The gzip file is damaged"),
    ],
)
def test_a_file_that_cannot_be_taken_is_told_in_words(load, content, complaint):
    with pytest.raises(CommandError, match=complaint):
        load(content() if callable(content) else content)

    assert shelf() == []


def test_a_column_that_was_asked_for_must_be_there(load):
    with pytest.raises(CommandError, match="There is no column 'Kind' for category"):
        load("sku,name,price", "TEA,Tea,4.50", category="Kind")


def test_another_encoding_may_be_named(load):
    load("sku,name,price\nTEE,Grüner Tee,4.50\n".encode("mac_roman"), encoding="mac_roman")

    assert [row[1] for row in shelf()] == ["Grüner Tee"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [({"encoding": "klingon"}, "klingon is no encoding"), ({"on_hand": "9" * 30}, "--on-hand is at most")],
)
def test_options_without_sense_are_told(load, options, complaint):
    with pytest.raises(CommandError, match=complaint):
        load("sku,name,price", **options)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_products", str(tmp_path / "nothing.csv"))


def test_nothing_is_imported_while_products_only_reads(load, settings):
    settings.READ_ONLY = ["products"]

    with pytest.raises(CommandError, match="only reads"):
        load("sku,name,price", "TEA,Tea,4.50")

    assert shelf() == []
