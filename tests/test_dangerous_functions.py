"""What the code may not use, and that docs/security.md names every module which uses what needs care."""

import ast
import re
from functools import cache

import pytest
from django.conf import settings

from tokens.registry import services

ROOT = settings.BASE_DIR
SERVED = [*services(), "config", "database", "tokens", "wire"]
NEVER = {
    "dill", "jinja2", "ldap", "ldap3", "lxml", "marshal", "memcache", "pickle", "pylibmc", "pymemcache", "shelve",
    "xml", "yaml",
}  # fmt: skip
"""Modules that build objects from bytes, read XML or YAML, or speak to LDAP or memcached."""
NEVER_CALLED = {"eval", "exec", "compile", "__import__", "mark_safe", "SafeString", "os.system", "os.popen", "Template"}
CRYPTOGRAPHY = (
    "argon2", "cryptography", "django.contrib.auth.hashers", "django.core.signing", "django.utils.crypto", "hashlib",
    "hmac", "joserfc", "jwt", "random", "rest_framework_simplejwt.backends", "secrets", "ssl",
)  # fmt: skip
NETWORK = (
    "asyncio", "ftplib", "http.client", "httpx", "opentelemetry.exporter", "requests", "socket", "telnetlib",
    "urllib.request", "urllib3",
)  # fmt: skip


@cache
def modules():
    """Each module that a process may load, by its path, with its tree."""
    paths = [path for package in SERVED for path in sorted((ROOT / package).rglob("*.py"))]
    own = [path.relative_to(ROOT) for path in paths if not {"tests", "migrations"} & set(path.parts)]
    return {str(path): ast.parse((ROOT / path).read_text()) for path in own if "service_template" not in path.parts}


def imports(tree):
    """What a module imports, with the names that it takes out of it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(tree):
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def callers_of(pattern):
    """The modules that call a function whose name, as it is written there, is like this."""
    return {path for path, tree in modules().items() if any(re.fullmatch(pattern, name) for name in calls(tree))}


def users_of(names):
    """The modules that import one of these, or a part of it."""
    found = re.compile(rf"({'|'.join(map(re.escape, names))})(\.|$)")
    return {path for path, tree in modules().items() if any(map(found.match, imports(tree)))}


def named_under(heading):
    """The modules that a section of docs/security.md names."""
    page = (ROOT / "docs/security.md").read_text()
    (text,) = re.findall(rf"(?ms)^## {heading}$(.*?)(?=^## |\Z)", page)
    return set(re.findall(r"`((?:\w+/)+\w+\.py)`", text))


def test_there_are_modules_to_look_at():
    assert len(modules()) > 100


def test_nothing_builds_objects_from_bytes_or_reads_xml():
    assert users_of(sorted(NEVER)) == set()


def test_nothing_runs_text_or_calls_html_safe():
    found = {path: calls(tree) & NEVER_CALLED for path, tree in modules().items()}

    assert {path: names for path, names in found.items() if names} == {}


def test_no_template_calls_what_somebody_wrote_safe():
    pages = [path for path in ROOT.glob("templates/**/*") if path.is_file()]
    unsafe = re.compile(r"\|\s*safe\b|autoescape off|\|\s*safeseq")
    found = {str(path.relative_to(ROOT)) for path in pages if unsafe.search(path.read_text())}

    assert {name for name in found if not name.endswith(".txt")} == set()
    assert len(pages) > 20


def test_programs_are_started_by_commands_alone():
    assert callers_of(r"subprocess\.\w+|os\.(exec|spawn|fork|posix_spawn)\w*|Popen|check_output") == {
        "config/extract.py",
        "config/management/commands/startservice.py",
        "config/server.py",
    }
    assert users_of(["ctypes", "multiprocessing", "pty"]) == set()


def test_no_program_is_given_to_a_shell():
    found = {path for path, tree in modules().items() for node in ast.walk(tree) if is_shell(node)}

    assert found == set()


def is_shell(node):
    return isinstance(node, ast.keyword) and node.arg == "shell"


def test_sql_by_hand_is_where_the_page_says():
    made = {path for path in callers_of(r"(?!super\(\)).*\.(raw|extra|execute)") if not path.startswith("database/")}

    assert made <= named_under("Libraries")


def test_every_module_that_uses_cryptography_is_in_the_inventory_and_no_other():
    assert named_under("Cryptography") == users_of(CRYPTOGRAPHY)


def test_connections_are_opened_by_the_modules_that_the_page_names_and_no_other():
    assert users_of(NETWORK) == named_under("Who talks to whom")


@pytest.mark.parametrize("name", ["md5", "sha1", "new"])
def test_no_weak_hash_is_used(name):
    assert callers_of(rf"hashlib\.{name}") == set()


def test_chance_decides_when_to_try_again_and_nothing_else():
    assert users_of(["random"]) == {"orders/inventory_http.py", "wire/mail/delivery.py"}


def test_formats_are_texts_of_the_code():
    assert callers_of(r".*\.format(_map)?") == {
        "config/server.py",
        "database/csv_reading.py",
        "database/distinct.py",
        "orders/page_texts.py",
        "products/reconciliation.py",
        "wire/api/problems.py",
    }
