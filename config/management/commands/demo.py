"""Fill the shop with something to try."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandParser

from tokens.registry import by_calls, find_module
from wire.commands import OneAtATime
from wire.demo import PASSWORD, PEOPLE


class Command(OneAtATime):
    """Seeds what this process serves, but for what only reads; a second run changes nothing."""

    help = "Add the demo's people, products and orders where they are missing, and print the log-ins."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--migrate", action="store_true", help="bring the database up to date first")

    def handle(self, *args: Any, migrate: bool, **options: Any) -> None:
        if migrate:
            call_command("migrate", verbosity=0)
        for service in by_calls():
            if service in settings.SERVICES and (demo := find_module(service, "demo")):
                self.stdout.write(f"{service}: {add_demo(service, demo)}")
        if settings.DEBUG and "accounts" in settings.SERVICES:
            self.print_log_ins()

    def print_log_ins(self) -> None:
        self.stdout.write(f"\nLog in at {settings.ISSUER}/login/ with the password {PASSWORD}:")
        for person in PEOPLE:
            self.stdout.write(f"  {person.email:<20} {person.role}")


def add_demo(service: str, demo: Any) -> str:
    """Fill a service, unless it rests; what was done."""
    if service in settings.READ_ONLY:
        return "nothing added, since it only reads for now (READ_ONLY)"

    return str(demo.add_demo())
