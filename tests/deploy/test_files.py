"""The files that put Tessera somewhere: valid by their own schemas, and at one with the settings."""

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings

from deploy.services import write_servers
from tokens.registry import by_calls, services

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")

DEPLOY = settings.BASE_DIR / "deploy"
KUBERNETES = "1.33"
CALLERS = [name for name in by_calls() if services()[name].calls]


def make_secrets(folder):
    """Run the script on a folder; the Python of the tests, which it starts for each secret, is a fast one to start."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.Popen(["sh", str(rendered() / "secrets.sh"), str(folder)], env=os.environ | {"PATH": path})


@cache
def secrets():
    """A folder of secrets that nobody changes."""
    folder = Path(tempfile.mkdtemp()) / "secrets"
    atexit.register(shutil.rmtree, folder.parent)
    assert make_secrets(folder).wait(60) == 0
    return folder


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def tool(name):
    """A program of this environment."""
    path = Path(sys.executable).with_name(name)
    return str(path) if path.exists() else pytest.skip(f"{name} is not installed")


def write(folder, root=settings.BASE_DIR):
    """What `deploy/render.py` writes, run by a Python without anything that is installed."""
    done = run(sys.executable, "-I", "-S", str(root / "deploy" / "render.py"), str(folder))
    assert done.returncode == 0, done.stderr
    return folder


@cache
def rendered():
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    return write(folder)


@cache
def render(shape):
    """The manifests of a shape, as kubectl makes them of the overlay."""
    if not shutil.which("kubectl"):
        return [manifest for path in manifests_of(shape) for manifest in yaml.safe_load_all(path.read_text())]

    return kustomize(rendered(), shape)


def kustomize(folder, shape):
    done = run("kubectl", "kustomize", str(folder / "kubernetes" / "overlays" / shape))
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def manifests_of(shape):
    """Where there is no kubectl: the plain files, before the overlay changes them."""
    folder = rendered() / "kubernetes"
    found = [*folder.glob("base/*.yaml"), *folder.glob(f"overlays/{shape}/*/*.yaml")]
    return [path for path in found if path.name != "kustomization.yaml"]


@cache
def compose():
    return yaml.safe_load((rendered() / "compose.yaml").read_text())


# Schemas ----------------------------------------------------------------------------------------


def test_compose_is_valid():
    done = run(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(rendered() / "compose.yaml"))

    assert done.returncode == 0, done.stdout


def test_the_dockerfile_has_nothing_to_complain_about():
    done = run(tool("hadolint"), str(DEPLOY / "Dockerfile"))

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("shape", ["monolith", "split"])
def test_manifests_are_valid(shape):
    validate(render(shape))


def validate(manifests):
    """Hold manifests against the schemas of Kubernetes; loading what does takes a second or two, so only here."""
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for manifest in manifests:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_scripts_are_shell():
    for path in (rendered() / "secrets.sh", DEPLOY / "postgresql" / "init.sh"):
        assert run("sh", "-n", str(path)).stderr == ""


# Compose ----------------------------------------------------------------------------------------


def profile(name):
    return {key: service for key, service in compose()["services"].items() if name in service.get("profiles", [name])}


def test_both_profiles_have_a_database_a_gateway_and_workers():
    assert set(profile("monolith")) == {"postgres", "shop", "shop-work", "shop-prepare", "shop-gateway"}
    each = {f"{service}{part}" for service in services() for part in ("", "-work", "-prepare")}
    assert set(profile("split")) == {"postgres", "gateway", *each, *(f"{caller}-demo" for caller in CALLERS)}


def test_every_server_has_a_health_check_and_no_right_it_does_not_need():
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    services = {name: service for name, service in compose()["services"].items() if name != "postgres"}

    assert "HEALTHCHECK" in dockerfile
    assert "\nUSER 10001\n" in dockerfile
    assert all(service["read_only"] and service["cap_drop"] == ["ALL"] for service in services.values())
    assert compose()["services"]["postgres"]["healthcheck"]


def test_compose_names_every_secret_and_makes_each():
    used = {secret for service in compose()["services"].values() for secret in service.get("secrets", [])}

    assert used == set(compose()["secrets"]) == set(os.listdir(secrets()))


def test_a_secret_is_for_its_reader_alone_or_the_folder_is_shut():
    folder = secrets()
    modes = {path.stat().st_mode & 0o777 for path in folder.iterdir()}
    readers = {path.name: path.stat().st_uid for path in folder.iterdir()}

    assert folder.stat().st_mode & 0o777 == 0o700
    if os.geteuid():
        assert modes == {0o644}
    else:
        assert modes == {0o600}
        assert {name for name, uid in readers.items() if uid == 70} == {n for n in readers if n.endswith("_password")}
        assert {*readers.values()} == {70, 10001}


def test_what_each_container_is_given_it_may_read():
    services = compose()["services"]
    passwords = {secret for secret in compose()["secrets"] if secret.endswith("_password")}

    assert set(services["postgres"]["secrets"]) == passwords
    for name, service in services.items():
        assert name == "postgres" or not passwords & set(service.get("secrets", []))


@pytest.mark.slow
def test_secrets_that_are_there_are_kept(tmp_path):
    shutil.copytree(secrets(), tmp_path, dirs_exist_ok=True)
    first = {path.name: path.read_text() for path in tmp_path.iterdir()}

    assert make_secrets(tmp_path).wait(60) == 0
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == first


@pytest.mark.slow
def test_two_that_make_the_secrets_at_once_agree_on_them(tmp_path):
    running = [make_secrets(tmp_path) for _ in range(2)]

    assert [process.wait(60) for process in running] == [0] * 2
    for url in tmp_path.glob("*_database_url"):
        assert url.with_name(url.name.replace("_url", "_password")).read_text() in url.read_text()
    assert not list(tmp_path.glob(".*"))


def test_no_secret_is_made_where_there_is_no_chance(tmp_path):
    """Without Python there is nothing random; an empty password must not be what comes of it."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("dirname", "mkdir", "id", "cat", "ln", "mv", "rm", "chmod"):
        (tools / name).symlink_to(shutil.which(name))
    words = [shutil.which("sh"), str(rendered() / "secrets.sh"), str(tmp_path / "secrets")]

    done = subprocess.run(words, env={"PATH": str(tools)}, check=False, capture_output=True)

    assert done.returncode
    assert list((tmp_path / "secrets").iterdir()) == []


@pytest.mark.parametrize("words", [["--help"], ["one", "two"], ["/dev/null"]])
def test_what_is_no_folder_to_write_to_is_refused_in_a_sentence(words):
    done = subprocess.run([sys.executable, DEPLOY / "render.py", *words], capture_output=True, text=True, check=False)

    assert done.returncode
    assert done.stderr.count("\n") == 1


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


@RENDERED
def test_only_the_gateway_and_orders_may_call_products():
    assert may_call("products") == ["gateway", *(name for name in CALLERS if "products" in services()[name].calls)]
    assert may_call("orders") == ["gateway", *(name for name in CALLERS if "orders" in services()[name].calls)]
    assert may_call("accounts") == ["gateway", *(name for name in by_calls() if name != "accounts")]
    assert by_name("split", "NetworkPolicy")["nobody"]["spec"].get("ingress") is None


def may_call(service):
    """Whose calls the network policy of a service lets through."""
    policy = by_name("split", "NetworkPolicy")[f"{service}-callers"]["spec"]
    assert policy["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == service
    (rule,) = policy["ingress"]
    (who,) = rule["from"]
    (names,) = who["podSelector"]["matchExpressions"]
    return names["values"]


@RENDERED
@pytest.mark.parametrize("service", by_calls())
def test_a_service_may_call_accounts_and_those_that_it_names(service):
    calls = {"accounts", *services()[service].calls} - {service}

    assert reaches("split", f"{service}-calls") == calls | {53, 5432} | (
        {25, 465, 587} if service in ("accounts", "orders") else set()
    )


@RENDERED
@pytest.mark.parametrize("shape", ["monolith", "split"])
def test_nothing_calls_the_world(shape):
    policies = by_name(shape, "NetworkPolicy")

    assert policies["nobody"]["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert policies["nobody"]["spec"].get("egress") is None
    assert all(rule.get("ports") for policy in policies.values() for rule in policy["spec"].get("egress", []))
    if shape == "monolith":
        assert reaches(shape, "shop-calls") == {53, 5432, 25, 465, 587}


def reaches(shape, policy):
    """The services, and the ports of anybody else, that a policy lets through."""
    spec = by_name(shape, "NetworkPolicy")[policy]["spec"]
    assert spec["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == policy.removesuffix("-calls")
    found = set()
    for rule in spec["egress"]:
        pods = [to["podSelector"] for to in rule.get("to", []) if "podSelector" in to]
        names = {name for pod in pods for expression in pod["matchExpressions"] for name in expression["values"]}
        found |= names or {port["port"] for port in rule["ports"]}
    return found


@RENDERED
def test_each_service_serves_itself_with_its_own_secret():
    for service in services():
        (web,) = by_name("split", "Deployment")[f"{service}-web"]["spec"]["template"]["spec"]["containers"]
        assert web["envFrom"][2] == {"secretRef": {"name": service}}
        name = web["envFrom"][1]["configMapRef"]["name"]
        assert by_name("split", "ConfigMap")[name]["data"] == {"SERVICES": service}
        assert by_name("split", "Service")[f"{service}-web"]["spec"]["selector"]["app.kubernetes.io/name"] == service


@RENDERED
@pytest.mark.parametrize("caller", CALLERS)
def test_orders_alone_has_the_secret_that_accounts_registers(caller):
    deployments = by_name("split", "Deployment")
    holders = {name for name, deployment in deployments.items() if f"{caller}-client" in str(deployment)}

    assert holders == {f"{caller}-web", f"{caller}-work"}
    assert f"register_client {caller}" in str(by_name("split", "Job")["accounts-migrate"])


# At one with the rest ---------------------------------------------------------------------------


def test_the_gateways_template_is_filled_in_everywhere_alike():
    template = (rendered() / "gateway" / "tessera.conf.template").read_text()
    wanted = set(re.findall(r"\$\{([A-Z0-9]+)\}", template))
    gateway = compose()["services"]["gateway"]["environment"]

    assert wanted <= set(gateway)
    assert all(name in gateway["NGINX_ENVSUBST_FILTER"] for name in wanted)


@pytest.mark.parametrize("addresses", ["a:1", "a:1,b:2", "10.0.0.1:8000,[::1]:8001,c.d:3"])
def test_several_addresses_of_a_service_are_the_same_wherever_nginx_runs(addresses):
    script = rendered() / "gateway" / "upstreams.envsh"
    own = {"ORDERS": addresses, "PATH": os.environ["PATH"]}

    done = run("sh", "-eu", "-c", f'. {script}; printf %s "$ORDERS"', env=own)

    assert os.access(script, os.X_OK)
    assert (done.stdout, done.stderr) == (write_servers(addresses), "")


def test_the_image_holds_what_it_runs():
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()

    packages = {path.parent.name for path in settings.BASE_DIR.glob("*/__init__.py")}
    assert packages & {*ignored} == {"benchmarks", "tests"}


def test_the_image_runs_without_debug():
    image = (DEPLOY / "Dockerfile").read_text().rpartition("\nFROM ")[2]

    assert re.search(r"^ENV .*\bDEBUG=off\b", image, re.MULTILINE)


def test_the_image_has_no_library_of_the_tests():
    extras = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    others = {re.match(r"[\w-]+", name)[0] for kind in ("test", "dev", "bench") for name in extras[kind]}
    own = {re.match(r"[\w-]+", name)[0] for name in extras["prod"]}
    installed = set(
        re.findall(r"^([\w-]+)", (settings.BASE_DIR / "requirements" / "prod.txt").read_text(), re.MULTILINE)
    )

    assert {"django", "granian", "psycopg"} <= installed
    # The exporter of traces needs requests, too.
    assert not installed & (others - own - {"requests"})


def test_every_image_from_elsewhere_is_named_by_its_digest():
    texts = [path.read_text() for path in (DEPLOY / "Dockerfile", *rendered().rglob("*.yaml"))]
    named = re.findall(r"^ARG \w+=(\S+:\S+)|^FROM (\S+:\S+)|image: (\S+:\S+)", "\n".join(texts), re.MULTILINE)
    images = {"".join(image) for image in named}

    assert {image.partition(":")[0] for image in images} == {"python", "nginxinc/nginx-unprivileged", "postgres"}
    assert all(re.fullmatch(r"\S+:[\w.-]+@sha256:[0-9a-f]{64}", image) for image in images)
    assert len(images) == 3


# One more service -------------------------------------------------------------------------------

REVIEWS = """
calls = { products = "products:read", orders = "orders:read" }
[scopes."reviews:read"]
meaning = "Read reviews"
"""


@pytest.fixture
def four(tmp_path):
    """What is written where there is one more folder with a service in it."""
    root = tmp_path / "tessera"
    shutil.copytree(DEPLOY, root / "deploy")
    shutil.copytree(settings.BASE_DIR / "tokens", root / "tokens")
    shutil.copytree(settings.BASE_DIR / "database", root / "database")
    for path in settings.BASE_DIR.glob("*/service.toml"):
        (root / path.parent.name).mkdir()
        shutil.copy(path, root / path.parent.name)
    (root / "reviews").mkdir(exist_ok=True)
    (root / "reviews" / "service.toml").write_text(REVIEWS)
    return write(tmp_path / "written", root)


def test_a_service_more_is_served_worked_prepared_and_tried(four):
    compose = yaml.safe_load((four / "compose.yaml").read_text())

    register = "register_client reviews --scope 'products:read orders:read' --audience 'products orders'"
    assert {"reviews", "reviews-work", "reviews-prepare", "reviews-demo"} <= set(compose["services"])
    assert register in compose["services"]["accounts-prepare"]["command"][2]
    assert compose["services"]["gateway"]["environment"]["REVIEWS"] == "reviews:8000"
    assert compose["services"]["reviews"]["environment"]["ORDERS_URL"] == "http://orders:8000"
    assert compose["services"]["reviews-demo"]["depends_on"]["orders-demo"]
    assert "reviews" in compose["services"]["postgres"]["environment"]["DATABASES"].split()
    assert "reviews_client" in compose["secrets"]


def test_a_service_more_has_its_addresses_and_words_at_the_gateway(four):
    template = (four / "gateway" / "tessera.conf.template").read_text()

    assert "upstream reviews { server ${REVIEWS}; keepalive 32; keepalive_timeout 5s; }" in template
    assert "~^/((api|admin)/)?reviews(/|$) reviews;" in template
    assert 'reviews "Reviews cannot be reached just now. The rest of the shop goes on.";' in template


@RENDERED
def test_a_service_more_may_call_whom_it_says(four):
    manifests = kustomize(four, "split")

    policies = {found["metadata"]["name"]: str(found) for found in manifests if found["kind"] == "NetworkPolicy"}
    callers = {name for name in {*services()} - {"reviews"} if "'reviews'" in policies[f"{name}-callers"]}
    assert callers == {"accounts", "products", "orders"}
    assert all(f"'{name}'" in policies["reviews-calls"] for name in ("accounts", "products", "orders"))
    validate(manifests)


def test_whoever_opens_a_file_that_was_made_reads_of_what():
    for path in rendered().rglob("*.*"):
        if path.is_file() and not path.name.startswith("error."):
            assert path.read_text().startswith("# Made by deploy/render.py of deploy/templates/"), path
