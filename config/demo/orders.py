"""What was bought in the demo already."""

from typing import NamedTuple

from config.demo import ALICE, BOB, DAVE, Person, product_id
from orders import transitions
from orders.checkout import Customer, place_order
from orders.inventory import Wanted
from orders.models import Order


class Manager(NamedTuple):
    """Who moves the demo's orders on."""

    sub: str
    client_id: str
    scopes: frozenset[str]


ORDER_MANAGER = Manager(str(DAVE.id), "demo", frozenset({"orders:manage"}))
Basket = dict[str, int]

ORDERS: list[tuple[Person, Basket, list[str]]] = [
    (ALICE, {"BOO-001": 1, "TEA-003": 2}, ["pay", "ship", "deliver"]),
    (ALICE, {"KIT-002": 1, "TEA-001": 3, "KIT-005": 2}, ["pay", "ship"]),
    (BOB, {"GAR-004": 6, "GAR-007": 1, "GAR-006": 2}, ["pay"]),
    (BOB, {"COF-008": 1, "COF-002": 2}, ["cancel"]),
    (ALICE, {"DES-001": 1, "DES-002": 1}, []),
]
"""Who ordered what, and which actions followed."""


def seed() -> str:
    """Place the demo's orders, once; what was done, in words."""
    if Order.objects.filter(customer_id__in=[str(ALICE.id), str(BOB.id)]).exists():
        return "0 orders placed"

    for person, basket, actions in ORDERS:
        place(person, basket, actions)
    return f"{len(ORDERS)} orders placed"


def place(person: Person, basket: Basket, actions: list[str]) -> None:
    customer = Customer(str(person.id), person.name, person.email, "demo")
    lines = [Wanted(product_id(sku), quantity) for sku, quantity in basket.items()]
    order = place_order(customer, lines, ship_to=f"{person.name}\n1 Mosaic Lane\nRavenna")
    for action in actions:
        transitions.change(order.pk, action, by=ORDER_MANAGER, reference="DEMO" if action == "pay" else "")
