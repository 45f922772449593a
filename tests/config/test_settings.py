"""The environment: good by default for development, and a wrong or unsafe one stops the start."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings

from tokens.registry import services

PRODUCTION = {
    "DEBUG": "off",
    "SECRET_KEY": "k9" * 30,
    "ISSUER": "https://shop.example",
    "ALLOWED_HOSTS": "shop.example",
    "EMAIL_URL": "smtp://mail.example",
}
CLEAN = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV")}
DEVELOPMENT_KEY = settings.SECRET_KEY


def check(environment):
    """What a start with this environment, and nothing else, says; empty if it starts."""
    command = [sys.executable, "manage.py", "check"]
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=CLEAN | environment, capture_output=True, text=True, check=False
    )
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


@pytest.fixture(scope="module")
def starts():
    """Starts of all environments of this file, two at a time: each takes most of a second."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(map(key, ALL), pool.map(check, ALL), strict=True))


def key(environment):
    return tuple(sorted(environment.items()))


GOOD = [
    {},
    PRODUCTION,
    PRODUCTION | {"SERVICES": "products"},
    PRODUCTION | {"SERVICES": "orders", "CLIENT_ID": "orders", "CLIENT_SECRET": "secret"},
    PRODUCTION | {"JWT_ALGORITHM": "HS256", "JWT_SIGNING_KEY": "s" * 32},
    {"SERVICES": "orders, products", "READ_ONLY": "orders", "PROXIES": "2", "LOG_LEVEL": "debug"},
    {"ISSUER": "http://[::1]:8000"},
    {"DATABASE_URL": "postgres://me:p%40ss@db/tessera?sslmode=verify-full&sslrootcert=system"},
]
BAD = [
    ({"SERVICES": "cart"}, f"SERVICES may name {', '.join(services())}; it names cart"),
    ({"SERVICES": " ,"}, "SERVICES names no service"),
    ({"READ_ONLY": "cart"}, "READ_ONLY names an unknown service: cart"),
    ({"DEBUG": "flase"}, "DEBUG must be on or off, not 'flase'"),
    ({"DATABASE_URL": "nonsense"}, "DATABASE_URL must be like"),
    ({"DATABASE_URL": "postgers://me@db/tessera"}, "DATABASE_URL must be like"),
    ({"SECRET_KEY_FILE": "/nowhere/key"}, "SECRET_KEY_FILE cannot be read: /nowhere/key: No such file"),
    ({"ISSUER": "http://a", "ISSUER_FILE": "/dev/null"}, "ISSUER and ISSUER_FILE differ"),
    ({"ISSUER": "http://localhost:8000/"}, "ISSUER must be scheme://host[:port]"),
    ({"ISSUER": "https://shop.example/shop"}, "ISSUER must be scheme://host[:port]"),
    ({"ISSUER": "https://me@shop.example"}, "ISSUER must be scheme://host[:port]"),
    ({"ISSUER": "shop.example"}, "ISSUER must be scheme://host[:port]"),
    ({"ACCOUNTS_URL": "accounts"}, "ACCOUNTS_URL must be scheme://host[:port]"),
    ({"PRODUCTS_URL": "http://products/"}, "PRODUCTS_URL must be scheme://host[:port]"),
    ({"CLIENT_ID": "orders"}, "CLIENT_ID and CLIENT_SECRET go together"),
    ({"JWT_ALGORITHM": "none"}, "JWT_ALGORITHM must be"),
    ({"JWT_ALGORITHM": "HS256"}, "JWT_SIGNING_KEY is for JWT_ALGORITHM=HS256"),
    ({"JWT_SIGNING_KEY": "s" * 32}, "JWT_SIGNING_KEY is for JWT_ALGORITHM=HS256"),
    ({"JWT_ALGORITHM": "HS256", "JWT_SIGNING_KEY": "s" * 31}, "JWT_SIGNING_KEY must have at least 32 bytes"),
    (
        PRODUCTION | {"JWT_ALGORITHM": "HS256", "JWT_SIGNING_KEY": PRODUCTION["SECRET_KEY"]},
        "JWT_SIGNING_KEY must not be SECRET_KEY",
    ),
    (
        PRODUCTION | {"JWT_ALGORITHM": "HS256", "JWT_SIGNING_KEY": "o" * 50, "SECRET_KEY_FALLBACKS": "o" * 50},
        "JWT_SIGNING_KEY must not be SECRET_KEY, nor one of SECRET_KEY_FALLBACKS",
    ),
    (
        PRODUCTION | {"JWT_ALGORITHM": "HS256", "JWT_SIGNING_KEY": DEVELOPMENT_KEY},
        "JWT_SIGNING_KEY must not be the development key",
    ),
    (
        PRODUCTION | {"CLIENT_ID": "orders", "CLIENT_SECRET": DEVELOPMENT_KEY},
        "CLIENT_SECRET must not be the development key",
    ),
    ({"PROXIES": "-1"}, "PROXIES must be a whole number"),
    ({"PROXIES": "one"}, "PROXIES must be a whole number"),
    ({"LOG_LEVEL": "loud"}, "LOG_LEVEL must be"),
    ({"DEBUG": "off"}, "SECRET_KEY must be set"),
    (PRODUCTION | {"SECRET_KEY": DEVELOPMENT_KEY}, "SECRET_KEY must be set"),
    (PRODUCTION | {"SECRET_KEY": "short"}, "SECRET_KEY must have at least 50 characters"),
    (PRODUCTION | {"SECRET_KEY_FALLBACKS": DEVELOPMENT_KEY}, "SECRET_KEY_FALLBACKS must not hold the development key"),
    (PRODUCTION | {"ISSUER": "http://shop.example"}, "ISSUER must be an https address"),
    (PRODUCTION | {"ISSUER": "https://localhost"}, "ISSUER must be an https address"),
    (PRODUCTION | {"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS must name the hosts"),
    (PRODUCTION | {"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS must name the hosts"),
    (PRODUCTION | {"EMAIL_URL": ""}, "EMAIL_URL must be set"),
    (PRODUCTION | {"SERVICES": "orders"}, "CLIENT_ID and CLIENT_SECRET must be set"),
    (PRODUCTION | {"FAILPOINT": "any"}, "FAILPOINT kills the process"),
]
ALL = [*GOOD, *(environment for environment, _ in BAD)]


@pytest.mark.parametrize("environment", GOOD, ids=str)
def test_a_good_environment_starts(starts, environment):
    assert starts[key(environment)] == ""


@pytest.mark.parametrize(("environment", "complaint"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_a_bad_environment_is_refused_by_name(starts, environment, complaint):
    said = starts[key(environment)]

    assert said.startswith("django.core.exceptions.ImproperlyConfigured: ")
    assert complaint in said


def test_the_example_names_every_variable():
    source = (settings.BASE_DIR / "config/settings.py").read_text()
    example = (settings.BASE_DIR / ".env.example").read_text()

    read = set(re.findall(r"read_\w+\(\"(\w+)\"", source)) - {"FAILPOINT"}

    assert read == set(re.findall(r"^#(\w+)=", example, re.MULTILINE))


@pytest.mark.parametrize(
    ("url", "variable", "age"),
    [("", "", "600"), ("", "30", "30"), ("?conn_max_age=0", "30", "0"), ("?conn_max_age=7", "", "7")],
)
def test_the_age_of_connections_is_the_urls_before_the_variables(url, variable, age):
    environment = {"DATABASE_URL": f"sqlite:///var/age.sqlite3{url}"} | ({"CONN_MAX_AGE": variable} if variable else {})
    code = "from config.settings import DATABASE; print(DATABASE['CONN_MAX_AGE'])"

    command = [sys.executable, "-c", code]
    said = subprocess.run(command, cwd=settings.BASE_DIR, env=CLEAN | environment, capture_output=True, check=True)

    assert said.stdout.decode().strip() == age


def test_scripts_of_listed_origins_may_send_what_the_api_reads():
    assert {"idempotency-key", "if-match", "if-none-match"} <= set(settings.CORS_ALLOW_HEADERS)
