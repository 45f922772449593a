"""Who and what is in the demo, the same at every service and on every run."""

import uuid
from typing import NamedTuple

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "tessera:demo")
PASSWORD = "tessera-demo"  # noqa: S105


class Person(NamedTuple):
    """Somebody who can log in to the demo."""

    email: str
    name: str
    role: str

    @property
    def id(self) -> uuid.UUID:
        return uuid.uuid5(NAMESPACE, self.email)


PEOPLE = [
    Person("alice@example.com", "Alice", "customer"),
    Person("bob@example.com", "Bob", "customer"),
    Person("carol@example.com", "Carol", "catalogue manager"),
    Person("dave@example.com", "Dave", "order manager"),
    Person("admin@example.com", "Admin", "admin"),
]
ALICE, BOB, CAROL, DAVE, ADMIN = PEOPLE


def product_id(sku: str) -> uuid.UUID:
    """The id of a product of the demo, the same in every shop."""
    return uuid.uuid5(NAMESPACE, sku)
