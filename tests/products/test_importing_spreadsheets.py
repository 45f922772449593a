"""Files as spreadsheets of many countries write them: nothing is taken for what it is not."""

import gzip
import os
import resource
import subprocess
import sys
from decimal import Decimal
from functools import partial
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from products.csv_files.numbers import NotANumber, parse_amount, parse_quantity
from products.models import Product

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def load(tmp_path):
    """Import a text (or bytes); what the command prints, and its exit code."""

    def load(content, **options):
        file = tmp_path / "products.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        out = StringIO()
        try:
            call_command("import_products", str(file), stdout=out, **options)
        except CommandError as error:
            return out.getvalue() + str(error), error.returncode
        return out.getvalue(), 0

    return load


def shelf():
    return list(Product.objects.order_by("sku").values_list("sku", "name", "price", "stock__on_hand"))


@pytest.mark.parametrize(("row", "cells"), [("A,Tea,4,50", 4), ("A,Tea,1,200,9.50", 5), ("A,Tea", 2)])
def test_a_row_with_other_than_the_header_s_cells_is_bad(load, row, cells):
    said, code = load(f"sku,name,price\n{row}\nB,Cup,12\n")

    assert f"line 2: it has {cells} cells, and the header has 3" in said
    assert (shelf(), code) == ([("B", "Cup", Decimal(12), 0)], 2)


def test_rows_of_commas_only_are_empty(load):
    said, code = load("sku,name,price\n,,\nB,Cup,12\n , ,\n\n", strict=True)

    assert "1 rows: 0 repeats, 0 bad" in said
    assert code == 0


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("sku;name;price\nA;Grüner Tee, lose;4,50\n", "semicolon"),
        ("sku\tname\tprice\nA\tGrüner Tee, lose\t4,50\n", "tab"),
        ("sku|name|price\nA|Grüner Tee, lose|4,50\n", "pipe"),
        ('sku,name,price\nA,"Grüner Tee, lose","4,50"\n', "comma"),
        ('"sku";"name";"price"\n"A";"Grüner Tee, lose";"4,50"\n', "semicolon"),
        ("sep=;\nsku;name;price\nA;Grüner Tee, lose;4,50\n", "semicolon"),
        ("\n;;\nsku;name;price\nA;Grüner Tee, lose;4,50\n", "semicolon"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
def test_delimiter_and_encoding_are_found_out_and_said(load, text, spoken, encoding):
    said, code = load(text.encode(encoding))

    name = {"utf-8-sig": "utf-8"}.get(encoding, encoding).upper().replace("CP", "cp")
    likely = ' (guessed: it has "Grüner")' if encoding == "cp1252" else ""
    assert f"Read as {name}{likely}, cells separated by {spoken}." in said
    assert (shelf(), code) == ([("A", "Grüner Tee, lose", Decimal("4.5"), 0)], 0)


@pytest.mark.parametrize("hint", ['sep="', "sep=\r", "sep=\0", "sep=ä"])
def test_what_is_no_delimiter_is_not_taken_from_the_file(load, hint):
    said, code = load(f"{hint}\nsku,name,price\nA,Tea,4.50\n")

    assert "cells separated by comma." in said
    assert (code, Product.objects.count()) == (0, 1)


@pytest.mark.parametrize(("name", "encoding"), [("Чай зелёный", "cp1251"), ("Příliš žluťoučký kůň", "cp1250")])
def test_other_alphabets_are_guessed_and_said(load, name, encoding):
    said, _ = load(f"sku,name,price\nA,{name},4\n".encode(encoding))

    assert f"Read as {encoding} (guessed" in said
    assert shelf()[0][1] == name


@pytest.mark.parametrize("name", ["£5", "2½", "®", "No° 5", "20 °C", "Tim’s"])
def test_a_single_sign_is_no_word_of_another_alphabet(load, name):
    said, _ = load(f"sku,name,price\nA,{name},1\n".encode("cp1252"))

    assert "Read as cp1252 (guessed" in said
    assert shelf()[0][1] == name


def test_a_letter_at_the_end_of_a_long_file_makes_its_encoding(load):
    rows = "".join(f"S{number},Thing,1,{'Long. ' * 300}\n" for number in range(100))

    said, _ = load(f"sku,name,price,description\n{rows}A,Käse,4,\n".encode("cp1252"))

    assert "cp1252 (guessed" in said
    assert Product.objects.get(sku="A").name == "Käse"


@pytest.mark.parametrize("delimiter", ["semicolon", ";"])
def test_delimiter_and_encoding_may_be_told(load, delimiter):
    said, _ = load("sku;name;price\nA;Łódź;4\n".encode("cp1250"), delimiter=delimiter, encoding="cp1250")

    assert "Read as cp1250, cells separated by semicolon." in said
    assert shelf()[0][1] == "Łódź"


def test_columns_are_found_in_any_case(load):
    load("Sku, NAME ,Price,On Hand\nA,Tea,4,7\n")

    assert shelf() == [("A", "Tea", Decimal(4), 7)]


@pytest.mark.parametrize(
    "header", ["\u200bsku,na\u00adme,price\ufeff", "ｓｋｕ,Ｎａｍｅ,price", "sku\u00a0,name,\u202aprice\u202c"]
)
def test_what_nobody_sees_in_a_column_s_name_changes_nothing(load, header):
    load(f"{header}\nA,Tea,4\n")

    assert shelf() == [("A", "Tea", Decimal(4), 0)]


@pytest.mark.parametrize(("there", "asked"), [("De\u0301signation", "Désignation"), ("Größe", "Gro\u0308ße")])
def test_a_column_is_found_composed_or_decomposed(load, there, asked):
    load(f"sku,{there},price\nA,Tea,4\n", name=asked)

    assert shelf()[0][1] == "Tea"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("\ufeff\ufeffsku,name,price\nA,Tea,4\n".encode(), ""),
        ('\ufeff"sku","name",price\nA,Tea,4\n'.encode(), "utf-8"),
        ('\ufeffsep=;\n"sku";"name";price\nA;Tea;4\n'.encode(), "utf-8"),
        ('\ufeff"sku";"name";price\nA;Tea;4\n'.encode("utf-16-le"), "utf-16-le"),
    ],
)
def test_a_mark_at_the_beginning_is_no_letter_of_the_header(load, content, encoding):
    load(content, encoding=encoding)

    assert shelf() == [("A", "Tea", Decimal(4), 0)]


def test_a_column_that_is_there_twice_in_two_cases_is_refused(load):
    said, code = load("sku,name,price,Price\nA,Tea,4,5\n", price="PRICE")

    assert (said, code) == ("The column 'PRICE' is there twice.", 1)


def test_a_column_named_as_it_is_wins(load):
    load("sku,name,price,Price\nA,Tea,4,5\n", price="Price")

    assert shelf()[0][2] == 5


def test_columns_that_are_not_taken_are_said(load):
    said, _ = load("sku,name,price,Image,Weight\nA,Tea,4,x,y\n")

    assert "Columns that are not taken: Image, Weight." in said


@pytest.mark.parametrize(
    ("text", "currency", "decimal", "amount"),
    [
        ("1.234,50", "EUR", "", "1234.50"),
        ("1,234.50", "EUR", "", "1234.50"),
        ("1.234.567", "EUR", "", "1234567"),
        ("1\u00a0234,50", "EUR", "", "1234.50"),
        ("1\u202f234,50", "EUR", "", "1234.50"),
        ("1'234.50", "CHF", "", "1234.50"),
        ("1\u2019234.50", "CHF", "", "1234.50"),
        ("12,34,567.00", "INR", "", "1234567.00"),
        ("4,50", "EUR", "", "4.50"),
        ("4,5", "EUR", "", "4.5"),
        ("1,200", "EUR", ",", "1.200"),
        ("1,200", "EUR", ".", "1200"),
        ("1.200", "EUR", ",", "1200"),
        ("0.125", "KWD", "", "0.125"),
        ("1.125", "KWD", "", "1.125"),
        ("1200.000", "EUR", "", "1200.000"),
        ("£4.50", "GBP", "", "4.50"),
        ("4,50 €", "EUR", "", "4.50"),
        ("4,50\u00a0€", "EUR", "", "4.50"),
        ("EUR 4.50", "EUR", "", "4.50"),
        ("kr.450", "SEK", "", "450"),
        ("450 kr.", "DKK", "", "450"),
        ("R$ 4,50", "BRL", "", "4.50"),
        ("-£4.50", "GBP", "", "-4.50"),
        ("\u22124", "EUR", "", "-4"),
        ("４．５０", "EUR", "", "4.50"),
        ("１，２００．５０", "EUR", "", "1200.50"),
        ("￥１２００", "JPY", "", "1200"),
        ("٤٫٥٠", "EUR", "", "4.50"),
        ("٤٫٥٠٠", "KWD", "", "4.500"),
        ("٤٬٥٠٠٫٢٥", "EUR", ",", "4500.25"),
        ("۱۲٫۵۰", "EUR", ".", "12.50"),
        ("१,२३,४५६.५०", "INR", "", "123456.50"),
        ("\u200f4.50\u00a0₪", "ILS", "", "4.50"),
        ("\u202a€4.50\u202c", "EUR", "", "4.50"),
        ("ر.س.\u200f ٤٫٥٠", "SAR", "", "4.50"),
        ("Rs. 450", "INR", "", "450"),
    ],
)
def test_an_amount_is_read_as_it_was_meant(text, currency, decimal, amount):
    assert parse_amount(text, currency, decimal=decimal) == Decimal(amount)


@pytest.mark.parametrize(
    ("text", "currency", "decimal", "reason"),
    [
        ("1,200", "EUR", "", "may be 1200 or 1.200"),
        ("1.200", "EUR", "", "may be 1200 or 1.200"),
        ("1,125", "KWD", "", "may be 1125 or 1.125"),
        ("£4.50", "EUR", "", "is not in EUR"),
        ("4.50 USD", "EUR", "", "is not in EUR"),
        ("$4.50", "GBP", "", "is not in GBP"),
        ("4.50", "EUR", ",", "is not a number"),
        ("1,23,4", "INR", "", "is not a number"),
        ("1.234,567.89", "EUR", "", "is not a number"),
        ("1 2", "EUR", "", "is not a number"),
        ("1_200", "EUR", "", "is not a number"),
        ("1e3", "EUR", "", "is not a number"),
        ("NaN", "EUR", "", "is not a number"),
        ("€", "EUR", "", "is not a number"),
        ("", "EUR", "", "is not a number"),
        ("ab. 4", "EUR", "", "is not a number"),
        ("4⁵⁰", "EUR", "", "is not a number"),
        ("④", "EUR", "", "is not a number"),
        ("٤٫٥٫٠", "EUR", "", "is not a number"),
        ("٤٫٥٠%", "EUR", "", "is not a number"),
        ("9" * 50, "EUR", "", "is not a number"),
    ],
)
def test_an_amount_that_may_be_wrong_is_refused(text, currency, decimal, reason):
    with pytest.raises(NotANumber, match=reason):
        parse_amount(text, currency, decimal=decimal)


def test_quantities_are_read_alike():
    assert [parse_quantity(text) for text in ("6.0", "1 200", "2,000,000", "-3", "6,0")] == [6, 1200, 2_000_000, -3, 6]
    assert [parse_quantity(text) for text in ("１２", "٣٬٠٠٠", "۱۲٫۰", "१२", "12\u200e")] == [12, 3000, 12, 12, 12]
    for text in ("1,200", "1.000", "1.5", "some", ""):
        with pytest.raises(NotANumber):
            parse_quantity(text)


def test_a_number_of_many_digits_is_one_bad_row(load):
    said, code = load(f"sku,name,price,on_hand\nA,Tea,4.50,{'7' * 39}\nB,Tea,4.50,5\n")

    assert said.startswith(f"line 2: on_hand {'7' * 39} is more than 1,000,000,000\n")
    assert (code, list(Product.objects.values_list("sku", flat=True))) == (2, ["B"])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("4.00634E+12,Tea,4.50,", "sku '4.00634E+12' is what a spreadsheet makes of a long number"),
        ("4.006340e+12,Tea,4.50,", "sku '4.006340e+12' is what a spreadsheet makes of a long number"),
        ("1.00E-05,Tea,4.50,", "sku '1.00E-05' is what a spreadsheet makes of a long number"),
        ('"1,5E+15",Tea,4.50,', "sku '1,5E+15' is what a spreadsheet makes of a long number"),
        ("#N/A,Tea,4.50,", "sku '#N/A' is what a spreadsheet writes where a formula fails"),
        ("A,K\ufffdse,4.50,", "name 'K\ufffdse' has lost letters"),
        ("#NV,Tea,4.50,", "sku '#NV' is what a spreadsheet writes where a formula fails"),
        ("A,#¡REF!,4.50,", "name '#¡REF!' is what a spreadsheet writes where a formula fails"),
        ("A,#ЗНАЧ!,4.50,", "name '#ЗНАЧ!' is what a spreadsheet writes where a formula fails"),
        ("A,#NAME?,4.50,", "name '#NAME?' is what a spreadsheet writes where a formula fails"),
        ("A,Tea,4.50,Err:502", "category 'Err:502' is what a spreadsheet writes where a formula fails"),
    ],
)
def test_what_a_spreadsheet_has_spoiled_is_a_bad_row(load, row, reason):
    said, code = load(f"sku,name,price,category\n{row}\n")

    assert reason in said
    assert (code, Product.objects.count()) == (2, 0)


@pytest.mark.parametrize(
    ("cell", "sku"),
    [
        ('="00123"', "00123"),
        ('"=""00123"""', "00123"),
        ('"=""A """"1"""""""', 'A "1"'),
        ('="4.00634E+12', '="4.00634E+12'),
    ],
)
def test_a_text_that_is_written_as_a_formula_is_that_text(load, cell, sku):
    load(f'sku,name,price\n{cell},Tea,="4.50"\n')

    assert shelf() == [(sku, "Tea", Decimal("4.5"), 0)]


@pytest.mark.parametrize("sku", ["1E3", "12E-3", "E+12"])
def test_what_no_spreadsheet_writes_is_a_sku(load, sku):
    load(f"sku,name,price\n{sku},Tea,4.50\n")

    assert shelf()[0][0] == sku


def test_what_is_called_so_already_is_taken_back(load, add):
    add("#REF!", sku="1E+05")

    assert "0 bad" in load("sku,name,price\n1E+05,#REF!,4.50\n")[0]
    assert "1 bad" in load("sku,name,price\n1E+05,#N/A,4.50\n")[0]


@pytest.mark.parametrize("encoding", ["idna", "punycode", "unicode_escape", "hex", "nope"])
def test_what_is_no_encoding_of_files_is_refused(load, encoding):
    assert f"{encoding} is no encoding" in load("sku,name,price\nA,Tea,4.50\n", encoding=encoding)[0]


def test_an_ambiguous_price_is_a_bad_row_until_it_is_told(load):
    file = 'sku,name,price\nA,Tea,"1,200"\n'

    said, code = load(file)
    load(file, decimal=".")

    assert "line 2: price '1,200' may be 1200 or 1.200: say which sign the decimals have (--decimal)" in said
    assert (code, shelf()[0][2]) == (2, 1200)


@pytest.mark.parametrize("currency", ["gbp", "GBP"])
def test_a_currency_is_taken_in_any_case(load, currency):
    load("sku,name,price\nA,Tea,£4.50\n", currency=currency)
    load("sku,name,price,currency\nB,Cup,£4.50,gBp\n")

    assert list(Product.objects.values_list("currency", flat=True)) == ["GBP", "GBP"]


@pytest.mark.parametrize("cell", ["T" * 140_000, '"' + '""\n' * 70_000 + '"', '"' + "T\n" * 70_000 + '"'])
def test_a_row_too_long_is_one_bad_row(load, cell):
    said, code = load(f"sku,name,price\nA,{cell},4.50\nB,Cup,12\n")

    assert "line 2: it has more than 131,072 characters" in said
    assert ([row[0] for row in shelf()], code) == (["B"], 2)


def test_a_row_quoted_wrongly_is_one_bad_row(load):
    said, code = load('sku,name,price\nA,"Tea" best,4.50\nB,Cup,12\n')

    assert "line 2: it is not CSV" in said
    assert ([row[0] for row in shelf()], code) == (["B"], 2)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """The environment of a process with a shop of its own, whose memory is bounded."""
    database = tmp_path_factory.mktemp("shop") / "shop.sqlite3"
    environment = os.environ | {"DATABASE_URL": f"sqlite:///{database}", "SECRET_KEY": "x" * 50}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], env=environment, check=True)
    return environment


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "piece", "count", "said"),
    [
        (b"sku,name,price\nB,Cup,12\nA,", b"T", 200, "line 3: it has more than 131,072 characters"),
        (b"sku,name,price\nA,", b"T", 300, "more than 268,435,456 bytes, unpacked"),
        (b"", b"T", 300, "more than 268,435,456 bytes, unpacked"),
        (b"sku,name,price\n", b"\n", 200, "more than 3,000,000 rows"),
        (b'sku,name,price\nA,"x', b'"', 200, "quotation mark that is never closed"),
    ],
)
def test_memory_is_bounded_whatever_is_packed(shop, tmp_path, start, piece, count, said):
    file = tmp_path / "bomb.csv.gz"
    with gzip.open(file, "wb", compresslevel=1) as packed:
        packed.write(start)
        for _ in range(count):
            packed.write(piece * (1_000_000 // len(piece)))

    done = subprocess.run(
        [sys.executable, "manage.py", "import_products", str(file), "--dry-run"],
        env=shop,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (700_000_000, 700_000_000)),
        capture_output=True,
        check=False,
        text=True,
    )

    assert said in (done.stdout + done.stderr)
    assert "MemoryError" not in done.stderr


# Stock ------------------------------------------------------------------------------------------


def test_stock_that_is_there_is_left_alone_and_that_is_said(load, tea, counters):
    said, code = load("sku,name,price,on_hand\nTEA,Tea,4.50,99\nCUP,Cup,12,5\n")

    assert "The file has another number on hand for 1 product: their stock is left alone." in said
    assert (counters(tea), code) == ((10, 0), 0)
    assert Product.objects.get(sku="CUP").stock.on_hand == 5


@pytest.mark.parametrize(("stock", "after"), [("set", 4), ("add", 14)])
def test_stock_is_set_or_added_to_where_that_is_asked(load, tea, counters, stock, after):
    said, _ = load("sku,name,price,on_hand\nTEA,Tea,4.50,4\n", stock=stock)

    assert f"stock of TEA: 10 before, {after} after" in said
    assert counters(tea) == (after, 0)


@pytest.mark.parametrize(("stock", "tea_after", "new_after"), [("add", 20, 7), ("set", 6, 4), ("keep", 10, 4)])
def test_each_row_of_a_delivery_adds_to_stock(load, tea, counters, stock, tea_after, new_after):
    rows = "TEA,Tea,4.50,4\nNEW,New,1,3\nTEA,Tea,4.50,some\nTEA,Tea,4.50,6\nNEW,New,1,4\n"
    said, _ = load(f"sku,name,price,on_hand\n{rows}", stock=stock)

    assert "5 rows: 2 repeats, 1 bad." in said
    assert (counters(tea), counters(Product.objects.get(sku="NEW"))) == ((tea_after, 0), (new_after, 0))


def test_a_row_of_a_delivery_without_a_number_adds_nothing(load, tea, counters):
    load("sku,name,price,on_hand\nNEW,New,1,\nTEA,Tea,4.50,4\nTEA,Tea,4.50,\nNEW,New,1,3\n", stock="add")

    assert (counters(tea), counters(Product.objects.get(sku="NEW"))) == ((14, 0), (3, 0))


def test_a_delivery_that_adds_up_to_too_much_is_a_bad_row(load, tea, counters):
    rows = "BIG,Big,1,1000000000\n" * 3 + "TEA,Tea,4.50,500000000\n" * 2
    said, code = load(f"sku,name,price,on_hand\n{rows}", stock="add")

    assert "line 4: on_hand 3000000000 is more than 1,000,000,000" in said
    assert "line 6: on_hand 1000000010 is more than 1,000,000,000" in said
    assert (code, counters(tea), Product.objects.count()) == (2, (10, 0), 1)


@pytest.mark.slow
def test_what_adds_to_stock_is_written_all_or_not_at_all(shop, tmp_path):
    rows = "".join(f"S{number:03},Thing,1,5\n" for number in range(250))
    (tmp_path / "goods.csv").write_text(f"sku,name,price,on_hand\n{rows}")
    run = partial(subprocess.run, capture_output=True)
    command = [sys.executable, "manage.py", "import_products", str(tmp_path / "goods.csv")]
    export = [sys.executable, "manage.py", "export_products", "-"]
    run(command, env=shop, check=True)
    before = run(export, env=shop, check=True).stdout

    after_one_batch = {"FAILPOINT": "products.csv_files.importing.count_plan:before"}
    died = run([*command, "--stock", "add"], env=shop | after_one_batch)

    assert died.returncode == -9
    assert run(export, env=shop, check=True).stdout == before


def test_a_column_and_a_number_for_the_empty_ones(load):
    load("sku,name,price,Quantity\nA,Tea,4,3\nB,Cup,12,\n", on_hand=["Quantity", "50"])

    assert [row[3] for row in shelf()] == [3, 50]


def test_the_report_tells_of_new_products_without_a_number(load):
    said, _ = load("sku,name,price\nA,Tea,4\n")

    assert "New products of which the file says no number on hand: 1." in said


@pytest.mark.slow
def test_progress_is_shown_on_a_terminal(shop, tmp_path):
    pty = pytest.importorskip("pty", reason="there are no terminals here")
    rows = "".join(f"S{number},Thing,1\n" for number in range(3_000))
    (tmp_path / "goods.csv").write_text(f"sku,name,price\n{rows}")
    terminal, end = pty.openpty()

    words = [sys.executable, "manage.py", "import_products", str(tmp_path / "goods.csv"), "--dry-run"]
    done = subprocess.run(words, env=shop, stderr=end, stdout=subprocess.DEVNULL, check=False)

    shown = os.read(terminal, 100_000)
    assert done.returncode == 0
    assert b"Reading: 100%" in shown
    assert b"Writing: 100%" in shown


@pytest.mark.parametrize("sku", ["1-Feb", "01-Feb", "2. Mär", "Jan-26", "1.févr.", "02-sept-26", "1-MAY"])
def test_a_new_sku_that_looks_like_a_date_is_said(load, sku):
    said, code = load(f"sku,name,price\n{sku},Tea,4\nB,Cup,4\n")
    again, _ = load(f"sku,name,price\n{sku},Tea,4\nB,Cup,4\n")

    assert "New products whose sku looks like a date, as spreadsheets make one of 1-2: 1." in said
    assert ("looks like a date" in again, code) == (False, 0)


@pytest.mark.parametrize("sku", ["1-Tea", "1-2", "2026-01-02", "MAY-1234", "12-MAYOR"])
def test_a_sku_that_only_somewhat_looks_like_a_date_is_not(load, sku):
    assert "looks like a date" not in load(f"sku,name,price\n{sku},Tea,4\n")[0]


@pytest.mark.parametrize(
    ("word", "active"),
    [("WAHR", True), ("Falsch", False), ("ＴＲＵＥ", True), ("ИСТИНА", True), ("FAUX", False), ("Yes\u200e", True)],
)
def test_a_spreadsheet_s_own_word_for_true_is_read(load, word, active):
    _, code = load(f"sku,name,price,active,currency\nA,Tea,4,{word},ＵＳＤ\n")

    assert list(Product.objects.values_list("active", "currency")) == [(active, "USD")]
    assert code == 0
