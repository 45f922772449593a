"""The problem that each error of products becomes."""

from products.catalogue import CurrencyUnclear, NoSuchProduct, OtherVersion, SkuTaken
from products.models import PriceRefused
from products.quotas import TooManyHeld
from products.reservations import Drift, Gone, HandedOver, OtherLines, OutOfStock, PriceChanged, Unorderable
from products.stock import BelowReserved
from products.stock_turns import StockBusy
from wire.api.problems import INVALID_FIELDS, NOT_FOUND, PRECONDITION_FAILED, ProblemType

LINES = ("lines",)
PROBLEMS: dict[type[Exception], ProblemType] = {
    NoSuchProduct: NOT_FOUND,
    OtherVersion: PRECONDITION_FAILED,
    SkuTaken: ProblemType(409, "already-exists", "There is a product with this sku already."),
    PriceRefused: INVALID_FIELDS,
    CurrencyUnclear: INVALID_FIELDS,
    OutOfStock: ProblemType(409, "insufficient-stock", "There is not enough in stock: see lines.", LINES),
    PriceChanged: ProblemType(409, "price-changed", "A price has changed since it was seen: see lines.", LINES),
    Unorderable: ProblemType(409, "", "These products cannot be ordered, or not together: see lines.", LINES),
    TooManyHeld: ProblemType(409, "too-many-held", facts=("held", "limits")),
    OtherLines: ProblemType(409, "other-lines", "Other lines are held for this order: see lines.", LINES),
    Gone: ProblemType(410, "gone", "Nothing is held for this order any more."),
    HandedOver: ProblemType(410, "gone", "What this order held was handed over."),
    Drift: ProblemType(409, "stock-drift", "The books of products contradict this; somebody has to look there."),
    StockBusy: ProblemType(
        503, "stock-busy", "Too many want this stock at once, or it is being changed; try again.", retry_after=1
    ),
    BelowReserved: ProblemType(
        409, "below-reserved", "There would be less on hand than nothing, or than is held for orders."
    ),
}
