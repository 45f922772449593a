"""The catalogue: what there is, found and changed."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Value

from database import bounded_counts, prepared
from products.models import Event, Product, check_price
from wire.events import Actor
from wire.keyset import DEFAULT_LIMIT, Ordering, Page, Row, kept_list, paginate, paginate_tiers

LIST_FIELDS = ("id", "sku", "name", "category", "price", "currency", "active")
"""What a list reads of a product, beside `on_hand` and `reserved`; one product has all of `DETAIL_FIELDS`."""
DETAIL_FIELDS = (*LIST_FIELDS, "description", "version")

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

MAX_SEARCH = 200
"""Characters of a search, as many as a name has."""


class NoSuchProduct(Exception):
    """No product has this id."""


class SkuTaken(Exception):
    """Another product has this sku."""


class CurrencyUnclear(Exception):
    """A price is looked for where there are prices in several currencies, without saying which."""

    def __init__(self, currencies: list[str]) -> None:
        super().__init__(f"Say which currency the price is in: {', '.join(currencies)}.")

    @property
    def errors(self) -> dict[str, list[str]]:
        return {"currency": [str(self)]}


class OtherVersion(Exception):
    """The product has changed since the version that a change is meant for."""


class Search(NamedTuple):
    """What somebody looks for; each part narrows, and left alone does not.

    `ordering` is one of `ORDERINGS`; empty, it is by relevance where there is a `q`, else by name.
    """

    q: str = ""
    category: str = ""
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    currency: str = ""
    in_stock: bool | None = None
    active: bool | None = True
    ordering: str = ""


# Finding ----------------------------------------------------------------------------------------


def search_products(search: Search, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page:
    """One page of the matches, as rows of `LIST_FIELDS`, `on_hand`, `reserved`.

    Raises `CurrencyUnclear` or `wire.keyset.InvalidCursor`.
    """
    check_currency(search)
    ordering = choose_ordering(search)
    # What people type differs each time, and would push out of memory what does not.
    if ordering is BY_RELEVANCE:
        return paginate_tiers(rank_products(search), ordering, cursor=cursor, limit=limit, filters=search)
    if search.q:
        return paginate(select_products.build(search), ordering, cursor=cursor, limit=limit, filters=search)

    return select_products.page(ordering, cursor=cursor, limit=limit, search=search)


@kept_list(Product)
def select_products(search: Search) -> Any:
    """The rows that match, in no order yet."""
    fields = dict.fromkeys((*LIST_FIELDS, *choose_ordering(search).fields))
    return select_with_stock(filter_products(search), *fields)


def rank_products(search: Search) -> list[Any]:
    """The rows that match in groups, the most relevant first; each row holds its group's number as `relevance`."""
    groups = filter_products(search._replace(q="")).by_relevance(search.q)
    return [
        select_with_stock(group.annotate(relevance=Value(number)), *LIST_FIELDS, *BY_RELEVANCE.fields[:-1])
        for number, group in enumerate(groups)
    ]


def read_product(product_id: UUID) -> Row:
    """One product, for sale or retired, as a row of `DETAIL_FIELDS`, `on_hand`, `reserved`; or `NoSuchProduct`."""
    rows = select_product(product_id=product_id)
    if not rows:
        raise NoSuchProduct

    return rows[0]


@prepared.rows(Product, product_id="id")
def select_product(product_id: UUID) -> Any:
    return select_with_stock(Product.objects.filter(pk=product_id), *DETAIL_FIELDS).order_by()


class Offer(NamedTuple):
    """What a product is sold for, and how much of it nobody holds."""

    name: str
    price: Decimal
    currency: str
    available: int


def list_offers(product_ids: Iterable[UUID]) -> dict[UUID, Offer]:
    """What each of some products is sold for; one that is unknown or retired is left out."""
    found = Product.objects.filter(pk__in=product_ids, active=True).order_by()
    rows = select_with_stock(found, "id", "name", "price", "currency")
    return {
        row["id"]: Offer(row["name"], row["price"], row["currency"], row["on_hand"] - row["reserved"]) for row in rows
    }


def list_categories() -> list[str]:
    """The categories that something is for sale in."""
    named = Product.objects.filter(active=True).exclude(category="")
    return list(named.order_by("category").values_list("category", flat=True).distinct())


def list_currencies() -> list[str]:
    """The currencies that there are prices in, sorted; each is one step along an index, however many products."""
    found = [""]
    while rows := currency_after(after=found[-1]):
        found.append(rows[0]["currency"])
    return found[1:]


@prepared.rows(Product, after="currency")
def currency_after(after: str) -> Any:
    return Product.objects.filter(currency__gt=after).order_by("currency").values("currency")[:1]


def check_currency(search: Search) -> None:
    """Raise `CurrencyUnclear` if a search bounds the price, names no currency, and there are several."""
    if search.currency or (search.price_min is None and search.price_max is None):
        return

    currencies = list_currencies()
    if len(currencies) > 1:
        raise CurrencyUnclear(currencies)


def choose_ordering(search: Search) -> Ordering:
    if search.ordering:
        return ORDERINGS[search.ordering]

    return BY_RELEVANCE if search.q else BY_NAME


def filter_products(search: Search) -> Any:
    """The products that match every part of a search."""
    exact = {
        "category": search.category or None,
        "price__gte": search.price_min,
        "price__lte": search.price_max,
        "currency": search.currency or None,
        "active": search.active,
    }
    found = Product.objects.filter(**{name: value for name, value in exact.items() if value is not None})
    if search.q:
        found = found.matching(search.q)
    if search.in_stock is not None:
        found = found.in_stock() if search.in_stock else found.sold_out()
    return found


def select_with_stock(products: Any, *fields: str) -> Any:
    """Rows of `fields`, with the counters of the stock."""
    return products.values(*fields, on_hand=F("stock__on_hand"), reserved=F("stock__reserved"))


MOST_COUNTED = 1_000
"""Matches that are counted; that there are more is all that is said of more."""


def count_matches(search: Search) -> int:
    """How many products match, at most one more than are counted."""
    return bounded_counts.count(filter_products(search), most=MOST_COUNTED + 1)


# Changing ---------------------------------------------------------------------------------------


@transaction.atomic
def create_product(fields: Mapping[str, Any], *, by: Actor, product_id: UUID | None = None) -> Product:
    """Add a product, with nothing on hand; raises `SkuTaken` or `PriceRefused`."""
    product = Product(**fields) if product_id is None else Product(**fields, id=product_id)
    save_product(product)
    Event.objects.record(product, "created", by=by, sku=product.sku)
    return product


@transaction.atomic
def change_product(
    product_id: UUID, changes: Mapping[str, Any], *, by: Actor, versions: set[int] | None = None
) -> Product:
    """Change what differs, and with it the version.

    `versions` are those the change is meant for, None for any: others raise `OtherVersion`.
    Raises `NoSuchProduct`, `SkuTaken` or `PriceRefused` as well.
    """
    product = lock_product(product_id, versions)
    before = apply_changes(product, changes)
    if not before:
        return product

    save_product(product)
    Event.objects.record(product, "changed", by=by, fields=describe_changes(product, before))
    return product


def lock_product(product_id: UUID, versions: set[int] | None) -> Product:
    """A product that nobody else changes until the transaction ends, at one of `versions`."""
    # Only the row's own fields: what refers to it (lines, movements) may be written meanwhile.
    product = Product.objects.select_for_update(no_key=True).filter(pk=product_id).first()
    if product is None:
        raise NoSuchProduct

    if versions is not None and product.version not in versions:
        raise OtherVersion

    return product


def apply_changes(product: Product, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Set what differs, and with it the version; what stood there before, by field."""
    before = {name: getattr(product, name) for name in changes if getattr(product, name) != changes[name]}
    for name in before:
        setattr(product, name, changes[name])
    product.version += bool(before)
    return before


@transaction.atomic
def save_product(product: Product) -> None:
    check_price(product.price, product.currency)
    try:
        product.save()
    except IntegrityError as error:
        raise SkuTaken from error


def describe_changes(product: Product, before: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What changed by field, from and to, as JSON has it."""
    return {name: [to_json(old), to_json(getattr(product, name))] for name, old in before.items()}


def to_json(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value
