"""The pages of products: the catalogue, and one product."""

import uuid
import zlib

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from products import catalogue
from products.forms import SearchForm
from products.serializers import write_product, write_whole
from tokens.pages import page
from tokens.user import current_user
from wire.keyset import Row
from wire.page_links import write_query

PAGE_SIZE = 24
TILES = 8
"""Colours that a category may have."""


@page({"GET": "products:read"})
def browse(request: HttpRequest) -> HttpResponse:
    """The products that are for sale, searched, filtered and ordered."""
    form = SearchForm(request.GET, catalogue.list_categories())
    is_valid = form.is_valid()
    found = catalogue.browse(form.write_search(), cursor=request.GET.get("cursor"), limit=PAGE_SIZE)
    context = {
        "form": form,
        "products": [dress(write_product(row, staff=False)) for row in found.rows],
        "next": write_query(request, found.next),
        "previous": write_query(request, found.previous),
        "may_order": current_user(request).may("orders:write"),
    }
    return render(request, "products/products.html", context, status=200 if is_valid else 400)


@page({"GET": "products:read"})
def read(request: HttpRequest, product_id: uuid.UUID) -> HttpResponse:
    """One product, for sale or retired."""
    product = write_whole(catalogue.read(product_id), staff=False)
    context = {"product": dress(product), "may_order": current_user(request).may("orders:write")}
    return render(request, "products/product.html", context)


def dress(product: Row) -> Row:
    """A product as its card shows it; `key` is a new one each time, so that one form orders once."""
    return {**product, "tile": zlib.crc32(product["category"].encode()) % TILES, "key": uuid.uuid4()}
