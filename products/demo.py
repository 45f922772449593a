"""What the demo sells, and how it gets on the shelves."""

import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction

from products import catalogue, stock
from products.models import Product
from wire.demo import CAROL, product_id
from wire.events import Named


class Item(NamedTuple):
    """Something the demo sells; the price is in euros."""

    sku: str
    category: str
    name: str
    price: str
    on_hand: int
    description: str

    @property
    def id(self) -> uuid.UUID:
        return product_id(self.sku)


CATALOGUE = """
TEA-001 | Tea | Assam Breakfast | 6.90 | 140 | Malty black leaves for the first cup of the day.
TEA-002 | Tea | Darjeeling First Flush | 12.50 | 60 | Light, floral, picked in April.
TEA-003 | Tea | Earl Grey | 7.40 | 120 | Black tea with oil of bergamot and nothing else.
TEA-004 | Tea | Sencha | 9.20 | 80 | Steamed green leaves; brew below 80 degrees.
TEA-005 | Tea | Genmaicha | 8.10 | 75 | Green tea with roasted rice.
TEA-006 | Tea | Oolong Tieguanyin | 14.80 | 40 | Tightly rolled leaves that open over five infusions.
TEA-007 | Tea | Rooibos | 5.60 | 150 | Red, round, without caffeine.
TEA-008 | Tea | Peppermint | 4.50 | 200 | Whole leaves, cut by hand.
TEA-009 | Tea | Chamomile | 4.90 | 160 | Whole flowers for a quiet evening.
TEA-010 | Tea | Maté | 6.30 | 90 | Green and grassy, with a long finish.
COF-001 | Coffee | Espresso House Blend | 11.90 | 110 | Chocolate and hazelnut, medium dark.
COF-002 | Coffee | Yirgacheffe | 15.40 | 55 | Washed, with lemon and jasmine.
COF-003 | Coffee | Huila | 13.20 | 70 | Caramel and red apple.
COF-004 | Coffee | Sumatra Mandheling | 13.90 | 45 | Earthy, full, low in acid.
COF-005 | Coffee | Decaf Swiss Water | 12.60 | 65 | All of the taste, none of the night.
COF-006 | Coffee | Café de Olla Mix | 10.80 | 35 | Ground with cinnamon and cane sugar.
COF-007 | Coffee | Cold Brew Bags | 9.50 | 85 | Four bags, a jug, one night in the fridge.
COF-008 | Coffee | Hand Grinder | 64.00 | 18 | Steel burrs, twenty settings, fits a rucksack.
COF-009 | Coffee | Pour-Over Cone | 22.00 | 40 | Glazed stoneware for size 2 filters.
COF-010 | Coffee | Paper Filters, 100 | 4.20 | 300 | Unbleached, size 2.
KIT-001 | Kitchen | Enamel Mug | 9.80 | 130 | Chips with dignity; 350 ml.
KIT-002 | Kitchen | Teapot, 1 l | 34.50 | 25 | Cast iron with a steel strainer.
KIT-003 | Kitchen | Bread Knife | 29.90 | 30 | Serrated, 24 cm, beech handle.
KIT-004 | Kitchen | Chopping Board | 27.00 | 44 | Oiled oak, end grain.
KIT-005 | Kitchen | Linen Tea Towel | 11.50 | 95 | Washed, striped, dries everything.
KIT-006 | Kitchen | Storage Jar, 750 ml | 8.40 | 140 | Glass with a cork that fits.
KIT-007 | Kitchen | Pepper Mill | 38.00 | 22 | Walnut, with a ceramic grinder.
KIT-008 | Kitchen | Measuring Spoons | 7.90 | 88 | Five spoons on a ring, in grams and millilitres.
KIT-009 | Kitchen | Rolling Pin | 16.20 | 36 | One piece of beech.
KIT-010 | Kitchen | Crème Brûlée Dishes, 4 | 24.60 | 28 | Shallow stoneware for the oven.
BOO-001 | Books | A Field Guide to Tokens | 28.00 | 50 | Who says who you are, and why anyone believes it.
BOO-002 | Books | The Patient Database | 36.00 | 34 | Transactions told slowly.
BOO-003 | Books | Small Services | 31.00 | 42 | When to cut, and when to leave it whole.
BOO-004 | Books | Queues and Other Waiting | 26.50 | 38 | On buses, bakeries and brokers.
BOO-005 | Books | Mosaics of Ravenna | 48.00 | 16 | Two hundred plates, gold included.
BOO-006 | Books | Bread in Four Ingredients | 24.90 | 47 | Flour, water, salt, time.
BOO-007 | Books | The Allotment Year | 19.90 | 52 | What to do each week, and what not to.
BOO-008 | Books | Notebook of Empty Tables | 12.00 | 77 | Ruled in columns, for people who plan.
BOO-009 | Books | Letters to a Young Clerk | 14.50 | 31 | On counting honestly.
BOO-010 | Books | Pocket Atlas of Harbours | 21.00 | 26 | A hundred ports, one page each.
GAR-001 | Garden | Hand Trowel | 13.50 | 58 | Forged steel, ash handle.
GAR-002 | Garden | Secateurs | 32.00 | 33 | Cuts to 20 mm; the spring can be replaced.
GAR-003 | Garden | Watering Can, 5 l | 27.50 | 29 | Galvanised, with a brass rose.
GAR-004 | Garden | Tomato Seeds, Mixed | 3.40 | 240 | Six old kinds, forty seeds.
GAR-005 | Garden | Wildflower Meadow | 5.90 | 180 | For ten square metres and many bees.
GAR-006 | Garden | Jute Twine | 4.80 | 150 | A hundred metres, green.
GAR-007 | Garden | Plant Labels, 50 | 6.20 | 120 | Bamboo; write in pencil.
GAR-008 | Garden | Terracotta Pot, 18 cm | 7.60 | 90 | With a saucer.
GAR-009 | Garden | Gloves, Goatskin | 18.90 | 41 | Soft at the fingers, tough at the palm.
GAR-010 | Garden | Bird Feeder | 23.00 | 0 | Larch and glass; back in spring.
DES-001 | Desk | Fountain Pen | 42.00 | 24 | Steel nib, fine, with a converter.
DES-002 | Desk | Bottled Ink, Blue-Black | 11.00 | 66 | Fifty millilitres; dries slowly, lasts long.
DES-003 | Desk | Pencils, 12 HB | 9.60 | 110 | Cedar, unpainted.
DES-004 | Desk | Brass Ruler | 17.40 | 37 | Twenty centimetres, eight inches.
DES-005 | Desk | Letter Paper, 100 | 13.80 | 72 | Laid, cream, takes ink well.
DES-006 | Desk | Desk Lamp | 79.00 | 3 | Balanced arm; the last few of this colour.
DES-007 | Desk | Paper Knife | 15.90 | 48 | Olive wood.
DES-008 | Desk | Wire Tray | 21.50 | 30 | For what comes in and what goes out.
DES-009 | Desk | Sealing Wax | 8.70 | 61 | Four sticks, red.
DES-010 | Desk | Mosaic Coasters, 4 | 26.00 | 19 | Glass tesserae set in cork.
"""


def add_demo() -> str:
    """Put the demo's products on sale where they are not; what was done, in words."""
    missing = [item for item in read_catalogue() if not Product.objects.filter(sku=item.sku).exists()]
    with transaction.atomic():
        for item in missing:
            add_item(item)
    return f"{len(missing)} products added"


def read_catalogue() -> Iterator[Item]:
    """The products of the demo."""
    for line in CATALOGUE.strip().splitlines():
        sku, category, name, price, on_hand, description = (part.strip() for part in line.split("|"))
        yield Item(sku, category, name, price, int(on_hand), description)


def add_item(item: Item) -> None:
    by = Named(str(CAROL.id), "demo")
    fields = item._asdict() | {"price": Decimal(item.price)}
    on_hand = fields.pop("on_hand")
    catalogue.create_product(fields, by=by, product_id=item.id)
    if on_hand:
        stock.adjust({item.id: on_hand}, reason="first delivery", by=by)
