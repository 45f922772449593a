"""The pages of products: the catalogue, and one product."""

import uuid
import zlib

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from products import catalogue
from products.forms import SearchForm
from products.presenters import write_listed_product, write_product
from tokens.pages import page
from tokens.user import current_user
from wire.keyset import Row
from wire.page_links import write_query

PAGE_SIZE = 24
STRIPE_COLOURS = 8
"""Colours that a category may have."""


@page({"GET": "products:read"})
def show_products(request: HttpRequest) -> HttpResponse:
    """The products that are for sale, searched, filtered and ordered."""
    form = SearchForm(request.GET, catalogue.list_categories())
    is_valid = form.is_valid()
    found = catalogue.search_products(form.to_search(), cursor=request.GET.get("cursor"), limit=PAGE_SIZE)
    context = {
        "form": form,
        "products": [write_card(write_listed_product(row, staff=False)) for row in found.rows],
        "next": write_query(request, found.next),
        "previous": write_query(request, found.previous),
        "may_order": current_user(request).may("orders:write"),
    }
    return render(request, "products/products.html", context, status=200 if is_valid else 400)


@page({"GET": "products:read"})
def show_product(request: HttpRequest, product_id: uuid.UUID) -> HttpResponse:
    """One product, for sale or retired."""
    product = write_product(catalogue.read_product(product_id), staff=False)
    context = {"product": write_card(product), "may_order": current_user(request).may("orders:write")}
    return render(request, "products/product.html", context)


def write_card(product: Row) -> Row:
    """A product as its card shows it; `key` is a new one each time, so that one form orders once."""
    return {**product, "stripe": zlib.crc32(product["category"].encode()) % STRIPE_COLOURS, "key": uuid.uuid4()}
