"""`manage.py startservice NAME`: a folder that is a service, with everything a service has."""

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.urls import get_resolver

from config.environment import for_child
from tokens.registry import TAKEN
from wire.commands import OneAtATime

TEMPLATE = Path(__file__).resolve().parents[2] / "service_template"
MODELS = ("event", "lease", "model")


class Command(OneAtATime):
    help = "Make a service: models with events and a lease, API, page, admin, job, demo and tests, all passing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="a plural in lower case, such as reviews")
        parser.add_argument("--singular", default="", help="what one of them is called (the name without its s)")

    def handle(self, *args: Any, name: str, singular: str, **options: Any) -> None:
        singular = singular or name.removesuffix("s")
        refuse_unfinished(settings.BASE_DIR / name)
        refuse_name(name, singular)
        words = {"Samples": name.capitalize(), "samples": name, "Sample": singular.capitalize(), "sample": singular}
        write_files(settings.BASE_DIR / name, words)
        try:
            run_alone(name, "makemigrations", name)
            run_alone(name, "openapi")
        except subprocess.CalledProcessError as error:
            shutil.rmtree(settings.BASE_DIR / name)
            raise CommandError(f"{name}/ was taken away again, since this failed: {error}.") from error
        self.stdout.write(
            f"{name}/ is a service. Its scopes are in {name}/service.toml; `manage.py migrate` gives them to roles.\n"
            f"One of them is called {singular}; if that is wrong, delete the folder and say --singular.\n"
            f"Next: make test; make run. docs/add-a-service.md says more."
        )


def refuse_name(name: str, singular: str) -> None:
    """Raise `CommandError` for a name that no service, or the model of one, could have."""
    for word in (name, singular):
        if not (word.isascii() and word.isalpha() and word.islower() and len(word) <= 30):
            raise CommandError(f"{word!r}: a name is of at most 30 letters from a to z.")
    if name in {*TAKEN, *taken_paths(), *taken_labels()} or find_spec(name) or (settings.BASE_DIR / name).exists():
        raise CommandError(f"{name} is taken: by a folder, a library or an address. Choose another name.")
    for word in (name, singular):
        if word in MODELS or iskeyword(word):
            raise CommandError(f"{word!r} is a word of Python's, or a model that every service has.")
    hidden = template_words()
    for word in (name, singular):
        if word in hidden or word.startswith("test"):
            raise CommandError(f"{word!r} is a word of the template that services are made of. Choose another name.")


def refuse_unfinished(folder: Path) -> None:
    """Raise `CommandError` for a service whose making was cut off."""
    if (folder / "service.toml").exists() and not list(folder.glob("migrations/0*.py")):
        raise CommandError(f"{folder.name}/ was begun and never finished: it has no migration. Delete it first.")


def taken_paths() -> set[str]:
    """The words that addresses begin with, on pages and under /api/."""
    routes = [str(entry.pattern) for include in get_resolver().url_patterns for entry in find_entries(include)]
    return {word for route in routes for word in route.split("/")[:2]} | {"static"}


def template_words() -> set[str]:
    """Every word of the template in lower case: a service of that name would hide what its code means by it."""
    words = {word.lower() for path in TEMPLATE.rglob("*.*") for word in re.findall("[A-Za-z]+", path.read_text())}
    return words - {"sample", "samples"}


def taken_labels() -> set[str]:
    """The labels of Django's own apps and of others', such as `messages`."""
    return {config.label for config in apps.get_app_configs()}


def find_entries(entry: Any) -> list[Any]:
    """The addresses of a service, which are included at the root; or the one there is."""
    return entry.url_patterns if str(entry.pattern) == "" and hasattr(entry, "url_patterns") else [entry]


def write_files(folder: Path, words: dict[str, str]) -> None:
    """Copy the template with other words, beside the target first: a folder that is there is whole."""
    beside = folder.with_name(f".{folder.name}")
    # What one that was cut off has left.
    shutil.rmtree(beside, ignore_errors=True)
    for source in sorted(path for path in TEMPLATE.rglob("*") if path.is_file()):
        target = beside / replace(str(source.relative_to(TEMPLATE)).removesuffix("-tpl"), words)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(replace(source.read_text(), words))
    beside.rename(folder)


def replace(text: str, words: dict[str, str]) -> str:
    """A text with other words, in one pass: a word may hold another."""
    return re.sub("|".join(words), lambda found: words[found[0]], text)


def run_alone(service: str, *command: str) -> None:
    """Run a command in a process that serves the new service alone."""
    environment = for_child(SERVICES=service, DATABASE_URL="sqlite://:memory:")
    subprocess.run([sys.executable, "manage.py", *command], cwd=settings.BASE_DIR, env=environment, check=True)  # noqa: S603
