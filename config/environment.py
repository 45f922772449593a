"""The environment, read literally: each value as it stands, without the white space around it."""

import os
import re
import warnings
from collections.abc import Iterable
from email.utils import getaddresses
from io import StringIO
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import environ
from django.core.exceptions import ImproperlyConfigured

ON, OFF = ("on", "true", "yes", "y", "ok", "1"), ("off", "false", "no", "n", "0", "")
ORIGIN = r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>\[[^\]]+\]|[^\[\]/?#@:\s]+)(:(?P<port>[1-9][0-9]{0,4}))?"
NAME = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
"""A host's name (RFC 1123 2.1)."""
DEFAULT_PORTS = {"http": "80", "https": "443"}
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
DJANGOS = {"server_side_binding", "prepare_threshold", "assume_role"}
"""Options of a PostgreSQL database that Django reads, not libpq."""
OF_SESSION = {"options", "assume_role"}
"""Options that a session keeps."""
POOLERS = ("", "transaction", "session")
"""When a pooler in between takes a connection to the database back from us: never, as there is none, or after what."""
OURS = {"ATOMIC_REQUESTS", "AUTOCOMMIT", "CONN_HEALTH_CHECKS", "DISABLE_SERVER_SIDE_CURSORS"}
"""What an address of a database might set, too, and the code decides."""
NUMBERS = {"conn_max_age", "connect_timeout", "prepare_threshold", "tcp_user_timeout"} | {
    f"keepalives{part}" for part in ("", "_count", "_idle", "_interval")
}
BACKENDS = {
    "django.core.mail.backends.smtp.EmailBackend": "wire.mail.smtp.EmailBackend",
    "django.core.mail.backends.console.EmailBackend": "wire.mail.console.EmailBackend",
}
"""Django's ways to send mail that we have our own of."""


def demand(condition: object, complaint: str) -> None:
    """Raise `ImproperlyConfigured`, which stops the start with that sentence, unless a condition holds."""
    if not condition:
        raise ImproperlyConfigured(complaint)


# Where values come from -------------------------------------------------------------------------


def twin(name: str) -> str:
    """The other form of a variable: `NAME_FILE` of `NAME`, and the reverse."""
    return name.removesuffix("_FILE") if name.endswith("_FILE") else f"{name}_FILE"


def for_child(**values: str) -> dict[str, str]:
    """This process's environment for another, with some variables set, in whichever form they were before.

    The other role of our database (`EVENTS_DATABASE_URL`) is nobody's in another one.
    """
    if "DATABASE_URL" in values:
        values = {"EVENTS_DATABASE_URL": ""} | values
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


def read_words(name: str, default: str = "") -> str:
    r"""A text for people, which may have several lines: in a file as they stand, else with `\n` between them."""
    return "\n".join(line.strip() for line in read_text(name, default).replace("\\n", "\n").splitlines()).strip()


def read_time_zone(name: str, default: str) -> str:
    """A time zone by its name in the IANA database."""
    zone = read_text(name, default)
    demand(zone == default or zone in available_timezones(), f"{name} must be a name such as Europe/Rome, not {zone!r}")
    return zone


def read_list(name: str, default: Iterable[str] = ()) -> list[str]:
    """The elements of a variable, which commas or ends of lines separate; empty ones are left out."""
    text = read_text(name, ",".join(default))
    elements = [element.strip() for element in re.split(r"[,\n]", text) if element.strip()]
    demand(elements or not text, f"{name} has commas, and nothing between them")
    return elements


def read_flag(name: str, *, default: bool) -> bool:
    text = read_text(name, default="on" if default else "off")
    demand(text.lower() in (*ON, *OFF), f"{name} must be on or off, not {text!r}")
    return text.lower() in ON


def read_count(name: str, default: int, *, most: int = 999_999_999) -> int:
    """A whole number, zero or more, and not beyond what makes sense."""
    text = read_text(name, default=str(default))
    demand(
        text.isascii() and text.isdecimal() and len(text) < 10,
        f"{name} must be a whole number, zero or more, not {text!r}",
    )
    demand(int(text) <= most, f"{name} must be at most {most}, not {text}")
    return int(text)


def read_quota(name: str, default: int, *, most: int = 999_999_999) -> int:
    """A whole number, one or more."""
    count = read_count(name, default, most=most)
    demand(count, f"{name} must be at least 1")
    return count


def read_origin(name: str, default: str) -> str:
    """An address of the form scheme://host[:port]."""
    text = read_text(name, default=default)
    demand(
        is_origin(text) and text.startswith(("http://", "https://")),
        f"{name} must be scheme://host[:port] in lower case, with no path and no trailing slash, not {text!r}",
    )
    return text


def is_origin(text: str) -> bool:
    """Whether a text is scheme://host[:port], with a host and a port that there may be."""
    found = re.fullmatch(ORIGIN, text)
    return bool(found and is_host(found["host"]) and int(found["port"] or 1) < 65536)


def is_host(text: str) -> bool:
    """Whether a text is a host's name in lower case, an IPv4 address, or an IPv6 address in brackets."""
    if re.fullmatch(NAME, text) and not re.fullmatch(r"(.*\.)?[0-9]+", text):
        return len(text) < 254

    try:
        return ip_address(text[1:-1]).version == 6 if re.fullmatch(r"\[.*\]", text) else ip_address(text).version == 4
    except ValueError:
        return False


def is_local(host: str) -> bool:
    """Whether a host, as `is_host` takes it, is this machine to everybody (RFC 6761 6.3)."""
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")

    return address.is_loopback or address.is_unspecified


def is_collector(text: str) -> bool:
    """Whether a text is the address of who collects: an origin, perhaps with a path, and nothing besides."""
    scheme, _, rest = text.partition("://")
    host, _, path = rest.partition("/")
    return scheme in ("http", "https") and is_origin(f"{scheme}://{host}") and not re.search(r"[?#\s]", path)


def read_hosts(name: str, default: Iterable[str]) -> list[str]:
    """Names of hosts as `ALLOWED_HOSTS` takes them, without scheme and port."""
    hosts = read_list(name, default)
    wrong = [host for host in hosts if host != "*" and not is_host(host.removeprefix(".").lower())]
    demand(not wrong, f"{name} must be names of hosts, with no scheme and no port, not {', '.join(wrong)}")
    return hosts


def read_origins(name: str) -> list[str]:
    """Origins of scripts, as browsers send them."""
    origins = read_list(name)
    wrong = [origin for origin in origins if origin != "null" and not is_sent(origin)]
    demand(not wrong, f"{name} must be origins like https://app.example, not {', '.join(wrong)}")
    return origins


def is_sent(origin: str) -> bool:
    """Whether browsers send an origin so (RFC 6454 6.2): in lower case, without a port that goes without saying."""
    scheme, port = origin.partition(":")[0], origin.rpartition(":")[2]
    return is_origin(origin) and port != DEFAULT_PORTS.get(scheme)


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
        (engine == "django.db.backends.sqlite3" and (database["NAME"] != ":memory:" or ":memory:" in url))
        or (engine == "django.db.backends.postgresql" and (database["NAME"] or "service" in options)),
        f"{name} must be like postgres://user:password@host:5432/name or sqlite:///file, "
        "with whatever is not a letter or a digit in the password percent-encoded",
    )
    check_numbers(name, database)
    if engine == "django.db.backends.postgresql":
        database["POOLER"] = read_pooler(name, options)
        check_options(name, options)
    else:
        demand(not options, f"{name}: SQLite takes no {', '.join(options)} here")
    return database


def check_numbers(name: str, database: dict[str, Any]) -> None:
    """Refuse what the code decides itself, and options that are numbers and hold none."""
    taken = sorted(OURS & set(database))
    demand(not taken, f"{name}: {', '.join(taken).lower()} cannot be set")
    for option, value in (database.get("OPTIONS", {}) | {"conn_max_age": database.get("CONN_MAX_AGE", 0)}).items():
        demand(
            option not in NUMBERS or (type(value) is int and 0 <= value < 10**9),
            f"{name}: {option} must be a whole number, zero or more",
        )


def read_pooler(name: str, options: dict[str, Any]) -> str:
    """Take out of a connection's options how a pooler in between hands on its own connections; empty without one."""
    pooler = str(options.pop("pooler", ""))
    demand(pooler in POOLERS, f"{name}: pooler must be transaction or session, not {pooler!r}")
    taken = ", ".join(sorted(OF_SESSION & set(options)))
    demand(pooler != "transaction" or not taken, f"{name}: {taken} cannot be set with pooler=transaction")
    return pooler


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
    url = read_text(name, default=default)
    try:
        email: dict[str, Any] = environ.Env.email_url_config(url)
    except (ValueError, ImproperlyConfigured):
        email = {}
    backend = email.get("EMAIL_BACKEND", "")
    demand(
        backend and ("smtp" not in backend or is_server(email)) and "?" not in url,
        f"{name} must be like smtp://user:password@host:587 (or smtp+tls://, smtp+ssl://), or consolemail://",
    )
    return email | {"EMAIL_BACKEND": BACKENDS.get(backend, backend)}


def is_server(email: dict[str, Any]) -> bool:
    """Whether mail settings name a host, and a port if any, and nothing after them."""
    host = email["EMAIL_HOST"] or ""
    bracketed = f"[{host}]" if ":" in host else host
    return is_host(bracketed) and email["EMAIL_PORT"] != 0 and not email["EMAIL_FILE_PATH"]


def read_sender(name: str, default: str) -> str:
    """One address of mail, with a name or without."""
    text = read_text(name, default=default)
    addresses = [address for _, address in getaddresses([text])]
    demand(
        text.isprintable()
        and len(addresses) == 1
        and re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", addresses[0])
        and text.count("<") == text.count(">")
        and not text.endswith((",", ";")),
        f"{name} must be one address such as Shop <no-reply@shop.example>, not {text!r}",
    )
    return text
