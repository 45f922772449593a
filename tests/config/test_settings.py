"""The environment: good by default for development, and a wrong or unsafe one stops the start."""

import json
import os
import re
import subprocess
import sys

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


STARTER = """
import json, os, sys
import corsheaders.defaults, csp.constants, django.db.models, joserfc.jwk, structlog.dev
from config.command_line import main

for line in sys.stdin:
    reading, writing = os.pipe()
    if not os.fork():
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        os.environ.clear()
        os.environ.update(json.loads(line))
        main(["manage.py", "check"])
        sys.exit()
    os.close(writing)
    with open(reading) as pipe:
        said = pipe.read()
    print(json.dumps([said, os.wait()[1]]), flush=True)
"""
"""Loads once what every start loads, other people's modules, and forks for each: that takes a tenth of the time."""


@pytest.fixture(scope="module")
def check():
    """What a start with an environment, and nothing else, says; empty if it starts."""
    command, pipes = [sys.executable, "-c", STARTER], {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=settings.BASE_DIR, env=CLEAN, text=True, **pipes) as starter:

        def check(environment):
            whole = CLEAN | {"DJANGO_SETTINGS_MODULE": "config.settings"} | environment
            print(json.dumps(whole), file=starter.stdin, flush=True)
            said, failed = json.loads(starter.stdout.readline())
            return said.strip().splitlines()[-1] if failed else ""

        yield check


GOOD = [
    {},
    PRODUCTION,
    PRODUCTION | {"SERVICES": "products"},
    PRODUCTION | {"SERVICES": "orders", "CLIENT_ID": "orders", "CLIENT_SECRET": "secret"},
    PRODUCTION | {"JWT_ALGORITHM": "HS256", "JWT_SIGNING_KEY": "s" * 32},
    {"SERVICES": "orders, products", "READ_ONLY": "orders", "PROXIES": "2", "LOG_LEVEL": "debug"},
    {"ISSUER": "http://[::1]:8000"},
    {"DATABASE_URL": "postgres://me:p%40ss@db/tessera?sslmode=verify-full&sslrootcert=system"},
    {
        "DATABASE_URL": "postgres://me@db/tessera",
        "EVENTS_DATABASE_URL": "postgres://keeper@pooler/tessera?pooler=session",
    },
]
BAD = [
    ({"SERVICES": "cart"}, f"SERVICES may name {', '.join(services())}; it names cart"),
    ({"SERVICES": " "}, "SERVICES names no service"),
    ({"SERVICES": " ,"}, "SERVICES has commas, and nothing between them"),
    ({"READ_ONLY": "cart"}, "READ_ONLY names an unknown service: cart"),
    ({"DEBUG": "flase"}, "DEBUG must be on or off, not 'flase'"),
    ({"DATABASE_URL": "nonsense"}, "DATABASE_URL must be like"),
    ({"DATABASE_URL": "postgers://me@db/tessera"}, "DATABASE_URL must be like"),
    ({"EVENTS_DATABASE_URL": "nonsense"}, "EVENTS_DATABASE_URL must be like"),
    ({"EVENTS_DATABASE_URL": "postgres://keeper@db/tessera"}, "EVENTS_DATABASE_URL must lead another role to the"),
    (
        {"DATABASE_URL": "postgres://me@db/tessera", "EVENTS_DATABASE_URL": "postgres://keeper@db/other"},
        "EVENTS_DATABASE_URL must lead another role to the",
    ),
    ({"SECRET_KEY_FILE": "/nowhere/key"}, "SECRET_KEY_FILE cannot be read: /nowhere/key: No such file"),
    ({"ISSUER": "http://a", "ISSUER_FILE": "/dev/null"}, "ISSUER and ISSUER_FILE differ"),
    ({"ISSUER": "http://localhost:8000/"}, "ISSUER must be scheme://host[:port]"),
    ({"ISSUER": "https://shop.example/shop"}, "ISSUER must be scheme://host[:port]"),
    ({"ISSUER": "https://me@shop.example"}, "ISSUER must be scheme://host[:port]"),
    ({"ISSUER": "shop.example"}, "ISSUER must be scheme://host[:port]"),
    ({"ACCOUNTS_URL": "accounts"}, "ACCOUNTS_URL must be scheme://host[:port]"),
    ({"PRODUCTS_URL": "http://products/"}, "PRODUCTS_URL must be scheme://host[:port]"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT must be like"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/?key=1"}, "OTEL_EXPORTER_OTLP_ENDPOINT must be like"),
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
    ({"MAIL_DAYS": "999999999", "PROXIES": "9"}, "MAIL_DAYS must be at most 3650"),
    ({"LOG_LEVEL": "loud"}, "LOG_LEVEL must be"),
    ({"STATIC_ROOT": ""}, "STATIC_ROOT must be a folder of its own"),
    ({"STATIC_ROOT": "."}, "STATIC_ROOT must be a folder of its own"),
    ({"STATIC_ROOT": "/"}, "STATIC_ROOT must be a folder of its own"),
    ({"STATIC_ROOT": str(settings.VAR_DIR / "static" / "..")}, "STATIC_ROOT must be a folder of its own"),
    ({"DEBUG": "off"}, "SECRET_KEY must be set"),
    (PRODUCTION | {"SECRET_KEY": DEVELOPMENT_KEY}, "SECRET_KEY must be set"),
    (PRODUCTION | {"SECRET_KEY": "short"}, "SECRET_KEY must have at least 50 characters"),
    (PRODUCTION | {"SECRET_KEY_FALLBACKS": DEVELOPMENT_KEY}, "SECRET_KEY_FALLBACKS must not hold the development key"),
    (PRODUCTION | {"ISSUER": "http://shop.example"}, "ISSUER must be an https address"),
    (PRODUCTION | {"ISSUER": "https://localhost"}, "ISSUER must be an https address"),
    (PRODUCTION | {"ISSUER": "https://127.0.0.2:8443"}, "ISSUER must be an https address"),
    (
        {"JWT_ALGORITHM": "HS256", "JWT_SIGNING_KEY": "-----BEGIN PUBLIC KEY-----\\nMFkwEwYHKoZIzj0CAQ"},
        "JWT_SIGNING_KEY must be a secret",
    ),
    (PRODUCTION | {"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS must name the hosts"),
    (PRODUCTION | {"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS must name the hosts"),
    (PRODUCTION | {"EMAIL_URL": ""}, "EMAIL_URL must be set"),
    (PRODUCTION | {"SERVICES": "orders"}, "CLIENT_ID and CLIENT_SECRET must be set"),
    (PRODUCTION | {"FAILPOINT": "any"}, "FAILPOINT kills the process"),
]


@pytest.mark.parametrize("environment", GOOD, ids=str)
def test_a_good_environment_starts(check, environment):
    assert check(environment) == ""


@pytest.mark.slow
@pytest.mark.parametrize(("environment", "complaint"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_a_bad_environment_is_refused_by_name(check, environment, complaint):
    said = check(environment)

    assert said.startswith("The configuration is wrong: ")
    assert complaint in said


def variables():
    """What settings read, but for the one that is for crash tests."""
    source = (settings.BASE_DIR / "config/settings.py").read_text()
    return set(re.findall(r"read_\w+\(\"(\w+)\"", source)) - {"FAILPOINT"}


def test_the_example_names_every_variable():
    example = (settings.BASE_DIR / ".env.example").read_text()

    assert variables() == set(re.findall(r"^#(\w+)=", example, re.MULTILINE))


def test_the_readme_names_every_variable():
    [table] = re.findall(r"## Settings\n(.*?)\n## ", (settings.BASE_DIR / "README.md").read_text(), re.DOTALL)

    assert variables() <= set(re.findall(r"`(\w+)`", table))


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
    assert {"idempotency-key", "if-match", "if-none-match", "traceparent"} <= set(settings.CORS_ALLOW_HEADERS)
