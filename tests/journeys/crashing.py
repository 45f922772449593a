"""A loaded process whose children are killed: `python -m tests.journeys.crashing` writes JSON.

For each failpoint of a journey, and for those that `--statements` names also before each statement that
they send to the database, a child is forked, does the step and dies there. A second child starts after
the lease has run out, settles, has the client repeat the request, and looks whether everything holds.
Only this process lives on.
"""

import gc
import json
import os
import signal
import sys
import traceback
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import django

from tests.journeys.processes import UNBOUNDED

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.update(UNBOUNDED)
django.setup()

import time_machine  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.test import override_settings  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402

from config import failpoints  # noqa: E402
from config.local_inventory import LocalInventory  # noqa: E402
from database import clock  # noqa: E402
from orders import resuming  # noqa: E402
from orders.inventory import InventoryUnavailable  # noqa: E402
from orders.models import LEASE, PAYMENT_TERM, IdempotencyKey, Order  # noqa: E402
from products import catalogue, stock  # noqa: E402
from products.models import Reservation  # noqa: E402
from tests.conftest import CUSTOMER, Person  # noqa: E402
from tests.journeys.invariants import find_violations  # noqa: E402
from wire.events import SYSTEM  # noqa: E402

clock.reference.is_followed = False  # its children travel in time


class Journey:
    """A step of an order's life that a client asks for, and how it must have ended."""

    points = ""
    reached = ()
    """The actions that lead up to it."""
    action = status = ""
    reservation = "held"
    answer = 200
    quantity = 2

    def prepare(self, product):
        """Bring an order to where the step begins."""
        self.key, self.product = f'"{uuid.uuid4()}"', product
        order = self.place().json()
        for action in self.reached:
            self.act(order["id"], action)
        self.order = order["id"]

    def place(self):
        lines = [{"product": str(self.product), "quantity": self.quantity}]
        return ALICE.post("/api/orders/", {"lines": lines}, headers={"Idempotency-Key": self.key})

    def act(self, order_id, action):
        body = {"reference": "R"} if action == "pay" else {}
        return DAVE.post(f"/api/orders/{order_id}/{action}/", body)

    def step(self):
        """What the client asks for, and asks for again."""
        return self.check(self.act(self.order, self.action))

    def check(self, response):
        assert response.status_code == self.answer, response.content
        return response

    def find(self):
        return Order.objects.get(pk=self.order)


class Placing(Journey):
    status, answer = "placed", 201
    points = """
        orders.idempotency.claim_key:before
        orders.idempotency.claim_key:after
        orders.order_details.insert_order:before
        orders.order_details.insert_order:after
        orders.checkout.ask_products:before
        config.local_inventory.LocalInventory.reserve:before
        products.reservations.reserve:before
        products.reservations.reserve_stock:before
        products.reservations.reserve_stock:after
        products.reservations.store_lines:after
        products.reservations.reserve:after
        config.local_inventory.LocalInventory.reserve:after
        orders.checkout.ask_products:after
        orders.checkout.confirm_order:before
        orders.models.OrderQuerySet.move:before
        orders.models.OrderQuerySet.move:after
        orders.order_details.OrderDetails.set_prices:after
        orders.checkout.confirm_order:after
        orders.checkout.record_answer:after
        orders.checkout.place_order:after
    """

    def prepare(self, product):
        self.key, self.product = f'"{uuid.uuid4()}"', product

    def step(self):
        return self.check(self.place())

    def find(self):
        return Order.objects.get(pk=IdempotencyKey.objects.get(key=self.key.strip('"')).order_id)


class Refusing(Placing):
    quantity = 10_000
    status, answer = "rejected", 409
    reservation = "released"
    points = """
        products.reservations.check_stock:before
        products.reservations.check_stock:after
        orders.checkout.reject_order:before
        orders.models.OrderQuerySet.move:after
        orders.checkout.reject_order:after
        orders.checkout.record_answer:after
        orders.outbox.try_calls:before
        products.reservations.release:before
        products.reservations.release:after
        orders.outbox.make_calls:after
        orders.checkout.place_order:after
    """


class Cancelling(Journey):
    action, status, reservation = "cancel", "cancelled", "released"
    points = """
        orders.transitions.take_action:before
        orders.transitions.change_status:before
        orders.models.OrderQuerySet.move:after
        orders.transitions.change_status:after
        orders.outbox.try_calls:before
        orders.outbox.make_calls:before
        config.local_inventory.LocalInventory.release:before
        products.reservations.release:before
        products.models.ReservationQuerySet.change_state:after
        products.stock.record_movements:before
        products.stock.record_movements:after
        products.reservations.release:after
        orders.outbox.make_calls:after
        orders.transitions.take_action:after
    """


class Paying(Journey):
    action, status = "pay", "paid"
    points = """
        orders.transitions.take_action:before
        orders.transitions.change_status:before
        orders.models.OrderQuerySet.move:after
        orders.transitions.change_status:after
        orders.transitions.take_action:after
    """


class Shipping(Cancelling):
    reached = ("pay",)
    action, status, reservation = "ship", "shipped", "fulfilled"
    points = Cancelling.points.replace("release", "fulfil")


class Returning(Cancelling):
    reached = ("pay", "ship", "deliver")
    action, status, reservation = "return", "returned", "taken_back"
    points = Cancelling.points.replace("release", "take_back")


class Expiring(Journey):
    """Nobody asks for it: the step is the resolver's own, and so is the next try."""

    status, reservation = "expired", "released"
    points = """
        orders.resuming.expire_unpaid:before
        orders.transitions.change_status:before
        orders.models.OrderQuerySet.move:after
        orders.transitions.change_status:after
        orders.resuming.expire_unpaid:after
        orders.resuming.settle:before
        orders.outbox.make_calls:before
        products.reservations.release:before
        products.stock.record_movements:after
        products.reservations.release:after
        orders.outbox.make_calls:after
        orders.resuming.settle_orders:after
    """

    def prepare(self, product):
        super().prepare(product)
        old = Order.objects.filter(pk=self.order)
        old.update(placed_at=datetime.now(UTC) - PAYMENT_TERM - timedelta(seconds=1))

    def step(self):
        resuming.expire_unpaid()
        resuming.settle_orders()


class Settling(Expiring):
    """The resolver itself is killed, over an order that was left pending while products was away."""

    status, reservation = "placed", "held"
    points = """
        orders.resuming.settle_orders:before
        orders.resuming.settle:before
        orders.models.OrderQuerySet.acquire_lease:after
        orders.checkout.resume_order:before
        products.reservations.reserve:before
        products.reservations.store_lines:after
        products.reservations.reserve:after
        orders.checkout.confirm_order:before
        orders.models.OrderQuerySet.move:after
        orders.checkout.confirm_order:after
        orders.resuming.settle:after
    """

    def prepare(self, product):
        self.key, self.product = f'"{uuid.uuid4()}"', product
        reserve, LocalInventory.reserve = LocalInventory.reserve, unreachable
        self.order = self.place().json()["id"]
        LocalInventory.reserve = reserve


def unreachable(inventory, order_id, lines):
    raise InventoryUnavailable("It is away.")


JOURNEYS = {
    "placing": Placing,
    "refusing": Refusing,
    "cancelling": Cancelling,
    "paying": Paying,
    "shipping": Shipping,
    "returning": Returning,
    "expiring": Expiring,
    "settling": Settling,
}
ALICE = Person("alice", CUSTOMER)
DAVE = Person("dave", f"{CUSTOMER} orders:manage")


def crash_everywhere(journey: type[Journey], product: Any, *, statements: bool) -> dict[str, list[str]]:
    """What did not hold, by the place of the crash."""
    found = {name: crash(journey(), product, name) for name in journey.points.split()}
    number = 1
    while statements and (complaints := crash(journey(), product, number)) is not None:
        found[f"before statement {number}"] = complaints
        number += 1
    return found


def crash(journey: Journey, product: Any, place: str | int) -> list[str] | None:
    """Kill a child at a place, and see that the next one makes it good; None if no child came there."""
    journey.prepare(product)
    code, output = fork(lambda: die(journey, place))
    if code == 0 and isinstance(place, int):
        return None
    if code != -signal.SIGKILL:
        return [f"did not die there: {code} {output}"]

    code, output = fork(lambda: recover(journey))
    return json.loads(output) if code == 0 else [output]


def die(journey: Journey, place: str | int) -> list[str]:
    if isinstance(place, str):
        failpoints.arm(place)
        journey.step()
    else:
        with connection.execute_wrapper(Countdown(place)):
            journey.step()
    return []


class Countdown:
    """Kills the process before the statement of this number."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, execute, *args):
        self.left -= 1
        if self.left == 0:
            failpoints.die()
        return execute(*args)


def recover(journey: Journey) -> list[str]:
    """What the next process finds, settles, and answers to those who ask again."""
    with time_machine.travel(datetime.now(UTC) + LEASE + timedelta(seconds=1)):
        broken = find_violations(settled=False)
        resuming.settle_orders()
        left = find_violations(settled=True)
        answers = [journey.step(), journey.step()]
        return [*broken, *left, *find_violations(settled=True), *judge(journey, answers)]


def judge(journey: Journey, answers: list[Any]) -> list[str]:
    """How an order ended otherwise than it should."""
    order = journey.find()
    state = Reservation.objects.get(pk=order.pk).state
    ended, expected = (order.status, order.outbox, state), (journey.status, "", journey.reservation)
    complaints = [] if ended == expected else [f"ended as {ended}, not {expected}"]
    if answers[0] is not None and answers[0].content != answers[1].content:
        complaints.append(f"answered {answers[0].content!r} and then {answers[1].content!r}")
    return complaints


def fork(work: Any) -> tuple[int, str]:
    """Do some work in a child: its exit code (negative: a signal), and what it returned as JSON."""
    connections.close_all()
    gc.freeze()  # what a child's collector does not touch need not be copied
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        be_child(work, writer)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        output = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), output


def be_child(work: Any, writer: int) -> None:
    code, output = 1, ""
    try:
        output = json.dumps(work())
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, the parent tells
        output = traceback.format_exc()
    finally:
        os.write(writer, output.encode())
        os._exit(code)


def warm_up(product: Any) -> None:
    """Load in the parent whatever each child would otherwise load for itself."""
    journey = Placing()
    journey.prepare(product)
    journey.step()
    complaints = recover(journey)
    assert complaints == [], complaints


def main() -> dict[str, dict[str, list[str]]]:
    """What did not hold, by journey and place."""
    swept = sys.argv[sys.argv.index("--statements") + 1 :] if "--statements" in sys.argv else []
    call_command("migrate", verbosity=0)
    warm_up(deliver())
    return {name: crash_everywhere(journey, deliver(), statements=name in swept) for name, journey in JOURNEYS.items()}


def deliver() -> uuid.UUID:
    """An empty shop with much of one product, so that each look at everything stays short."""
    call_command("flush", verbosity=0, interactive=False)
    product = catalogue.create_product({"sku": "TEA", "name": "Tea", "price": Decimal("4.50")}, by=SYSTEM).pk
    stock.correct(product, 5_000, reason="delivered", by=SYSTEM)
    return product


if __name__ == "__main__":
    setup_test_environment()
    with override_settings(TOKEN_ISSUER="tests.issuer.InMemoryIssuer"):
        json.dump(main(), sys.stdout)
