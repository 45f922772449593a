"""Alerts, their runbook, the dashboard and Prometheus' configuration: valid, and at one with each other."""

import json
import re
import shutil
import subprocess

import pytest
from django.conf import settings

from tests.deploy.test_files import render, rendered, validate
from tokens.registry import by_calls

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")

FOLDER = settings.BASE_DIR / "deploy" / "observability"
RULES = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"][0]["rules"]
ALERTS = [rule["alert"] for rule in RULES]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def promtool(*words):
    """What Prometheus' own checker says, without any server."""
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_are_valid():
    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", FOLDER / "alerts.yaml")


@pytest.mark.slow
def test_each_alert_is_raised_by_what_it_is_about_and_by_nothing_else():
    promtool("test", "rules", FOLDER / "alerts_test.yaml")

    told = [test["name"] for test in yaml.safe_load((FOLDER / "alerts_test.yaml").read_text())["tests"]]
    assert told == [f"{alert} is {how}" for alert in ALERTS for how in ("raised", "not raised")]


def test_the_configuration_is_valid_and_asks_every_service():
    path = rendered() / "prometheus.yaml"

    promtool("check", "config", path)
    [job] = yaml.safe_load(path.read_text())["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"{service}:8000" for service in by_calls()]}]


def test_in_a_cluster_every_server_is_asked_and_may_be(tmp_path):
    # Debian's promtool knows nothing of Kubernetes: the rest is checked with a list in place of the cluster.
    prometheus = yaml.safe_load((FOLDER / "prometheus-kubernetes.yaml").read_text())
    [job] = prometheus["scrape_configs"]
    job["static_configs"] = [{"targets": job.pop("kubernetes_sd_configs")[0]["namespaces"]["names"]}]
    (tmp_path / "prometheus.yaml").write_text(
        yaml.safe_dump(prometheus | {"rule_files": [str(FOLDER / "alerts.yaml")]})
    )
    promtool("check", "config", tmp_path / "prometheus.yaml")
    policy = yaml.safe_load((FOLDER / "kubernetes.yaml").read_text())
    validate([policy])

    for shape in ("monolith", "split"):
        deployments = [each for each in render(shape) if each["kind"] == "Deployment"]
        asked = [
            each["spec"]["template"]["metadata"] for each in deployments if each["metadata"]["name"].endswith("web")
        ]
        assert asked
        for pod in asked:
            assert pod["annotations"] == {
                "prometheus.io/scrape": "true",
                "prometheus.io/port": "8000",
                "prometheus.io/path": "/metrics",
            }
            assert policy["spec"]["podSelector"]["matchLabels"].items() <= pod["labels"].items()
    assert job["job_name"] == "tessera"


def test_each_alert_says_how_bad_it_is_and_has_a_paragraph_and_no_other_has():
    headings = re.findall(r"^## (.+)$", (settings.BASE_DIR / "docs" / "on-call.md").read_text(), re.MULTILINE)

    assert headings == ALERTS
    assert all(rule["labels"]["severity"] in ("warning", "critical") and rule["annotations"] for rule in RULES)


def test_every_command_of_the_runbook_is_there():
    page = (settings.BASE_DIR / "docs" / "on-call.md").read_text()
    named = set(re.findall(r"manage\.py\s+([a-z_]+)", page)) - {"check"}

    missing = {name for name in named if not [*settings.BASE_DIR.glob(f"*/management/commands/{name}.py")]}
    assert missing == set()
    assert len(named) > 3


def test_every_expression_of_the_dashboard_is_valid(tmp_path):
    expressions = [target["expr"] for panel in PANELS for target in panel["targets"]]
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(expressions)]
    text = yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}).replace("$__rate_interval", "1m")
    (tmp_path / "rules.yaml").write_text(text)

    promtool("check", "rules", tmp_path / "rules.yaml")


def test_no_panel_hides_another():
    covered = [cell for panel in DASHBOARD["panels"] for cell in cells(panel["gridPos"])]

    assert len(covered) == len(set(covered))
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert all(panel["title"] and panel["targets"] for panel in PANELS)


def cells(place):
    across, down = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
    assert across.stop <= 24
    return [(x, y) for x in across for y in down]
