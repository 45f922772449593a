"""The catalogue as a CSV file, which the import takes back."""

import csv
import gzip
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from products import catalogue
from products.csv_export import export_products
from products.csv_import import Layout, import_products
from products.models import Event, Movement, Product
from wire.events import SYSTEM

pytestmark = pytest.mark.django_db


@pytest.fixture
def odd(add):
    """Products that a careless file would spoil."""
    return [
        add('Cup, "the" cup', sku="=1+1", price="12.50", on_hand=3, description='Two\nlines, a "quote"\r\nand ende'),
        add("Mate\u0301 crème 茶", sku="jpy", price="450", currency="JPY", active=False),
        add("'quoted'", sku="000123", price="1.125", currency="KWD", category="\u00dcbriges"),
        add("NULL", sku="nan", price="999999999.99", on_hand=1_000_000_000),
    ]


def test_a_product_is_written_as_import_reads_it(tea, tmp_path):
    count = export_products(tmp_path / "goods.csv")

    assert count == 1
    assert (tmp_path / "goods.csv").read_bytes() == (
        b"sku,name,price,description,category,currency,active,on_hand\r\nTEA,Tea,4.50,Black.,Drinks,EUR,true,10\r\n"
    )


@pytest.mark.database
@pytest.mark.parametrize("name", ["goods.csv", "goods.csv.gz"])
def test_what_was_exported_is_imported_without_options_and_changes_nothing(odd, tea, tmp_path, name):
    before = everything()

    export_products(tmp_path / name)
    report = import_products(tmp_path / name, Layout(), strict=True)

    assert (report.rows, report.unchanged, report.bad) == (5, 5, [])
    assert everything() == before


@pytest.mark.database
def test_an_empty_shop_takes_it_all(odd, tea, tmp_path):
    export_products(tmp_path / "goods.csv")
    exported = (tmp_path / "goods.csv").read_bytes()
    forget()

    import_products(tmp_path / "goods.csv", Layout(), strict=True)
    export_products(tmp_path / "again.csv")

    assert (tmp_path / "again.csv").read_bytes() == exported


def test_a_name_in_gz_is_packed(tea, tmp_path):
    export_products(tmp_path / "goods.csv.gz")

    with gzip.open(tmp_path / "goods.csv.gz", "rt", newline="") as file:
        assert [row["sku"] for row in csv.DictReader(file)] == ["TEA"]


def test_rows_are_not_kept_in_memory(tea, tmp_path, django_assert_num_queries):
    for number in range(30):
        catalogue.create_product({"sku": f"S{number:02}", "name": "Scone", "price": Decimal(1)}, by=SYSTEM)

    with django_assert_num_queries(2):
        export_products(tmp_path / "goods.csv")


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
