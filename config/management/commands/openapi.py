"""`manage.py openapi`: the document of each service's API, in its folder."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from database.atomic_file import write_file


class Command(BaseCommand):
    help = "Write the OpenAPI document of each of SERVICES to its folder."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if one is out of date")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        with TemporaryDirectory() as folder:
            documents = {name: describe(name, Path(folder) / name) for name in settings.SERVICES}
        paths = {name: settings.BASE_DIR / name / "openapi.json" for name in documents}
        changed = [name for name, path in paths.items() if not path.exists() or path.read_text() != documents[name]]
        if check and changed:
            raise CommandError(f"openapi.json is out of date: run make openapi ({', '.join(changed)})")
        for name in changed:
            write_file(paths[name], documents[name])


def describe(service: str, file: Path) -> str:
    """The document of one service, by way of a file."""
    options = {"format": "openapi-json", "validate": True, "fail_on_warn": True, "file": str(file)}
    call_command("spectacular", urlconf=f"{service}.urls", **options)
    return file.read_text()
