"""Exports of Shopify and WooCommerce are taken as they are."""

import json
import re
import subprocess
import sys
import time
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from products.csv_files.presets import MAX_HTML, read_html
from products.models import Product

pytestmark = [pytest.mark.django_db, pytest.mark.database]

FILES = Path(__file__).parent / "files"


def load(name, **options):
    out = StringIO()
    call_command("import_products", str(FILES / name), stdout=out, verbosity=0, **options)
    return out.getvalue()


def shelf(*fields):
    return list(Product.objects.order_by("sku").values_list("sku", *fields))


def test_each_variant_of_shopify_is_a_product_with_its_options_in_the_name(db):
    said = load("shopify.csv", preset="shopify", currency="GBP")

    assert shelf("name", "price", "currency", "category", "active", "stock__on_hand") == [
        ("00123", "Mug (Blue / Large)", Decimal(12), "GBP", "Mugs", True, 4),
        ("MUG-BS", "Mug (Blue / Small)", Decimal(10), "GBP", "Mugs", True, 0),
        ("TEA", "Tea", Decimal("4.5"), "GBP", "Drinks", False, 7),
        ("mug-red-small", "Mug (Red / Small)", Decimal(10), "GBP", "Mugs", True, 0),
    ]
    assert {row[1] for row in shelf("description")[:2]} == {"Stoneware.\n\nDishwasher & oven"}
    for words in (
        "Columns that are not taken: Vendor, Tags, Option1 Name, Option2 Name, Variant Compare At Price.",
        "Images that are not taken: 4.",
        "Products without a sku that were given one: 1.",
        "less than nothing in stock, which counts as 0: 1.",
        "4 rows: 0 repeats, 0 bad. Products: 4 created",
    ):
        assert words in said


def test_shopify_s_newer_columns_are_known(db):
    load("shopify_2025.csv", preset="shopify")

    assert shelf("name", "price", "category", "active", "stock__on_hand") == [
        ("CUP", "Cup", Decimal(3), "", False, 1),
        ("MUG-B", "Mug (Blue)", Decimal(12), "Kitchen", True, 4),
        ("MUG-R", "Mug (Red)", Decimal("12.5"), "Kitchen", True, 5),
    ]


def test_a_variant_without_its_product_is_a_bad_row(tmp_path):
    (tmp_path / "half.csv").write_text("Handle,Title,Option1 Value,Variant SKU,Variant Price\nmug,,Red,M,4\n")
    out = StringIO()

    with pytest.raises(CommandError):
        call_command("import_products", str(tmp_path / "half.csv"), preset="shopify", stdout=out)

    assert out.getvalue().startswith("line 2: no row before it has the Title of 'mug'\n")
    assert shelf() == []


def test_what_woocommerce_does_not_count_is_not_sold_out(db):
    said = load("woocommerce.csv", preset="woocommerce", on_hand="100")

    assert shelf("name", "price", "category", "active", "stock__on_hand") == [
        ("CUP", "Cup", Decimal(12), "Kitchen", True, 0),
        ("GIFT", "Gift card", Decimal(8), "", False, 12),
        ("HAT-B", "Hat - Blue", Decimal(20), "Clothing", True, 100),
        ("HAT-red", "Hat (Red)", Decimal(21), "Clothing", True, 2),
        ("JAR", "Jar", Decimal(6), "Kitchen", True, 3),
        ("TEA", "Tea", Decimal("4.5"), "Tea", True, 100),
    ]
    assert Product.objects.get(sku="TEA").description == "Black tea.\n\nFrom Assam."
    for words in (
        "Groups of products that are not taken: 1.",
        "Products of another shop that are not taken: 1.",
        "Products that are not taken themselves, but their variations: 1.",
        "Products taken at their sale price, which has no end: 1.",
        "Products with a sale price for a time, taken at their regular price: 1.",
        "Products whose images are not taken: 1.",
    ):
        assert words in said


@pytest.fixture
def read(tmp_path, db):
    """Import lines as the export of a shop."""

    def read(*lines, **options):
        (tmp_path / "export.csv").write_text("\n".join(lines))
        out = StringIO()
        call_command("import_products", str(tmp_path / "export.csv"), stdout=out, verbosity=0, **options)
        return out.getvalue()

    return read


@pytest.mark.parametrize(
    "header",
    [
        "Handle,Title,Variant SKU,Variant Price,Variant Inventory Tracker,Variant Inventory Qty",
        "URL handle,Title,SKU,Price,Inventory tracker,Inventory quantity",
    ],
)
def test_what_shopify_does_not_count_is_not_sold_out(read, header):
    read(header, "card,Card,CARD,5,,0", "mug,Mug,MUG,9,shopify,0", preset="shopify", on_hand="100")

    assert shelf("stock__on_hand") == [("CARD", 100), ("MUG", 0)]


def test_an_old_export_of_shopify_without_who_counts_has_its_numbers(read):
    read("Handle,Title,Variant SKU,Variant Price,Variant Inventory Qty", "mug,Mug,MUG,9,3", preset="shopify")

    assert shelf("stock__on_hand") == [("MUG", 3)]


def test_commas_and_ampersands_of_woocommerce_are_read(read):
    read(
        "ID,Type,SKU,Name,Regular price,Categories,Parent,Attribute 1 value(s)",
        r'1,variable,HAT,Hat &amp; scarf,,"Hats\, caps &amp; co, Sale",,"Red\, dark, Black &amp; white"',
        r'2,variation,H-1,"Hat &amp; scarf - Red, dark",9,,HAT,"Red\, dark"',
        "3,variation,H-2,,9,,HAT,Black &amp; white",
        "4,simple,TEA,Salt &amp;amp; tea&notes,4,Tea &amp; coffee > A&#8217;s,,",
        preset="woocommerce",
    )

    assert shelf("name", "category") == [
        ("H-1", "Hat & scarf - Red, dark", "Hats, caps & co"),
        ("H-2", "Hat & scarf (Black & white)", "Hats, caps & co"),
        ("TEA", "Salt &amp; tea&notes", "A’s"),
    ]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<P CLASS=x>One<BR/>two</P>three", "One\ntwo\nthree"),
        ("<![if !supportLists]>· <![endif]>Warm<!-- not cold --> and dry", "· Warm and dry"),
        ("<![x]>Tea", "Tea"),
        ("<!DOCTYPE html><?xml version='1.0'?>Tea", "Tea"),
        ("<img alt=\"a > b\" src='x>y'>Tea", "Tea"),
        ("<p title=don't>Tea isn't <b>cold</b></p>", "Tea isn't cold"),
        ("<style>p > a {}</style><script>if (a < b) x = '<p>'</script >Tea", "Tea"),
        ("1 < 2 &lt;b&gt; &amp; 3 > 2", "1 < 2 <b> & 3 > 2"),
        ("I <3 tea", "I <3 tea"),
        ("Tea <b", "Tea <b"),
        ("Tea<!-- never ended", "Tea"),
    ],
)
def test_html_is_read_as_what_it_shows(html, text):
    assert read_html(html) == text


@pytest.mark.parametrize(
    "piece",
    ["<a ", "<a a=", "<a='", "<div \n", "<!--", "<![", "</", "<?", "<a \"'", "<script>", "</s", "&#", "='</a '"],
)
def test_html_is_read_soon_whatever_it_is(piece):
    begin = time.thread_time()

    read_html(f"<a ='{piece * MAX_HTML}"[:MAX_HTML])

    assert time.thread_time() - begin < 2


def test_stock_that_the_file_does_not_say_is_told(db):
    said = load("woocommerce.csv", preset="woocommerce")

    assert "New products of which the file says no number on hand: 2." in said


@pytest.mark.parametrize("preset", ["shopify", "woocommerce"])
def test_whoever_forgets_the_preset_is_told_of_it(preset):
    with pytest.raises(CommandError, match=f"--preset {preset} takes it"):
        load(f"{preset}.csv")


@pytest.mark.parametrize("preset", ["shopify", "woocommerce"])
def test_the_same_export_again_changes_nothing(preset, db):
    load(f"{preset}.csv", preset=preset)

    said = load(f"{preset}.csv", preset=preset)

    assert "0 created, 0 changed" in said


def test_a_list_in_json_is_taken_by_the_commands_of_the_docs(db, tmp_path, settings):
    docs = (settings.BASE_DIR / "docs" / "import.md").read_text()
    [turn] = re.findall(r"^python3 -c '(.*)' < catalog.json > catalog.csv$", docs, re.MULTILINE)
    [words] = re.findall(r"manage.py import_products catalog.csv (.*)$", docs, re.MULTILINE)
    boots = {"Id": 1, "Type": "Footwear", "Brand": "B", "Name": "Boots, black", "Description": "Warm.", "Price": 109.99}
    table = subprocess.run(
        [sys.executable, "-c", turn], input=json.dumps([boots]), capture_output=True, text=True, check=True
    ).stdout
    (tmp_path / "catalog.csv").write_text(table)

    call_command("import_products", str(tmp_path / "catalog.csv"), *words.split(), stdout=StringIO(), verbosity=0)

    assert shelf("name", "price", "currency", "category", "description", "stock__on_hand") == [
        ("1", "Boots, black", Decimal("109.99"), "USD", "Footwear", "Warm.", 0)
    ]


@pytest.mark.parametrize(("word", "active"), [("FALSCH", False), ("no", False), ("VRAI", True), ("", True)])
def test_what_is_not_published_is_not_for_sale_in_the_words_of_spreadsheets(tmp_path, word, active):
    file = tmp_path / "shopify.csv"
    file.write_text(f"Handle,Title,Variant Price,Published\ntea,Tea,4.50,{word}\n")

    call_command("import_products", str(file), preset="shopify")

    assert Product.objects.get().active is active


def test_a_word_that_says_neither_is_a_bad_row(tmp_path):
    file = tmp_path / "shopify.csv"
    file.write_text("Handle,Title,Variant Price,Published\ntea,Tea,4.50,perhaps\n")

    with pytest.raises(CommandError, match="bad rows"):
        call_command("import_products", str(file), preset="shopify")
    assert not Product.objects.exists()
