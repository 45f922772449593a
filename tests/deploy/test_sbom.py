"""The bill of materials: what production installs, from where, under which licence."""

import importlib.util
import json
import re
import sys

import pytest
from django.conf import settings

pytest.importorskip("cyclonedx.validation.json", reason="cyclonedx-python-lib is not installed")
pytest.importorskip("granian", reason="what production installs is not installed")

WINDOWS = "sys_platform == 'win32'"


@pytest.fixture(scope="module")
def sbom():
    """The script of `make sbom`, as a module."""
    spec = importlib.util.spec_from_file_location("sbom", settings.BASE_DIR / ".ci" / "sbom.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def written(sbom, tmp_path_factory):
    file = tmp_path_factory.mktemp("sbom") / "sbom.cdx.json"
    with pytest.raises(SystemExit) as ended:
        sbom.main(str(file))
    assert ended.value.code == 0
    return json.loads(file.read_text())


def read_pins():
    """Name, version and hashes of each pin that is not for Windows alone."""
    blocks = re.split(r"\n(?=\w)", (settings.BASE_DIR / "requirements" / "prod.txt").read_text())
    return {
        (re.match(r"[\w.-]+", block)[0], re.search(r"==([^\s;]+)", block)[1]): set(re.findall(r"sha256:(\w+)", block))
        for block in blocks
        if WINDOWS not in block
    }


def test_every_pin_is_in_it_with_its_hashes(written):
    packages = [one for one in written["components"] if one["purl"].startswith("pkg:pypi/")]
    listed = {(one["name"], one["version"]): {digest["content"] for digest in one["hashes"]} for one in packages}

    assert listed == read_pins()


def test_every_component_has_an_address_a_hash_and_a_licence(written):
    for component in written["components"]:
        assert component["purl"].endswith(f"@{component['version']}")
        assert component["hashes"]
        assert component["licenses"]


def test_it_says_which_package_needs_which(written):
    names = {one["bom-ref"]: one["name"] for one in written["components"]}
    needs = {one["ref"]: {names[ref] for ref in one.get("dependsOn", [])} for one in written["dependencies"]}
    of = {names.get(ref, ref): needed for ref, needed in needs.items()}

    assert "psycopg" in of["shop"]
    assert {"psycopg-binary", "psycopg-pool"} <= of["psycopg"]
    assert of["argon2-cffi"] == {"argon2-cffi-bindings"}
    assert set(names.values()) - {"@picocss/pico"} <= set.union(*of.values())


@pytest.mark.parametrize("licence", ["MIT", "MIT OR GPL-3.0-only", "MPL-2.0 AND (Apache-2.0 OR GPL-2.0-only)"])
def test_a_licence_is_allowed_if_a_choice_of_it_is(sbom, licence):
    assert sbom.is_allowed(licence)


@pytest.mark.parametrize("licence", ["", "unknown", "AGPL-3.0-only", "MIT AND GPL-3.0-only", "see the file LICENSE"])
def test_any_other_licence_is_refused(sbom, licence):
    assert not sbom.is_allowed(licence)


def test_a_component_without_an_allowed_licence_is_named(sbom):
    bom = sbom.make_bom()
    django = next(one for one in bom.components if one.name == "django")
    django.licenses.clear()

    assert sbom.find_refused(bom) == ["django has the licence unknown, which is not allowed (.ci/sbom.py)."]


def test_what_the_schema_does_not_know_is_refused(sbom):
    assert sbom.find_invalid('{"bomFormat": "CycloneDX", "specVersion": "1.6", "parts": []}')
