"""The page of the admin on which counted stock is typed, compared and corrected."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode

from products import stock
from products.catalogue import Search, search_products
from products.csv_files.numbers import Ambiguous, NotANumber, parse_quantity
from products.csv_files.rows import MAX_ON_HAND
from products.models import Product
from products.stock_count import (
    MAX_COUNTED,
    ChangedMeanwhile,
    Comparison,
    Counted,
    compare,
    correct_counted,
)
from tokens.user import current_user
from wire.admin.pages import section_page
from wire.keyset import InvalidCursor
from wire.text import TextRefused, line

PER_PAGE = 20
LONGEST = 200
MAX_CURSOR = 1_000


class Row(NamedTuple):
    """A line of the page: what was typed, beside the books, and what is wrong with it.

    `began` is what was on hand when the page was opened, `compared` what was typed when it was compared.
    """

    comparison: Comparison
    typed: str
    began: int
    compared: str | None
    error: str

    @property
    def has_moved(self) -> bool:
        """Whether it was sold or corrected since the page was opened."""
        return self.began != self.comparison.stock.on_hand


class Sheet(NamedTuple):
    """What was sent: by product what was typed, and what the page had shown."""

    typed: Mapping[UUID, str]
    began: Mapping[UUID, int]
    compared: Mapping[UUID, str]
    compared_with: Mapping[UUID, int]


def urls() -> list[URLPattern]:
    """The address below the list of products."""
    page = section_page("products", count_stock, query=["q", "cursor"], repeated=["id"])
    return [path("count/", page, name="products_product_count")]


def count_stock(request: HttpRequest) -> HttpResponse:
    """Numbers to type, compared with the books when they are sent, and corrected when they are sent again."""
    if request.method != "POST":
        return begin(request)

    sheet = read_sheet(request.POST)
    rows = build_rows(sheet)
    is_settled = all(not row.error and row.compared == row.typed and not moved(row, sheet) for row in rows)
    if "correct" not in request.POST or not is_settled or not any(row.typed for row in rows):
        return show(request, {"rows": rows, "is_compared": True, **offer(rows)})

    return correct(request, sheet, rows)


def begin(request: HttpRequest) -> HttpResponse:
    """A page of products to count: those that were picked, or those that a search finds."""
    picked = [product for text in request.GET.getlist("id")[:MAX_COUNTED] if (product := read_id(text))]
    words, cursor = read_words(request.GET.get("q", "")[:LONGEST]), request.GET.get("cursor")
    following = None
    if not picked:
        try:
            page = search_products(Search(q=words, active=None), cursor=cursor, limit=PER_PAGE)
        except InvalidCursor:
            page = search_products(Search(q=words, active=None), limit=PER_PAGE)
        picked, following = [row["id"] for row in page.rows], page.next
    rows = [Row(found, "", found.stock.on_hand, None, "") for found in compare(picked, {})]
    return render(request, {"rows": rows, "words": words, "following": following})


def correct(request: HttpRequest, sheet: Sheet, rows: list[Row]) -> HttpResponse:
    key = read_id(request.POST.get("key", "")) or uuid4()
    counted = [
        Counted(row.comparison.stock.pk, row.comparison.units, sheet.compared_with[row.comparison.stock.pk])
        for row in rows
        if row.comparison.units is not None
    ]
    try:
        changed = correct_counted(key, counted, by=current_user(request))
    except stock.AlreadyCorrected:
        messages.info(request, "This count was written already; nothing was done again.")
    except (ChangedMeanwhile, stock.BelowReserved):
        return show(request, {"rows": build_rows(sheet), "is_compared": True, "has_moved": True})
    else:
        messages.success(request, tell_corrected(len(counted), changed))
    return HttpResponseRedirect(next_page(request.POST))


def tell_corrected(counted: int, changed: int) -> str:
    """What became of a count."""
    products = "1 product was" if counted == 1 else f"{counted} products were"
    corrected = f"Stock corrected: {changed}." if changed else "Nothing differed, so nothing was corrected."
    return f"{products} counted. {corrected}"


def next_page(sent: QueryDict) -> str:
    """The products that come after those that were counted, or all of them."""
    query = {name: text for name in ("q", "cursor") if (text := sent.get(name, "")[:MAX_CURSOR])}
    address = reverse("admin:products_product_count")
    return f"{address}?{urlencode(query)}" if "cursor" in query else address


# What was sent ----------------------------------------------------------------------------------


def read_sheet(sent: QueryDict) -> Sheet:
    """Each line of the page is sent as two fields: `shown` (what it had shown) and `counted-` with the product's id."""
    typed, began, compared, compared_with = {}, {}, {}, {}
    for text in sent.getlist("shown")[:MAX_COUNTED]:
        product, at_begin, then, number = [*text.split(":", 3), "", "", ""][:4]
        if (product_id := read_id(product)) is None:
            continue
        typed[product_id] = sent.get(f"counted-{product}", "").strip()[:40]
        began[product_id] = read_number(at_begin)
        compared_with[product_id] = read_number(then)
        compared[product_id] = number
    return Sheet(typed, began, compared, compared_with)


def build_rows(sheet: Sheet) -> list[Row]:
    counted, errors = read_counted(sheet.typed)
    return [
        Row(
            found,
            sheet.typed[found.stock.pk],
            sheet.began[found.stock.pk],
            sheet.compared[found.stock.pk],
            errors.get(found.stock.pk, "") or describe_refusal(found),
        )
        for found in compare(sheet.typed, counted)
    ]


def read_counted(typed: Mapping[UUID, str]) -> tuple[dict[UUID, int], dict[UUID, str]]:
    """The numbers that were typed, and what is wrong with the others."""
    counted, errors = {}, {}
    for product, text in typed.items():
        if not text:
            continue
        try:
            counted[product] = check_count(parse_quantity(text))
        except Ambiguous:
            errors[product] = f"{text} may be meant in two ways: type the number without point and comma."
        except NotANumber as error:
            errors[product] = f"{text} {error}."
    return counted, errors


def check_count(units: int) -> int:
    if not 0 <= units <= MAX_ON_HAND:
        raise NotANumber(f"is not between 0 and {MAX_ON_HAND:,}")

    return units


def describe_refusal(found: Comparison) -> str:
    if not found.is_below_reserved:
        return ""

    return (
        f"{found.stock.reserved:,} are reserved for orders, so that there cannot be fewer. "
        "Count again, or cancel orders first."
    )


def moved(row: Row, sheet: Sheet) -> bool:
    """Whether the books changed since the row was compared."""
    return bool(row.typed) and sheet.compared_with[row.comparison.stock.pk] != row.comparison.stock.on_hand


def offer(rows: list[Row]) -> dict[str, bool]:
    """Whether there is something to correct, and nothing in the way."""
    is_wrong = any(row.error for row in rows)
    return {"is_wrong": is_wrong, "may_correct": not is_wrong and any(row.typed for row in rows)}


def read_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def read_words(text: str) -> str:
    try:
        return line(text)
    except TextRefused:
        return ""


def read_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else -1


def show(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The page of a count that was sent, which knows where to go on."""
    return render(request, {"words": request.POST.get("q", ""), "following": request.POST.get("cursor", ""), **context})


def render(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    shared = {**admin.site.each_context(request), "opts": Product._meta, "title": "Count stock", "key": uuid4()}
    return TemplateResponse(request, "admin/products/product/count.html", {**shared, **context})
