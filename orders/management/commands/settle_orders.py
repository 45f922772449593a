"""Settle once what `manage.py work` settles all the time."""

from typing import Any

from django.core.management.base import CommandError

from orders.models import Order
from orders.resuming import retry_stuck, settle_orders
from wire.commands import ChangingCommand


class Command(ChangingCommand):
    service = "orders"
    help = "Settles each order that owes products something or waits for it; fails if any is left."

    def handle(self, *args: Any, **options: Any) -> None:
        settled = retry_stuck()["settled"]
        while (tally := settle_orders())["settled"]:
            settled += tally["settled"]
        tally = {"settled": settled, "stuck": Order.objects.stuck().count(), "left": tally["left"]}
        self.stdout.write(", ".join(f"{count} {result}" for result, count in tally.items()))
        if tally["stuck"] or tally["left"]:
            raise CommandError("Some orders could not be settled.")
