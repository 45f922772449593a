"""Whatever a product is called, it comes out of a file as it went in."""

from decimal import Decimal

import pytest

pytest.importorskip("hypothesis", reason="hypothesis is not installed")

from hypothesis import given, settings
from hypothesis import strategies as st

from database.csv_writing import Form, guard_apostrophe, guard_formula, unguard_formula, write_csv
from products import catalogue
from products.csv_files.exporting import export_products
from products.csv_files.importing import Import, import_products
from products.models import Movement, Product
from wire.events import SYSTEM
from wire.money import CURRENCIES
from wire.text import TextRefused, identifier, line, lines

pytestmark = [pytest.mark.django_db, pytest.mark.database]

LETTERS = st.characters(exclude_categories=["Cs", "Cc", "Co", "Cn"]) | st.sampled_from("'=+-@,;|\"éЖ茶\u2019")
LINES = LETTERS | st.sampled_from("\n")


def texts(letters, size, *, normal_form=line, smallest=0):
    """Words as they are stored."""

    def fits(typed):
        try:
            return smallest <= len(normal_form(typed)) <= size
        except TextRefused:
            return False

    return st.text(letters, min_size=smallest, max_size=size).filter(fits).map(normal_form)


@st.composite
def goods(draw):
    currency = draw(st.sampled_from(sorted(CURRENCIES)))
    places = CURRENCIES[currency]
    return {
        "sku": draw(texts(LETTERS, 64, normal_form=identifier, smallest=1)),
        "name": draw(texts(LETTERS, 200, smallest=1)),
        "description": draw(texts(LINES, 300, normal_form=lines)),
        "category": draw(texts(LETTERS, 64)),
        "price": draw(st.decimals(Decimal("0.001") if places == 3 else 1, 10**9, places=places)),
        "currency": currency,
        "active": draw(st.booleans()),
    }


@settings(max_examples=100)
@given(
    products=st.lists(goods(), min_size=1, max_size=4, unique_by=lambda fields: fields["sku"]),
    form=st.builds(Form, st.booleans(), st.sampled_from(",;\t|")),
    name=st.sampled_from(["goods.csv", "goods.csv.gz"]),
)
def test_export_then_import_changes_nothing(tmp_path, products, form, name):
    Movement.objects.all().delete()
    Product.stock.related.related_model.objects.all().delete()
    Product.objects.all().delete()
    for fields in products:
        catalogue.create_product(fields, by=SYSTEM)
    before = list(Product.objects.order_by("pk").values())

    write_csv(tmp_path / name, export_products(form), form)
    report = import_products(Import(tmp_path / name, strict=True))

    assert (report.bad, report.unchanged) == ([], len(products))
    assert list(Product.objects.order_by("pk").values()) == before


@given(text=st.text())
def test_a_guard_is_taken_off_again(text):
    assert unguard_formula(guard_formula(text)) == text
    assert unguard_formula(guard_apostrophe(text)) == text
