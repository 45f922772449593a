"""Check who imports whom: contracts for the packages, and for each service as its `service.toml` has them."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tokens.registry import Service, services  # noqa: E402

BELOW = ("wire", "tokens", "database")
SHARED = {"config", "database", "tokens", "wire"}
APART = {"benchmarks", "deploy", "tests"}
"""Folders of modules that no contract is about."""
DISCOVERED = {"management", "migrations", "tests"}
CLIENTS = ["tokens.client_credentials", "tokens.issuer", "tokens.http_client", "config.tracing"]
"""Who speaks HTTP to a neighbour, or looks on, beside each service's own client of the services that it calls."""


def main() -> int:
    found = {path.parent.name for path in ROOT.glob("[!.]*/*.py")} - APART
    strange = sorted(found ^ {*SHARED, *services()})
    if strange:
        sys.exit(f"No contract is about {', '.join(strange)}: a service has a service.toml and an __init__.py.")

    for service in services().values():
        missing = sorted({"doors", "rules", *find_packages(service)} - service.layers.keys())
        if missing:
            sys.exit(f"{service.name}/service.toml: [layers] says nothing of {', '.join(missing)}.")

    target = ROOT / "var" / "importlinter.toml"
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join(write_contracts(sorted(found))))
    linter = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([linter, "--config", target, "--no-logo"], cwd=ROOT, check=False).returncode  # noqa: S603


def find_packages(service: Service) -> set[str]:
    """The packages inside a service, but for those that Django or pytest looks into."""
    return {path.parent.name for path in (ROOT / service.name).glob("*/__init__.py")} - DISCOVERED


def write_contracts(packages: list[str]) -> list[str]:
    """The configuration of import-linter, as lines of TOML."""
    named = list(services().values())
    rules = [f"{service.name}.{module}" for service in named for module in split(service.layers["rules"])]
    neighbours = [module for service in named if service.calls for module in find_clients(service)]
    return [
        "[tool.importlinter]",
        line("root_packages", packages),
        "include_external_packages = true",
        *contract("config > services > wire > tokens > database; no service knows another", "layers"),
        line("layers", ["config", " | ".join(services()), *BELOW]),
        *[text for service in named for text in write_service(service)],
        *contract("use cases and models know no REST framework", "forbidden"),
        line("source_modules", rules),
        line("forbidden_modules", ["rest_framework"]),
        *contract("HTTP to a neighbour is spoken by its client alone", "protected"),
        line("protected_modules", ["http", "tokens.http_client"]),
        line("allowed_importers", [*CLIENTS, *neighbours]),
        *contract("SimpleJWT is known where tokens are made and taken alone", "protected"),
        line("protected_modules", ["rest_framework_simplejwt"]),
        line("allowed_importers", ["accounts.issuing.tokens", "tokens.authentication", "tokens.user"]),
    ]


def write_service(service: Service) -> list[str]:
    return [
        *contract(f"{service.name} from its addresses down to its models", "layers"),
        line("containers", [service.name]),
        "exhaustive = true",
        line("layers", [*service.layers["doors"], *service.layers["rules"]]),
        *[text for name in service.layers if name not in {"doors", "rules"} for text in write_package(service, name)],
    ]


def write_package(service: Service, name: str) -> list[str]:
    """The contract inside a package of a service, whose layers stand under its name."""
    package = f"{service.name}.{name}"
    return [
        *contract(f"{package} inside", "layers"),
        line("containers", [package]),
        "exhaustive = true",
        line("layers", service.layers[name]),
    ]


def split(layers: list[str]) -> list[str]:
    """The modules of some layers."""
    return [module.strip(" ()") for layer in layers for module in layer.replace("|", ":").split(":")]


def find_clients(service: Service) -> list[str]:
    """The modules of a service that speak HTTP: `inventory_http` and the like."""
    return [f"{service.name}.{path.stem}" for path in (ROOT / service.name).glob("*_http.py")]


def contract(name: str, kind: str) -> list[str]:
    return ["", "[[tool.importlinter.contracts]]", f"name = {json.dumps(name)}", f"type = {json.dumps(kind)}"]


def line(name: str, values: list[str]) -> str:
    return f"{name} = {json.dumps(values)}"


if __name__ == "__main__":
    sys.exit(main())
