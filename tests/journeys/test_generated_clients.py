"""Clients that others generate from our document place an order, read why one is refused, and log out."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from django.conf import settings

from tests.journeys.processes import free_port, manage, serving
from tokens.scopes import SERVICES
from wire.demo import product_id

INTEROP = Path(__file__).resolve().parents[1] / "interop"
MODULES = INTEROP / "node_modules"
TOOLS = Path(sys.executable).parent
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sorted(SERVICES) != settings.SERVICES, reason="needs all services in one process"),
]
needs_npm = pytest.mark.skipif(not (MODULES / "openapi-fetch").exists(), reason="run `npm ci` in tests/interop")
needs_python_client = pytest.mark.skipif(
    not (TOOLS / "openapi-python-client").exists(), reason="openapi-python-client is not installed"
)
needs_generator = pytest.mark.skipif(
    not ((TOOLS / "openapi-generator-cli").exists() and shutil.which("java")),
    reason="openapi-generator-cli or Java is not installed",
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """The address of a shop with the demo."""
    folder, port = tmp_path_factory.mktemp("shop"), free_port()
    environment = {
        "DATABASE_URL": f"sqlite:///{folder / 'shop.sqlite3'}",
        "ISSUER": f"http://127.0.0.1:{port}",
    }
    manage(environment, "demo", "--migrate")
    with serving(environment, folder / "log", port=port) as server:
        yield server.url


@pytest.fixture
def folder(shop, tmp_path):
    """An empty folder, but for our document and the clients that are to be compiled."""
    document = requests.get(f"{shop}/api/schema/", timeout=30)
    (tmp_path / "openapi.json").write_bytes(document.content)
    (tmp_path / "node_modules").symlink_to(MODULES)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copytree(INTEROP / "clients", tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def available(shop):
    """How much of the tea there is, as anybody may see who is logged in."""

    def available():
        credentials = {"email": "bob@example.com", "password": "tessera-demo"}
        token = requests.post(f"{shop}/api/token/", json=credentials, timeout=30).json()["access"]
        address = f"{shop}/api/products/{product_id('TEA-004')}/"
        return requests.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=30).json()["available"]

    return available


def run(*command, folder):
    """Run a command in a folder; what it wrote."""
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def compile_typescript(folder, *files):
    run(MODULES / ".bin" / "tsc", "--project", write_project(folder, files), folder=folder)


def write_project(folder, files):
    own = json.loads((folder / "tsconfig.json").read_text())
    (folder / "tsconfig.json").write_text(json.dumps({**own, "files": files}))
    return folder / "tsconfig.json"


def check(told, before, after):
    """Compare what a client told with what is expected of it."""
    answer = json.loads(told)
    assert len(answer.pop("number")) == 8
    assert answer == {
        "status": "placed",
        "total": "18.40",
        "short": f"insufficient-stock: {after} available",
        "after": "invalid-token",
    }
    assert after == before - 2


@needs_npm
def test_spectral_finds_nothing_in_the_document(folder):
    shutil.copy(INTEROP / ".spectral.yaml", folder)

    told = run(MODULES / ".bin" / "spectral", "lint", "--fail-severity=hint", "openapi.json", folder=folder)

    assert "No results" in told


@needs_npm
def test_the_types_of_openapi_typescript_order_and_log_out(shop, folder, available):
    before = available()
    run(MODULES / ".bin" / "openapi-typescript", "openapi.json", "--output", "schema.d.ts", folder=folder)
    compile_typescript(folder, "openapi_fetch.ts")

    told = run("node", "built/openapi_fetch.js", shop, folder=folder)

    check(told, before, available())


@needs_npm
@needs_generator
def test_the_client_of_openapi_generator_orders_and_logs_out(shop, folder, available):
    before = available()
    options = ["--additional-properties=importFileExtension=.js", "--global-property=apiDocs=false,modelDocs=false"]
    generate = [TOOLS / "openapi-generator-cli", "generate", "--generator-name", "typescript-fetch", *options]
    run(*generate, "--input-spec", "openapi.json", "--output", "generated", folder=folder)
    compile_typescript(folder, "typescript_fetch.ts")

    told = run("node", "built/typescript_fetch.js", shop, folder=folder)

    check(told, before, available())


@needs_python_client
def test_the_client_of_openapi_python_client_orders_and_logs_out(shop, folder, available):
    before = available()
    generate = [TOOLS / "openapi-python-client", "generate", "--meta", "none", "--path", "openapi.json"]
    run(*generate, "--output-path", "generated", folder=folder)

    told = run(sys.executable, "python_client.py", shop, folder=folder)

    check(told, before, available())
