"""Exports of other shops: what their columns are called, and which of their rows are products.

Shopify's product CSV (help.shopify.com, "Using CSV files") has a row per variant and per image, grouped by handle;
WooCommerce's (woocommerce.com, "Product CSV Importer and Exporter") a row per product and per variation.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from html import unescape
from typing import ClassVar

from django.utils import timezone

from wire.text import usual_signs

Cells = Mapping[str, str]
"""What a row says, by field."""
Notes = Counter[str]
"""What is worth a look, and of how many rows."""

MAX_PARENTS = 100_000
"""Products whose variations may follow; what is beyond them is not remembered."""
ENTITY = re.compile(r"&#?\w+;")
MAX_HTML = 40_000
"""Characters of HTML that are searched for a description."""


YES = (
    *("true", "yes", "1", "wahr", "vrai", "verdadero", "vero", "verdadeiro", "waar", "prawda"),
    *("\u0438\u0441\u0442\u0438\u043d\u0430", "sant", "sand", "sann", "tosi", "pravda", "igaz", "doğru"),
)
NO = (
    *("false", "no", "0", "falsch", "faux", "falso", "onwaar", "fałsz"),
    *("\u043b\u043e\u0436\u044c", "falskt", "falsk", "usann", "epätosi", "nepravda", "hamis", "yanl\u0131ş"),
)
FLAGS = dict.fromkeys(YES, True) | dict.fromkeys(NO, False)
"""How people and, in many languages, spreadsheets write it."""
LINES = {"br", "li", "tr"}
BLOCKS = {"p", "div", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6"}
REST = r"""(?:=\s*+(?:"[^"]*+"|'[^']*+')|[^<>=]++|=){0,300}+>"""
"""The attributes of a tag; of one that is never closed no more is looked at than to the next `<`, nor than so many."""
MARKUP = re.compile(
    r"<!--.*?(?:-->|\Z)|<[!?][^<>]*+>"
    rf"|<(?P<hidden>script|style)\b{REST}.*?(?:</(?P=hidden)\s*>|\Z)"
    rf"|<(?:(?P<begin>[a-z][^\s/<>]*+)|/(?P<end>[a-z][^\s/<>]*+)){REST}",
    re.DOTALL | re.IGNORECASE,
)
"""Tags, comments, declarations, and what is no text; what only begins like one of them is text."""


class RowRefused(Exception):
    """A row is bad; the message says why."""


class Preset:
    """A file of our own, or one whose columns were named: each row is a product."""

    shop = ""
    columns: ClassVar[Mapping[str, tuple[str, ...]]] = {
        name: (name,) for name in ("sku", "name", "price", "description", "category", "currency", "active", "on_hand")
    }
    """The names that a column may have, by what it holds."""
    required: ClassVar[tuple[str, ...]] = ("sku", "name", "price")

    def convert(self, cells: Cells, notes: Notes) -> Cells | None:
        """The fields of a row's product; None if it is about none. Raises `RowRefused`."""
        return cells


class Shopify(Preset):
    """A row is a variant, an image of the product above, or both; what all variants share stands in the first."""

    shop = "Shopify"
    columns = {
        "handle": ("Handle", "URL handle"),
        "name": ("Title",),
        "price": ("Variant Price", "Price"),
        "sku": ("Variant SKU", "SKU"),
        "description": ("Body (HTML)", "Body HTML", "Description"),
        "category": ("Type",),
        "taxonomy": ("Product Category", "Standard Product Type"),
        "published": ("Published", "Published on online store"),
        "status": ("Status",),
        "tracker": ("Variant Inventory Tracker", "Inventory tracker"),
        "on_hand": ("Variant Inventory Qty", "Inventory quantity"),
        **{f"option{number}": (f"Option{number} Value",) for number in (1, 2, 3)},
        "image": ("Image Src", "Product image URL"),
    }
    required = ("handle", "name", "price")
    shared = ("name", "description", "category", "taxonomy", "published", "status")
    no_options = "Default Title"

    def __init__(self) -> None:
        self.handle = ""
        self.product: Cells = {}

    def convert(self, cells: Cells, notes: Notes) -> Cells | None:
        notes["Images that are not taken"] += bool(cells.get("image"))
        self.begin_product(cells)
        options = [value for number in (1, 2, 3) if (value := cells.get(f"option{number}", ""))]
        if not (cells["price"] or cells.get("sku") or options):
            return None

        options = [] if options == [self.no_options] else options
        product = self.product
        if not product.get("name"):
            raise RowRefused(f"no row before it has the Title of {cells['handle'][:64]!r}")

        return {
            "sku": cells.get("sku", "").removeprefix("'") or make_sku(self.handle, options, notes),
            "name": with_options(product["name"], options),
            "price": cells["price"],
            "description": read_html(product.get("description", "")),
            "category": product.get("category") or product.get("taxonomy", "").split(">")[-1].strip(),
            "active": write_flag(
                product.get("status", "").lower() in ("", "active")
                and read_flag(product.get("published") or "true", "Published")
            ),
            # Who counts the stock; nobody does where this is empty, and the number beside it is 0.
            "on_hand": not_negative(cells.get("on_hand", ""), notes) if cells.get("tracker", "shopify") else "",
        }

    def begin_product(self, cells: Cells) -> None:
        """Remember what the variants of a product share, where one begins."""
        handle = cells["handle"] or self.handle
        if handle != self.handle or cells["name"]:
            self.handle, self.product = handle, {name: cells.get(name, "") for name in self.shared}


class WooCommerce(Preset):
    """A row is a product, the parent of variations, or a variation, which names its parent."""

    shop = "WooCommerce"
    columns = {
        "id": ("ID",),
        "type": ("Type",),
        "sku": ("SKU",),
        "name": ("Name",),
        "published": ("Published",),
        "description": ("Description",),
        "summary": ("Short description",),
        "sale_starts": ("Date sale price starts",),
        "sale_ends": ("Date sale price ends",),
        "in_stock": ("In stock?",),
        "on_hand": ("Stock",),
        "sale_price": ("Sale price",),
        "price": ("Regular price",),
        "category": ("Categories",),
        "parent": ("Parent",),
        "image": ("Images",),
        **{f"option{number}": (f"Attribute {number} value(s)",) for number in range(1, 7)},
    }
    required = ("type", "sku", "name", "price")
    skipped = {
        "variable": "Products that are not taken themselves, but their variations",
        "grouped": "Groups of products that are not taken",
        "external": "Products of another shop that are not taken",
    }

    def __init__(self) -> None:
        self.parents: dict[str, Cells] = {}

    def convert(self, cells: Cells, notes: Notes) -> Cells | None:
        notes["Products whose images are not taken"] += bool(cells.get("image"))
        types = {word.strip() for word in cells["type"].lower().split(",")}
        for kind in sorted(types & self.skipped.keys()):
            notes[self.skipped[kind]] += 1
            self.remember(cells)
            return None

        parent = self.parents.get(cells.get("parent", "").lower(), {}) if "variation" in types else {}
        values = [cells.get(f"option{number}", "") for number in range(1, 7)] if "variation" in types else []
        options = [read_term(value) for value in values if value]
        return {
            "sku": cells["sku"] or self.find_sku(cells, parent, options, notes),
            "name": self.find_name(read_entities(cells["name"]), parent, options),
            "price": find_price(cells, notes),
            "description": read_woo_html(
                cells.get("description") or cells.get("summary") or parent.get("description", "")
            ),
            "category": first_category(cells.get("category") or parent.get("category", "")),
            "active": write_flag(cells.get("published", "1") == "1" and parent.get("published", "1") == "1"),
            "on_hand": self.find_stock(cells, notes),
        }

    def remember(self, cells: Cells) -> None:
        """Keep what variations take from their parent, which they name by its sku or its id."""
        if len(self.parents) >= 2 * MAX_PARENTS:
            return

        about = {
            "name": read_entities(cells["name"]),
            "sku": cells["sku"],
            "category": cells.get("category", "")[:500],
            "description": (cells.get("description") or cells.get("summary") or "")[:10_000],
            "published": cells.get("published", "1"),
        }
        self.parents |= {key.lower(): about for key in (cells["sku"], f"id:{cells.get('id', '')}") if key}

    def find_sku(self, cells: Cells, parent: Cells, options: Sequence[str], notes: Notes) -> str:
        if parent.get("sku"):
            return make_sku(parent["sku"], options or [cells.get("id", "")], notes)

        return make_sku("woo", [cells["id"]], notes) if cells.get("id") else ""

    def find_name(self, own: str, parent: Cells, options: Sequence[str]) -> str:
        """A variation's own name, which says its options, or its parent's with them."""
        name = own or parent.get("name", "")
        return with_options(name, [option for option in options if option.casefold() not in name.casefold()])

    def find_stock(self, cells: Cells, notes: Notes) -> str:
        """How many are in stock; nothing where the shop does not count them, but 0 where it has none."""
        if cells.get("on_hand", "").lower() not in ("", "parent"):
            return not_negative(cells["on_hand"], notes)
        if cells.get("in_stock", "1").lower() in ("0", "no", "false"):
            return "0"

        return ""


PRESETS: Mapping[str, type[Preset]] = {"shopify": Shopify, "woocommerce": WooCommerce}


def recognise(header: Sequence[str]) -> str:
    """The preset that a header looks like, if it is one."""
    names = {name.casefold() for name in header}
    return next(
        (key for key, preset in PRESETS.items() if all(has_one(names, preset, of) for of in preset.required)), ""
    )


def has_one(names: set[str], preset: type[Preset], of: str) -> bool:
    return not names.isdisjoint(column.casefold() for column in preset.columns[of])


# Cells ------------------------------------------------------------------------------------------


def make_sku(stem: str, options: Sequence[str], notes: Notes) -> str:
    """A sku for what has none, the same each time: of the product's own key and the variant's options."""
    notes["Products without a sku that were given one"] += 1
    return "-".join([stem, *(re.sub(r"\W+", "-", option).strip("-").lower() for option in options)])


def with_options(name: str, options: Sequence[str]) -> str:
    return f"{name} ({' / '.join(options)})" if options else name


def read_flag(text: str, name: str) -> bool:
    """Whether a cell says yes, in the words of spreadsheets too; raises `RowRefused` if it says neither."""
    plain = usual_signs(text[:20]).casefold()
    if plain not in FLAGS:
        raise RowRefused(f"{name} {text[:20]!r} is neither true nor false")

    return FLAGS[plain]


def write_flag(is_true: bool) -> str:
    return "true" if is_true else "false"


def not_negative(text: str, notes: Notes) -> str:
    """A stock, 0 where the other shop had sold more than it had."""
    if not text.startswith("-"):
        return text

    notes["Products with less than nothing in stock, which counts as 0"] += 1
    return "0"


def first_category(text: str) -> str:
    """The last part of the first of several paths: `Clothing > Hats, Sale` is Hats."""
    first = re.split(r"(?<!\\),", text)[0]
    return read_term(first.split(">")[-1]).strip()


def read_term(text: str) -> str:
    r"""A category or option, in which WooCommerce wrote a comma as `\,` and WordPress an ampersand as `&amp;`."""
    return read_entities(text.replace("\\,", ","))


def read_entities(text: str) -> str:
    """A text with its letters in place of `&amp;` and the like, which end in a semicolon: `A&notes` stays."""
    return ENTITY.sub(lambda found: unescape(found[0]), text)


def find_price(cells: Cells, notes: Notes) -> str:
    """The price that will go on: a sale price only if the sale is on and has no end."""
    sale = cells.get("sale_price", "")
    if not sale:
        return cells["price"]
    if cells.get("sale_ends") or not has_begun(cells.get("sale_starts", "")):
        notes["Products with a sale price for a time, taken at their regular price"] += 1
        return cells["price"]

    notes["Products taken at their sale price, which has no end"] += 1
    return sale


def has_begun(day: str) -> bool:
    try:
        return not day or date.fromisoformat(day[:10]) <= timezone.now().date()
    except ValueError:
        return False


def read_woo_html(text: str) -> str:
    r"""HTML in which WooCommerce wrote a line break as `\n`."""
    return read_html(re.sub(r"\\(\\n|n)", lambda found: r"\n" if len(found[1]) > 1 else "\n", text))


def read_html(text: str) -> str:
    """What HTML says, as plain text of many lines."""
    if "<" not in text and "&" not in text:
        return text
    if len(text) > MAX_HTML:
        raise RowRefused(f"description has more than {MAX_HTML:,} characters of HTML")

    plain = unescape(MARKUP.sub(break_line, text))
    lines = [" ".join(line.split()) for line in plain.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def break_line(found: re.Match[str]) -> str:
    """What stands for a tag: a line break where a line begins or a block ends."""
    return "\n" if (found["begin"] or "").lower() in LINES or (found["end"] or "").lower() in BLOCKS else ""
