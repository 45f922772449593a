"""The files that put Tessera somewhere: valid by their own schemas, and at one with the settings."""

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")

DEPLOY = settings.BASE_DIR / "deploy"
OVERLAYS = DEPLOY / "kubernetes" / "overlays"
KUBERNETES = "1.33"
SERVICES = ("accounts", "orders", "products")


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def tool(name):
    """A program of this environment."""
    path = Path(sys.executable).with_name(name)
    return str(path) if path.exists() else pytest.skip(f"{name} is not installed")


@cache
def render(shape):
    """The manifests of a shape, as kubectl makes them of the overlay."""
    if not shutil.which("kubectl"):
        return [manifest for path in manifests_of(shape) for manifest in yaml.safe_load_all(path.read_text())]

    done = run("kubectl", "kustomize", str(OVERLAYS / shape))
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def manifests_of(shape):
    """Where there is no kubectl: the plain files, before the overlay changes them."""
    found = [*DEPLOY.glob("kubernetes/base/*.yaml"), *DEPLOY.glob("kubernetes/service/*.yaml")]
    return [path for path in [*found, OVERLAYS / shape / "policy.yaml"] if path.name != "kustomization.yaml"]


@cache
def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


# Schemas ----------------------------------------------------------------------------------------


def test_compose_is_valid():
    done = run(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml"))

    assert done.returncode == 0, done.stdout


def test_the_dockerfile_has_nothing_to_complain_about():
    done = run(tool("hadolint"), str(DEPLOY / "Dockerfile"))

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("shape", ["monolith", "split"])
def test_manifests_are_valid(shape):
    for manifest in render(shape):
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


@pytest.mark.parametrize("path", ["deploy/secrets.sh", "deploy/postgresql/init.sh"])
def test_scripts_are_shell(path):
    assert run("sh", "-n", path, cwd=settings.BASE_DIR).stderr == ""


# Compose ----------------------------------------------------------------------------------------


def profile(name):
    return {key: service for key, service in compose()["services"].items() if name in service.get("profiles", [name])}


def test_both_profiles_have_a_database_a_gateway_and_workers():
    assert set(profile("monolith")) == {"postgres", "shop", "shop-work", "shop-prepare", "shop-gateway"}
    each = {f"{service}{part}" for service in SERVICES for part in ("", "-work", "-prepare")}
    assert set(profile("split")) == {"postgres", "gateway", "orders-demo", *each}


def test_every_server_has_a_health_check_and_no_right_it_does_not_need():
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    services = {name: service for name, service in compose()["services"].items() if name != "postgres"}

    assert "HEALTHCHECK" in dockerfile
    assert "\nUSER 10001\n" in dockerfile
    assert all(service["read_only"] and service["cap_drop"] == ["ALL"] for service in services.values())
    assert compose()["services"]["postgres"]["healthcheck"]


def test_compose_names_every_secret_and_makes_each(tmp_path):
    run("sh", "deploy/secrets.sh", str(tmp_path), cwd=settings.BASE_DIR)
    used = {secret for service in compose()["services"].values() for secret in service.get("secrets", [])}

    assert used == set(compose()["secrets"]) == set(os.listdir(tmp_path))


def test_secrets_that_are_there_are_kept(tmp_path):
    run("sh", "deploy/secrets.sh", str(tmp_path), cwd=settings.BASE_DIR)
    first = {path.name: path.read_text() for path in tmp_path.iterdir()}

    run("sh", "deploy/secrets.sh", str(tmp_path), cwd=settings.BASE_DIR)

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == first


# Kubernetes -------------------------------------------------------------------------------------

RENDERED = pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")


def by_name(shape, kind):
    return {manifest["metadata"]["name"]: manifest for manifest in render(shape) if manifest["kind"] == kind}


def containers(shape):
    for kind in ("Deployment", "Job"):
        for manifest in by_name(shape, kind).values():
            pod = manifest["spec"]["template"]["spec"]
            assert pod["securityContext"]["runAsNonRoot"] is True
            yield from [*pod["containers"], *pod.get("initContainers", [])]


@pytest.mark.parametrize("shape", ["monolith", "split"])
def test_every_container_has_bounds_and_no_right_it_does_not_need(shape):
    for container in containers(shape):
        assert {"requests", "limits"} <= set(container["resources"])
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.parametrize("shape", ["monolith", "split"])
def test_servers_are_asked_whether_they_live_and_may_serve(shape):
    servers = [container for container in containers(shape) if container["name"] == "web"]

    assert servers
    for server in servers:
        assert server["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert server["readinessProbe"]["httpGet"]["path"] == "/readyz"


@pytest.mark.parametrize("shape", ["monolith", "split"])
def test_no_secret_stands_in_a_manifest(shape):
    assert not by_name(shape, "Secret")
    for container in containers(shape):
        values = {variable["name"] for variable in container.get("env", []) if "value" in variable}
        assert not any(word in name for name in values for word in ("SECRET", "KEY", "PASSWORD", "DATABASE"))


def test_only_the_gateway_and_orders_may_call_products():
    policy = by_name("split", "NetworkPolicy")["gateway-and-orders-to-products"]["spec"]

    assert policy["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "products"
    (rule,) = policy["ingress"]
    (who,) = rule["from"]
    (names,) = who["podSelector"]["matchExpressions"]
    assert names["values"] == ["gateway", "orders"]
    assert by_name("split", "NetworkPolicy")["nobody"]["spec"].get("ingress") is None


@RENDERED
def test_each_service_serves_itself_with_its_own_secret():
    for service in SERVICES:
        (web,) = by_name("split", "Deployment")[f"{service}-web"]["spec"]["template"]["spec"]["containers"]
        assert web["envFrom"][2] == {"secretRef": {"name": service}}
        name = web["envFrom"][1]["configMapRef"]["name"]
        assert by_name("split", "ConfigMap")[name]["data"] == {"SERVICES": service}
        assert by_name("split", "Service")[f"{service}-web"]["spec"]["selector"]["app.kubernetes.io/name"] == service


@RENDERED
def test_orders_alone_has_the_secret_that_accounts_registers():
    deployments = by_name("split", "Deployment")
    holders = {name for name, deployment in deployments.items() if "orders-client" in str(deployment)}

    assert holders == {"orders-web", "orders-work"}
    assert "register_client orders" in str(by_name("split", "Job")["accounts-migrate"])


# At one with the rest ---------------------------------------------------------------------------


def test_the_gateways_template_is_filled_in_everywhere_alike():
    template = (DEPLOY / "gateway" / "tessera.conf.template").read_text()
    wanted = set(re.findall(r"\$\{([A-Z]+)\}", template)) - {"..."}
    gateway = compose()["services"]["gateway"]["environment"]

    assert wanted <= set(gateway)
    assert all(name in gateway["NGINX_ENVSUBST_FILTER"] for name in wanted)


def test_the_image_holds_what_it_runs():
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()

    packages = {path.parent.name for path in settings.BASE_DIR.glob("*/__init__.py")}
    assert packages & {*ignored} == {"benchmarks", "tests"}
