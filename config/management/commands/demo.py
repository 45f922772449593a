"""Fill the shop with something to try."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tokens.registry import by_calls, find_module
from wire.demo import PASSWORD, PEOPLE


class Command(BaseCommand):
    """Seeds what this process serves; a second run changes nothing."""

    help = "Add the demo's people, products and orders where they are missing, and print the log-ins."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--migrate", action="store_true", help="bring the database up to date first")

    def handle(self, *args: Any, migrate: bool, **options: Any) -> None:
        resting = sorted({*settings.SERVICES} & {*settings.READ_ONLY})
        if resting:
            raise CommandError(f"READ_ONLY: {', '.join(resting)} only reads for now.")
        if migrate:
            call_command("migrate", verbosity=0)
        for service in by_calls():
            if service in settings.SERVICES and (demo := find_module(service, "demo")):
                self.stdout.write(f"{service}: {demo.add_demo()}")
        if settings.DEBUG and "accounts" in settings.SERVICES:
            self.print_log_ins()

    def print_log_ins(self) -> None:
        self.stdout.write(f"\nLog in at {settings.ISSUER}/login/ with the password {PASSWORD}:")
        for person in PEOPLE:
            self.stdout.write(f"  {person.email:<20} {person.role}")
