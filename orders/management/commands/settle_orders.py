"""Settle once what `manage.py work` settles all the time."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from orders.resuming import settle_orders


class Command(BaseCommand):
    help = "Settles each order that owes products something or waits for it; fails if any is left."

    def handle(self, *args: Any, **options: Any) -> None:
        if "orders" in settings.READ_ONLY:
            raise CommandError("READ_ONLY: orders only reads for now.")

        tally = settle_orders()
        self.stdout.write(", ".join(f"{count} {result}" for result, count in tally.items()))
        if tally["stuck"] or tally["left"]:
            raise CommandError("Some orders could not be settled.")
