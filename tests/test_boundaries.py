"""What imports cannot show: each service lives alone, and no row of it points into another."""

import json
import os
import subprocess
import sys

import pytest
from django.apps import apps
from django.conf import settings

LEFTOVERS = {"common", "core", "helpers", "misc", "services", "utils"}


def own_models():
    return [model for service in settings.SERVICES for model in apps.get_app_config(service).get_models(True)]


def relations(model):
    return [*model._meta.many_to_many, *(field for field in model._meta.concrete_fields if field.is_relation)]


@pytest.mark.parametrize("model", own_models(), ids=lambda model: model._meta.label)
def test_no_relation_leaves_its_service(model):
    reached = {field.related_model._meta.app_label for field in relations(model)}

    assert reached <= {model._meta.app_label}


def test_no_module_is_named_for_a_layer_or_a_leftover():
    named = [
        path
        for package in settings.BASE_DIR.glob("*/__init__.py")
        for path in package.parent.rglob("*")
        if path.stem in LEFTOVERS and "node_modules" not in path.parts
    ]

    assert named == []


@pytest.fixture(scope="module", params=settings.SERVICES)
def alone(request, tmp_path_factory):
    """What a service shows of itself in a process of its own, on a database of its own."""
    database = tmp_path_factory.mktemp(request.param) / "alone.sqlite3"
    environment = os.environ | {"SERVICES": request.param, "DATABASE_URL": f"sqlite:///{database}"}
    environment |= {"LOG_LEVEL": "CRITICAL"}
    command = [sys.executable, "-m", "tests.alone"]
    done = subprocess.run(command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_a_service_alone_imports_no_other(alone):
    assert alone["strangers"] == []


def test_a_service_alone_renders_its_pages(alone):
    failed = {route: status for route, status in alone["pages"].items() if status >= 500}

    assert failed == {}
    assert 200 in alone["pages"].values()
