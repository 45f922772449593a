"""Django's `migrate`, one at a time: two at once would make the same tables. What is cut off is done again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands import migrate
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.migration import Migration

from wire.commands import OneAtATime


class WholeMigrations(MigrationExecutor):
    """Note in the transaction of a migration that it was applied.

    Django commits the tables before the note when indexes or foreign keys come after them: a process that is killed in
    between leaves tables that no later run can make.
    """

    def apply_migration(self, state: Any, migration: Migration, *args: Any, **options: Any) -> Any:
        with self.in_one_transaction(migration):
            return super().apply_migration(state, migration, *args, **options)

    def unapply_migration(self, state: Any, migration: Migration, *args: Any, **options: Any) -> Any:
        with self.in_one_transaction(migration):
            return super().unapply_migration(state, migration, *args, **options)

    @contextmanager
    def in_one_transaction(self, migration: Migration) -> Iterator[None]:
        if not migration.atomic:
            yield
            return

        # SQLite's schema editor wants no checks, and within a transaction they cannot be switched off.
        with self.connection.constraint_checks_disabled(), transaction.atomic(self.connection.alias):
            yield


# Django's command has no other place for it.
migrate.MigrationExecutor = WholeMigrations  # type: ignore[attr-defined, misc, unused-ignore]


class Command(OneAtATime, migrate.Command):  # type: ignore[misc, unused-ignore]
    """A second one waits, and then finds nothing to do."""

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        # Whoever only looks need not own the tables: servers wait by `--check` for those that they are given.
        only_looks = options["check_unapplied"] or options["plan"]
        if connection.vendor == "postgresql" and not only_looks:
            share_tables()


def share_tables() -> None:
    """Let the other roles of the service have what they may of its tables, as deploy/postgresql/service.sql says."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regprocedure('share_tables()') IS NOT NULL")
        if cursor.fetchone()[0]:
            cursor.execute("SELECT share_tables()")
