"""Bring text that is older than today's rules into its normal form, and with it what people search by."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from tokens.registry import services
from wire.commands import OneAtATime
from wire.normalizing import columns_of, normalize_rows


class Command(OneAtATime):
    """Safe to repeat; the migrations do the same once."""

    help = "Bring stored text into its normal form (docs/text.md), and say what could not be."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what there is to do")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        left = changed = 0
        for model in find_models():
            derive = getattr(model, "derive", None)
            for finding in normalize_rows(model, columns_of(model), derive=derive, dry_run=dry_run):
                self.stdout.write(str(finding))
                left, changed = left + bool(finding.problem), changed + (not finding.problem)
        self.stdout.write(f"{changed} texts {'would be ' if dry_run else ''}changed, {left} left.")
        if left:
            raise CommandError("Some texts are not in their normal form: change them by hand.", returncode=2)


def find_models() -> list[Any]:
    """The models with text, of the services that are here and not reading only."""
    here = {name for name in services() if name in settings.SERVICES} - {*settings.READ_ONLY}
    return [model for model in apps.get_models() if model._meta.app_label in here and columns_of(model)]
