"""What few requests need is loaded with the first that needs it, and not by every process at its start."""

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings

FIRST_LIST = """
import json, sys
from wsgiref.util import setup_testing_defaults
from config.wsgi import application
from django.db import connection
from products.models import Product, Stock

def ask(path):
    environ = {"PATH_INFO": path, "HTTP_HOST": "localhost"}
    setup_testing_defaults(environ)
    application(environ, lambda status, headers: answers.append(int(status[:3]))).close()

with connection.schema_editor() as editor:
    editor.create_model(Product), editor.create_model(Stock)
answers = []
for path in json.loads(sys.argv[1]):
    ask(path)
print(json.dumps([answers, sorted(sys.modules)]))
"""
FEW_NEED = {
    "admin": ("config.admin_addresses", "wire.admin.sections", "accounts.admin", "orders.admin", "products.admin"),
    "files of the catalogue": ("products.csv_files", "database.csv_reading", "database.csv_writing"),
    "document of the API": ("config.document", "wire.api.schema", "drf_spectacular.openapi", "drf_spectacular.views"),
    "encrypted tokens": ("joserfc.jwe",),
    "mail": ("wire.mail.delivery", "wire.mail.rendering", "wire.mail.smtp"),
    "traces": ("config.tracing", "opentelemetry"),
    "progress on a terminal": ("tqdm",),
    "factors": ("webauthn", "segno"),
    "clients in tests": ("requests", "urllib3", "unittest", "django.test"),
    "other documents than ours": ("yaml", "uritemplate"),
    "fields of PostgreSQL": ("django.contrib.postgres.fields",),
    "letters in domains": ("idna",),
}


def load(*paths):
    """The status of each answer of a new process, and the modules that it has then."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": "sqlite://:memory:"}
    command = [sys.executable, "-c", FIRST_LIST, json.dumps(paths)]
    done = subprocess.run(
        command,
        cwd=settings.BASE_DIR,
        env=environment | {"PUBLIC_CATALOGUE": "on", "LOG_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers, modules = json.loads(done.stdout)
    return answers, set(modules)


@pytest.fixture(scope="module")
def started():
    return load("/api/products/")


@pytest.mark.parametrize("what", FEW_NEED)
def test_the_first_list_is_answered_without(what, started):
    answers, modules = started

    assert answers == [200]
    assert modules.isdisjoint(FEW_NEED[what])


def test_the_admin_and_the_document_are_loaded_when_they_are_asked_for():
    answers, modules = load("/admin/", "/api/schema/")

    assert answers == [302, 200]
    assert modules >= {*FEW_NEED["admin"], *FEW_NEED["document of the API"]}
