"""`manage.py extract SERVICE ... --to DATABASE_URL`: the tables of services to another database."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser

from config import extract
from config.extract import Differs, Digest, NotEmpty, NotHeld
from wire.commands import OneAtATime


class Command(OneAtATime):
    """Run where the services are served now, by a shop that only reads them."""

    help = "Copy the tables of one service or several to another database, and compare counts and checksums."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("services", nargs="+", choices=settings.SERVICES, metavar="SERVICE")
        parser.add_argument("--to", required=True, metavar="DATABASE_URL", help="an empty database")
        parser.add_argument("--compare", action="store_true", help="copy nothing; only compare once more")

    def handle(self, *args: Any, services: list[str], to: str, compare: bool, **options: Any) -> None:
        services = list(dict.fromkeys(services))
        if not {*services} <= {*settings.READ_ONLY}:
            named = ",".join(services)
            raise CommandError(
                f"Nothing may change meanwhile: restart every process with READ_ONLY={named}, and run this with it."
            )

        try:
            extract.open_target(to)
            self.report(extract.compare(services) if compare else extract.extract(services, to))
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        except NotEmpty as error:
            raise CommandError(f"Nothing was copied: {error}.") from error
        except NotHeld as error:
            raise CommandError(f"Nothing was copied, since the target does not take it: {error}") from error
        except Differs as error:
            raise CommandError(f"Source and target are not the same: {error}. Does a process still write?") from error

    def report(self, digests: dict[str, Digest]) -> None:
        width = max(map(len, digests))
        for name, (rows, checksum) in digests.items():
            self.stdout.write(f"  {name:<{width}} {rows:>9,} rows  {checksum[:16]}")
        total = sum(digest.rows for digest in digests.values())
        self.stdout.write(f"The same in both: {len(digests)} tables, {total:,} rows.")
