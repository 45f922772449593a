"""The catalogue: what there is, found and changed."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Value

from database.prepared import Statement, slots
from products.models import Event, Product, complain
from wire.events import Actor
from wire.keyset import DEFAULT_LIMIT, Ordering, Page, Recipe, Row, paginate, paginate_again, paginate_tiers
from wire.problems import Conflict, NotFound, PreconditionFailed, Problem

SHOWN = ("id", "sku", "name", "category", "price", "currency", "active")
"""What a list reads of a product, beside `on_hand` and `reserved`; one product has all of `WHOLE`."""
WHOLE = (*SHOWN, "description", "version")

BY_NAME = Ordering("name", ("search_key", "id"))
BY_RELEVANCE = Ordering("relevance", ("relevance", "search_key", "id"))
ORDERINGS = {
    "name": BY_NAME,
    "-name": Ordering("-name", ("search_key", "id"), descending=True),
    "price": Ordering("price", ("price", "id")),
    "-price": Ordering("-price", ("price", "id"), descending=True),
    "created": Ordering("created", ("created_at", "id")),
    "-created": Ordering("-created", ("created_at", "id"), descending=True),
}


class SkuTaken(Conflict):
    """Another product has this sku."""

    default_code = "already-exists"
    default_detail = "There is a product with this sku already."


class PriceRefused(Problem):
    """Nothing can be sold at this price."""

    default_detail = "Some fields are not valid: see errors."

    def __init__(self, complaint: str) -> None:
        super().__init__(errors={"price": [complaint]})


class Search(NamedTuple):
    """What somebody looks for; each part narrows, and left alone does not.

    `ordering` is one of `ORDERINGS`; empty, it is by relevance where there is a `q`, else by name.
    """

    q: str = ""
    category: str = ""
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    in_stock: bool | None = None
    active: bool | None = True
    ordering: str = ""


# Finding ----------------------------------------------------------------------------------------


def browse(search: Search, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page:
    """One page of the products that are looked for, as rows of `SHOWN`, `on_hand`, `reserved`.

    Raises `wire.keyset.InvalidCursor`.
    """
    ordering = choose(search)
    # What people type differs each time, and would push out of memory what does not.
    if ordering is BY_RELEVANCE:
        return paginate_tiers(find_tiers(search), ordering, cursor=cursor, limit=limit, filters=search)
    if search.q:
        return paginate(find(search), ordering, cursor=cursor, limit=limit, filters=search)

    return paginate_again(Recipe(find, search), ordering, cursor=cursor, limit=limit)


def find(search: Search) -> Any:
    """The rows that are looked for, in no order yet."""
    return read_rows(narrow(Product.objects.all(), search), *dict.fromkeys((*SHOWN, *choose(search).fields)))


def find_tiers(search: Search) -> list[Any]:
    """The rows that are looked for by their relevance, which each holds."""
    tiers = narrow(Product.objects.all(), search._replace(q="")).tiers(search.q)
    return [
        read_rows(tier.annotate(relevance=Value(number)), *SHOWN, *BY_RELEVANCE.fields[:-1])
        for number, tier in enumerate(tiers)
    ]


def read(product_id: UUID) -> Row:
    """One product, for sale or retired, as a row of `WHOLE`, `on_hand`, `reserved`; or `NotFound`."""
    rows = by_key().rows(product_id)
    if not rows:
        raise NotFound

    return rows[0]


@cache
def by_key() -> Statement:
    """One product by its key, as a row of `WHOLE`, `on_hand`, `reserved`."""
    [key] = slots(Product, "id")
    return Statement(read_rows(Product.objects.filter(pk=key), *WHOLE).order_by())


def list_categories() -> list[str]:
    """The categories that something is for sale in."""
    named = Product.objects.filter(active=True).exclude(category="")
    return list(named.order_by("category").values_list("category", flat=True).distinct())


def choose(search: Search) -> Ordering:
    if search.ordering:
        return ORDERINGS[search.ordering]

    return BY_RELEVANCE if search.q else BY_NAME


def narrow(products: Any, search: Search) -> Any:
    """The products that fit every part of a search."""
    exact = {
        "category": search.category or None,
        "price__gte": search.price_min,
        "price__lte": search.price_max,
        "active": search.active,
    }
    found = products.filter(**{name: value for name, value in exact.items() if value is not None})
    if search.q:
        found = found.matching(search.q)
    if search.in_stock is not None:
        found = found.in_stock() if search.in_stock else found.sold_out()
    return found


def read_rows(products: Any, *fields: str) -> Any:
    """Rows of `fields`, with the stock."""
    return products.values(*fields, on_hand=F("stock__on_hand"), reserved=F("stock__reserved"))


# Changing ---------------------------------------------------------------------------------------


@transaction.atomic
def create(fields: Mapping[str, Any], *, by: Actor, product_id: UUID | None = None) -> Product:
    """Add a product, with nothing on hand; raises `SkuTaken` or `PriceRefused`."""
    product = Product(**fields) if product_id is None else Product(**fields, id=product_id)
    check_price(product)
    save(product)
    Event.objects.record(product, "created", by=by, sku=product.sku)
    return product


@transaction.atomic
def change(product_id: UUID, changes: Mapping[str, Any], *, by: Actor, versions: set[int] | None = None) -> Product:
    """Change what differs, and with it the version.

    `versions` are those the change is meant for, None for any: others raise `PreconditionFailed`.
    Raises `NotFound`, `SkuTaken` or `PriceRefused` as well.
    """
    product = lock(product_id, versions)
    before = {name: getattr(product, name) for name in changes if getattr(product, name) != changes[name]}
    if not before:
        return product

    for name in before:
        setattr(product, name, changes[name])
    check_price(product)
    product.version += 1
    save(product)
    Event.objects.record(product, "changed", by=by, fields=write_changes(product, before))
    return product


def lock(product_id: UUID, versions: set[int] | None) -> Product:
    """A product that nobody else changes until the transaction ends, at one of `versions`."""
    product = Product.objects.select_for_update(no_key=True).filter(pk=product_id).first()
    if product is None:
        raise NotFound

    if versions is not None and product.version not in versions:
        raise PreconditionFailed

    return product


def check_price(product: Product) -> None:
    complaint = complain(product.price, product.currency)
    if complaint:
        raise PriceRefused(complaint)


@transaction.atomic
def save(product: Product) -> None:
    try:
        product.save()
    except IntegrityError as error:
        raise SkuTaken from error


def write_changes(product: Product, before: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What changed by field, from and to, as JSON has it."""
    return {name: [write_value(old), write_value(getattr(product, name))] for name, old in before.items()}


def write_value(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value
