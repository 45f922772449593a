"""The pages of products: the catalogue, and one product."""

import uuid
import zlib

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from products import catalogue, spelling
from products.catalogue import Search
from products.forms import SearchForm
from products.presenters import write_listed_product, write_product
from tokens.pages import page
from tokens.user import current_user
from wire.keyset import Page, Row
from wire.page_links import write_query

PAGE_SIZE = 24
STRIPE_COLOURS = 8
"""Colours that a category may have."""


@page({"GET": "products:read"}, query=["cursor", *SearchForm.base_fields], open_if="PUBLIC_CATALOGUE")
def show_products(request: HttpRequest) -> HttpResponse:
    """The products that are for sale, searched, filtered and ordered."""
    categories, currencies = catalogue.list_categories(), catalogue.list_currencies()
    form = SearchForm(request.GET, categories=categories, currencies=currencies)
    is_valid = form.is_valid()
    search, cursor = form.to_search(), request.GET.get("cursor")
    found = catalogue.search_products(search, cursor=cursor, limit=PAGE_SIZE)
    context = {
        "found": None if cursor else describe_count(search, found),
        "suggestion": None if found.rows else suggest(request, search),
        "form": form,
        "products": [write_card(write_listed_product(row, staff=False)) for row in found.rows],
        "next": write_query(request, found.next),
        "previous": write_query(request, found.previous),
        "may_order": current_user(request).could("orders:write"),
    }
    return render(request, "products/products.html", context, status=200 if is_valid else 400)


def describe_count(search: Search, found: Page) -> str:
    """How many products match, said on the first page; to count very many would cost more than it says."""
    count = catalogue.count_matches(search) if found.next else len(found.rows)
    if count > catalogue.MOST_COUNTED:
        return f"More than {catalogue.MOST_COUNTED:,} products"

    return f"{count:,} product{'' if count == 1 else 's'}"


def suggest(request: HttpRequest, search: Search) -> tuple[str, str] | None:
    """Words that somebody may have meant, and the address where they are found; None if there are none such."""
    words = spelling.suggest_words(search.q) if search.q else ""
    if not words or not catalogue.count_matches(search._replace(q=words)):
        return None

    query = request.GET.copy()
    query["q"] = words
    return words, f"?{query.urlencode()}"


@page({"GET": "products:read"}, open_if="PUBLIC_CATALOGUE")
def show_product(request: HttpRequest, product_id: uuid.UUID) -> HttpResponse:
    """One product, for sale or retired."""
    product = write_product(catalogue.read_product(product_id), staff=False)
    context = {"product": write_card(product), "may_order": current_user(request).could("orders:write")}
    return render(request, "products/product.html", context)


def write_card(product: Row) -> Row:
    """A product as its card shows it."""
    return {**product, "stripe": zlib.crc32(product["category"].encode()) % STRIPE_COLOURS}
