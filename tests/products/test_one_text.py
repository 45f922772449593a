"""Text that one way in takes is taken by every other, and comes out the same: the API, the admin, the import."""

import pytest

pytest.importorskip("hypothesis", reason="hypothesis is not installed")

from django.core.exceptions import ValidationError as InvalidValue
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from products.admin import ProductForm
from products.csv_files.rows import RowRefused, read_text
from products.models import Product
from products.serializers import ProductFields
from wire.api.serializers import read

CURIOUS = "\u0301\u200b\u200c\u200d\u2060\ufe0f\u3099\u00a0\u3000\u2800\r\n\t\u2028\x07\ue000\u0378 aé❤👩ｶﾞＡ‑-"
COLUMNS = ["sku", "name", "description", "category"]
FIELDS = {"sku": "A", "name": "B", "price": "1.00", "currency": "EUR"}
REFUSED = "refused"


def by_api(column, text):
    try:
        return read(ProductFields, FIELDS | {column: text})[column]
    except ValidationError:
        return REFUSED


def by_admin(column, text):
    field = ProductForm(FIELDS).fields[column]
    try:
        return Product._meta.get_field(column).clean(field.clean(text), None)
    except InvalidValue:
        return REFUSED


def by_import(column, text):
    try:
        return read_text({column: text}, column)
    except RowRefused:
        return REFUSED


@pytest.mark.parametrize("column", COLUMNS)
@given(text=st.one_of(st.text(), st.text(st.sampled_from(CURIOUS)), st.text("é\u0301 ", min_size=60, max_size=210)))
def test_every_way_in_takes_the_same(column, text):
    taken = by_api(column, text)

    assert by_admin(column, text) == by_import(column, text) == taken
    assert taken == REFUSED or by_api(column, taken) == taken
