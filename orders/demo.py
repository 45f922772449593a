"""What was bought in the demo already."""

from uuid import UUID, uuid5

from orders import checkout, transitions
from orders.checkout import Customer, OrderRequest
from orders.inventory import RequestedLine
from orders.lifecycle import TARGETS, Status
from orders.models import Mail, Order
from tokens.user import TokenUser
from wire.demo import ALICE, BOB, DAVE, NAMESPACE, Person, product_id

ORDER_MANAGER = TokenUser(
    {"sub": str(DAVE.id), "client_id": "web", "scope": "orders:manage", "name": DAVE.name, "email": DAVE.email}
)
Basket = dict[str, int]

ORDERS: list[tuple[Person, Basket, list[str]]] = [
    (ALICE, {"BOO-001": 1, "TEA-003": 2}, ["pay", "ship", "deliver"]),
    (ALICE, {"KIT-002": 1, "TEA-001": 3, "KIT-005": 2}, ["pay", "ship"]),
    (BOB, {"GAR-004": 6, "GAR-007": 1, "GAR-006": 2}, ["pay"]),
    (BOB, {"COF-008": 1, "COF-002": 2}, ["cancel"]),
    (ALICE, {"DES-001": 1, "DES-002": 1}, []),
]
"""Who ordered what, and which actions followed."""


def add_demo() -> str:
    """Place the demo's orders that are not there, and go on with those left half way; what was done."""
    placed = sum(place_demo_order(demo_id(number), *row) for number, row in enumerate(ORDERS))
    # Nobody is told of what happened in a demo.
    Mail.objects.waiting().filter(order__in=[demo_id(number) for number in range(len(ORDERS))]).delete()
    return f"{placed} orders placed"


def demo_id(number: int) -> UUID:
    """The id of a demo's order, the same in every shop."""
    return uuid5(NAMESPACE, f"order {number}")


def place_demo_order(pk: UUID, person: Person, basket: Basket, actions: list[str]) -> bool:
    """Have an order placed and moved on; whether it was placed only now."""
    earlier = Order.objects.filter(pk=pk).first()
    was_placed = bool(earlier and earlier.placed_at)
    order = resume(earlier) if earlier else order_basket(pk, person, basket)
    for action in find_actions(order, actions):
        transitions.take_action(pk, action, by=ORDER_MANAGER, reference="DEMO" if action == "pay" else "")
    return order.placed_at is not None and not was_placed


def resume(order: Order) -> Order:
    """Go on with an order that products did not answer for before."""
    return checkout.resume_order(order) if Order.objects.acquire_lease(order.pk) else order


def order_basket(pk: UUID, person: Person, basket: Basket) -> Order:
    customer = Customer(str(person.id), person.name, person.email, "demo")
    lines = [RequestedLine(product_id(sku), quantity) for sku, quantity in basket.items()]
    fields = {"ship_to": f"{person.name}\n1 Mosaic Lane\nRavenna"}
    return checkout.place_order(OrderRequest(customer, lines, fields, order_id=pk)).details.order


def find_actions(order: Order, actions: list[str]) -> list[str]:
    """What has yet to happen to an order; nothing, where it was not placed or somebody took it elsewhere."""
    path = [Status.PLACED, *(TARGETS[action] for action in actions)]
    return actions[path.index(order.status) :] if order.status in path else []
