"""What products has to say on the page that staff begin on."""

from products.models import Product
from wire.admin.start_page import Number, Summary, count_some


def summarize() -> Summary:
    """Of how many of the products that staff watch there is little left."""
    low = count_some(Product.objects.low())
    hint = "of the products whose “low stock from” is set"
    return Summary([Number("Low stock", low, "/admin/products/product/?available=low", hint, is_urgent=low > 0)])
