"""Look for migrations of any service that would stop a running shop, by the SQL that PostgreSQL would be given.

SQLite makes a table anew for most changes, which the linter takes for what it is not.
"""

import os
import sys

import django
from django.conf import settings
from django_migration_linter import MigrationLinter


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    settings.DATABASES["default"]["NAME"] = "postgres"  # There on every server; nothing is written to it.
    django.setup()
    from tokens.registry import services  # noqa: PLC0415 - found beside manage.py

    linter = MigrationLinter(
        str(settings.BASE_DIR), include_apps=list(services()), no_cache=True, ignore_initial_migrations=True
    )
    linter.lint_all_migrations()
    linter.print_summary()
    return 1 if linter.has_errors else 0


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    sys.exit(main())
