"""One service by itself, in a process of its own: `SERVICES=orders python -m tests.alone`.

Checks, migrates and walks every address as somebody who may do anything, and prints what it saw
as JSON: modules of other services (there are none), and by page the status of its answer.
"""

import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def main() -> None:
    django.setup()
    prepare()
    print(json.dumps({"pages": visit(), "strangers": strangers()}))  # noqa: T201


def prepare() -> None:
    """What each service must pass on its own database."""
    from django.core.management import call_command

    call_command("check", "--fail-level", "WARNING")
    call_command("makemigrations", "--check", verbosity=0)
    call_command("migrate", verbosity=0)


def visit() -> dict[str, int]:
    """Every page of the process by route, with the status it answers."""
    from django.test import Client, override_settings

    from tests.addresses import walk
    from tests.issuer import sign
    from tokens.scopes import SCOPES

    browser = Client(raise_request_exception=False, SERVER_NAME="localhost")
    browser.cookies["access"] = sign(scope=" ".join(SCOPES))
    with override_settings(TOKEN_ISSUER="tests.issuer.InMemoryIssuer"):
        return {address.route: browser.get(address.path).status_code for address in walk() if address.is_page}


def strangers() -> list[str]:
    """Modules of services that this process does not serve."""
    from django.conf import settings

    from tokens.scopes import SERVICES

    others = set(SERVICES) - set(settings.SERVICES)
    return sorted(name for name in sys.modules if name.split(".")[0] in others)


if __name__ == "__main__":
    main()
