"""The problem that each error of products becomes."""

from products.catalogue import NoSuchProduct, OtherVersion, SkuTaken
from products.models import PriceRefused
from products.reservations import Gone, HandedOver, OtherLines, OutOfStock, PriceChanged, Unorderable
from products.stock import BelowReserved
from wire.problems import INVALID_FIELDS, NOT_FOUND, PRECONDITION_FAILED, ProblemType

LINES = ("lines",)
PROBLEMS: dict[type[Exception], ProblemType] = {
    NoSuchProduct: NOT_FOUND,
    OtherVersion: PRECONDITION_FAILED,
    SkuTaken: ProblemType(409, "already-exists", "There is a product with this sku already."),
    PriceRefused: INVALID_FIELDS,
    OutOfStock: ProblemType(409, "insufficient-stock", "There is not enough in stock: see lines.", LINES),
    PriceChanged: ProblemType(409, "price-changed", "A price has changed since it was seen: see lines.", LINES),
    Unorderable: ProblemType(409, "", "These products cannot be ordered, or not together: see lines.", LINES),
    OtherLines: ProblemType(409, "other-lines", "Other lines are held for this order: see lines.", LINES),
    Gone: ProblemType(410, "gone", "Nothing is held for this order any more."),
    HandedOver: ProblemType(410, "gone", "What this order held was handed over."),
    BelowReserved: ProblemType(409, "below-reserved", "There would be less on hand than is held for orders."),
}
