"""The environment, read literally: each value as it stands, without the white space around it."""

import os
import re
import warnings
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

ON, OFF = ("on", "true", "yes", "y", "ok", "1"), ("off", "false", "no", "n", "0", "")
ORIGIN = r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?"
HOST = r"\*|\.?[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]"
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
DJANGOS = {"server_side_binding", "prepare_threshold", "pool", "isolation_level", "assume_role"}
"""Options of a PostgreSQL database that Django reads, not libpq."""


def demand(condition: object, complaint: str) -> None:
    """Stop the start with one sentence unless a condition holds."""
    if not condition:
        raise ImproperlyConfigured(complaint)


# Where values come from -------------------------------------------------------------------------


def twin(name: str) -> str:
    """The other form of a variable: `NAME_FILE` of `NAME`, and the reverse."""
    return name.removesuffix("_FILE") if name.endswith("_FILE") else f"{name}_FILE"


def for_child(**values: str) -> dict[str, str]:
    """This process's environment for another, with some variables set, in whichever form they were before."""
    return os.environ | {twin(name): "" for name in values} | values


class DotEnv(environ.Env):  # type: ignore[misc]
    """What a file `.env` says."""

    ENVIRON: dict[str, str] = {}


def load_dotenv(path: Path) -> None:
    """Add what a file `.env` says, if there is one, to what the process was not given in either form."""
    lines = read_file(path, path.name).splitlines() if path.is_file() else []
    for number, line in enumerate(lines, 1):
        demand(re.match(r"\s*(#|$)|(export )?\w+=", line), f"Line {number} of {path.name} is not NAME=value")
    DotEnv.read_env(StringIO("\n".join(line for line in lines if re.match(r"(export )?\w+=", line))))
    given = set(os.environ)
    os.environ.update({name: value for name, value in DotEnv.ENVIRON.items() if not {name, twin(name)} & given})


def read_file(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ImproperlyConfigured(f"{name} cannot be read: {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        # No cause: its text would hold a part of the secret.
        raise ImproperlyConfigured(f"{name} cannot be read: {path} is not UTF-8") from None


# Kinds of values --------------------------------------------------------------------------------


def read_text(name: str, default: str = "") -> str:
    """The value of a variable, or what the file holds that `NAME_FILE` names."""
    given, path = os.environ.get(name, default).strip(), os.environ.get(f"{name}_FILE", "").strip()
    if path:
        given = read_file(Path(path), f"{name}_FILE").strip()
        demand(os.environ.get(name, "").strip() in ("", given), f"{name} and {name}_FILE differ: set one of them")
    demand(not re.search("[\ud800-\udfff]", given), f"{name} is not UTF-8")
    return given


def read_list(name: str, default: Iterable[str] = ()) -> list[str]:
    """The elements of a variable, which commas or ends of lines separate; empty ones are left out."""
    return [element.strip() for element in re.split(r"[,\n]", read_text(name, ",".join(default))) if element.strip()]


def read_flag(name: str, *, default: bool) -> bool:
    text = read_text(name, default="on" if default else "off")
    demand(text.lower() in (*ON, *OFF), f"{name} must be on or off, not {text!r}")
    return text.lower() in ON


def read_count(name: str, default: int) -> int:
    """A whole number, zero or more."""
    text = read_text(name, default=str(default))
    demand(
        text.isascii() and text.isdecimal() and len(text) < 10,
        f"{name} must be a whole number, zero or more, not {text!r}",
    )
    return int(text)


def read_quota(name: str, default: int) -> int:
    """A whole number, one or more."""
    count = read_count(name, default)
    demand(count, f"{name} must be at least 1")
    return count


def read_origin(name: str, default: str) -> str:
    """An address of the form scheme://host[:port]."""
    text = read_text(name, default=default)
    form = re.fullmatch(ORIGIN, text)
    demand(form, f"{name} must be scheme://host[:port] in lower case, with no path and no trailing slash, not {text!r}")
    return text


def read_hosts(name: str, default: Iterable[str]) -> list[str]:
    """Names of hosts as `ALLOWED_HOSTS` takes them, without scheme and port."""
    hosts = read_list(name, default)
    wrong = [host for host in hosts if not re.fullmatch(HOST, host)]
    demand(not wrong, f"{name} must be names of hosts, with no scheme and no port, not {', '.join(wrong)}")
    return hosts


def read_origins(name: str) -> list[str]:
    """Origins of scripts, as browsers send them."""
    origins = read_list(name)
    wrong = [origin for origin in origins if not re.fullmatch(r"null|[a-z][a-z0-9+.-]*://[^/?#\s]+", origin)]
    demand(not wrong, f"{name} must be origins like https://app.example, not {', '.join(wrong)}")
    return origins


def read_database(name: str, default: str) -> dict[str, Any]:
    """A database as Django is configured with it."""
    return parse_database(name, read_text(name, default=default))


def parse_database(name: str, url: str) -> dict[str, Any]:
    """A database out of its address, which no complaint repeats, since it holds a password."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            database: dict[str, Any] = environ.Env.db_url_config(url)
    except (ValueError, UserWarning):
        database = {}
    options, engine = database.get("OPTIONS", {}), database.get("ENGINE")
    demand(
        engine == "django.db.backends.sqlite3"
        or (engine == "django.db.backends.postgresql" and (database["NAME"] or "service" in options)),
        f"{name} must be like postgres://user:password@host:5432/name or sqlite:///file, "
        "with whatever is not a letter or a digit in the password percent-encoded",
    )
    if engine == "django.db.backends.postgresql":
        check_options(name, options)
    return database


def check_options(name: str, options: dict[str, Any]) -> None:
    """Refuse options of a connection that libpq would refuse with the first request."""
    from psycopg import ProgrammingError, conninfo  # noqa: PLC0415 - only where PostgreSQL is used

    sslmode = options.get("sslmode", "prefer")
    demand(sslmode in SSL_MODES, f"{name}: sslmode must be one of {', '.join(SSL_MODES)}, not {sslmode!r}")
    try:
        conninfo.make_conninfo(**{option: value for option, value in options.items() if option not in DJANGOS})
    except ProgrammingError as error:
        raise ImproperlyConfigured(f"{name}: {str(error).strip()}") from error


def read_email(name: str, default: str) -> dict[str, Any]:
    """Where mail goes, as Django's settings; no complaint repeats the address, which holds a password."""
    try:
        email: dict[str, Any] = environ.Env.email_url_config(read_text(name, default=default))
    except (ValueError, ImproperlyConfigured):
        email = {}
    smtp = "smtp" in email.get("EMAIL_BACKEND", "")
    demand(
        email and (email["EMAIL_HOST"] or not smtp),
        f"{name} must be like smtp://user:password@host:587 (or smtp+tls://, smtp+ssl://), or consolemail://",
    )
    return email
