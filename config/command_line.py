"""The door of every command: what may be expected to go wrong is said in a sentence, and the exit code is not 0."""

import sys
from collections.abc import Sequence
from subprocess import CalledProcessError

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import DataError, Error, IntegrityError

UNDEFINED = ("42P01", "42703")
"""PostgreSQL's codes for a table and for a column that is not there."""
INTERRUPTED = 130
"""As a shell has it, of a program that Ctrl-C ended."""


def main(arguments: Sequence[str]) -> None:
    """Run a command of Django's or of ours; `--traceback` shows where an error was raised."""
    try:
        execute_from_command_line([*arguments])
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except EOFError:
        sys.exit("This command asks for something, and there is no terminal to answer at.")
    except (ImproperlyConfigured, Error, OSError, CalledProcessError) as error:
        sentence = describe(error)
        if "--traceback" in arguments or not sentence:
            raise
        sys.exit(sentence)


def describe(error: Exception) -> str:
    """What to say of an error; nothing of one that is a fault of the code."""
    words = " ".join(str(error).split())
    if isinstance(error, ImproperlyConfigured):
        return f"The configuration is wrong: {words}"
    if isinstance(error, CalledProcessError):
        return f"A step of this command failed: {words}"
    if isinstance(error, OSError):
        return f"A file or an address cannot be used: {words}"
    if lacks_tables(error):
        return f"The database is not up to date ({words}); run `manage.py migrate` first."

    return "" if is_fault(error) else f"The database cannot be used: {words}"


def lacks_tables(error: BaseException) -> bool:
    """Whether a table or a column is not there."""
    code = getattr(error.__cause__, "sqlstate", None)
    return code in UNDEFINED or str(error).startswith(("no such table", "no such column"))


def is_fault(error: Exception) -> bool:
    """Whether it is not the database that is away, busy, full or none, but what was asked of it."""
    return isinstance(error, (IntegrityError, DataError)) or type(error).__name__ == "ProgrammingError"
