"""Write the bill of materials of what production installs: `python .ci/sbom.py FILE` (CycloneDX 1.6, JSON).

Each pin of `requirements/prod.txt` that Linux installs is in it, with the hashes that pip accepts and the licence that
the installed release states; so is each style sheet of others that the pages load. Exits with 1 and says why where the
file is not valid by its schema, or a licence is not in `ALLOWED`.
"""

import hashlib
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import ExpressionError, get_spdx_licensing
from packageurl import PackageURL
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "LGPL-3.0-only", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0",
}  # fmt: skip
"""Licences that what is shipped may have (SPDX). Of LGPL and MPL: used unchanged, as a library of its own."""
SPELLINGS = {
    "Apache License, Version 2.0": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD 3-Clause OR Apache-2.0": "BSD-3-Clause OR Apache-2.0",
    "MIT License": "MIT",
}
"""Of releases that state no SPDX expression; what "BSD" means there was read in their licence files."""
TARGET = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
PICO = "config/static/tessera/pico.min.css"

licences, spdx = LicenseFactory(), get_spdx_licensing()


def main(file: str) -> None:
    bom = make_bom()
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    complaints = [*find_invalid(text), *find_refused(bom)]
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(text)
    sys.exit("\n".join(complaints) or 0)


def make_bom() -> Bom:
    """All that is shipped, and which package needs which."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    shop = Component(name=project["name"], version=project["version"], type=ComponentType.APPLICATION, bom_ref="shop")
    shop.licenses.add(licences.make_from_string(project["license"]))
    pins = list(read_pins())
    bom = Bom(components=[*map(describe_package, pins), describe_pico()])
    bom.metadata.component = shop

    by_name = {component.name: component for component in bom.components}
    direct = [*project["dependencies"], *project["optional-dependencies"]["prod"]]
    bom.register_dependency(shop, find_needed(direct, by_name))
    for pin, _ in pins:
        needed = find_needed(distribution(pin.name).requires or [], by_name, pin.extras)
        bom.register_dependency(by_name[canonicalize_name(pin.name)], needed)
    return bom


def read_pins() -> Iterator[tuple[Requirement, list[str]]]:
    """Each pin that Linux installs, and the SHA-256 of each file that pip accepts for it."""
    text = (ROOT / "requirements" / "prod.txt").read_text().replace("\\\n", " ")
    for line in text.splitlines():
        pin = Requirement(line.partition(" --hash")[0].strip())
        if is_installed(pin):
            yield pin, re.findall(r"--hash=sha256:(\w+)", line)


def is_installed(requirement: Requirement, extras: Iterable[str] = ()) -> bool:
    environments = [{**default_environment(), **TARGET, "extra": extra} for extra in ("", *extras)]
    return not requirement.marker or any(map(requirement.marker.evaluate, environments))


def describe_package(pinned: tuple[Requirement, list[str]]) -> Component:
    pin, hashes = pinned
    name, version = canonicalize_name(pin.name), next(iter(pin.specifier)).version
    purl = PackageURL(type="pypi", name=name, version=version)
    component = Component(name=name, version=version, purl=purl, bom_ref=purl.to_string())
    component.hashes.update(HashType(alg=HashAlgorithm.SHA_256, content=content) for content in hashes)
    component.licenses.add(licences.make_from_string(read_licence(name)))
    return component


def read_licence(name: str) -> str:
    """What the installed release states: by an SPDX expression, in words, or by a classifier."""
    metadata = distribution(name).metadata
    classifiers = [line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or [] if "License ::" in line]
    stated = [metadata.get("License-Expression"), metadata.get("License"), *classifiers]
    known = [SPELLINGS.get(text, text) for text in stated if text]
    return next((text for text in known if is_expression(text)), known[0] if known else "unknown")


def is_expression(text: str) -> bool:
    try:
        return spdx.parse(text, validate=True) is not None
    except ExpressionError:
        return False


def describe_pico() -> Component:
    """The style sheet that the pages load, which came as a file."""
    content = (ROOT / PICO).read_bytes()
    version = re.search(rb"Pico CSS[^\n]* v([\d.]+)", content)[1].decode()
    purl = PackageURL(type="npm", namespace="@picocss", name="pico", version=version)
    pico = Component(name="@picocss/pico", version=version, purl=purl, bom_ref=purl.to_string())
    pico.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(content).hexdigest()))
    pico.licenses.add(licences.make_from_string("MIT"))
    return pico


def find_needed(requirements: list[str], by_name: dict[str, Component], extras: Iterable[str] = ()) -> list[Component]:
    """Which of the components these requirements name."""
    needed = {canonicalize_name(one.name) for one in map(Requirement, requirements) if is_installed(one, extras)}
    return [by_name[name] for name in needed if name in by_name]


def find_invalid(text: str) -> list[str]:
    """What the schema of CycloneDX 1.6 says, which comes with the library."""
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    return [f"It is not valid: {error}"] if error else []


def find_refused(bom: Bom) -> list[str]:
    """A line for each component whose licence is not allowed."""
    stated = {component: " AND ".join(map(spell, component.licenses)) for component in bom.components}
    return [
        f"{component.name} has the licence {text or 'unknown'}, which is not allowed (.ci/sbom.py)."
        for component, text in sorted(stated.items(), key=lambda item: item[0].name)
        if not is_allowed(text)
    ]


def spell(licence: object) -> str:
    return next((text for key in ("value", "id", "name") if (text := getattr(licence, key, None))), "")


def is_allowed(expression: str) -> bool:
    """Whether a choice of allowed licences satisfies an SPDX expression, such as `MIT OR GPL-3.0-only`."""
    if not expression or not is_expression(expression):
        return False

    parsed = spdx.parse(expression)
    known = {one: spdx.TRUE if one.render() in ALLOWED else spdx.FALSE for one in parsed.symbols}
    return bool(parsed.subs(known, simplify=True) == spdx.TRUE)


if __name__ == "__main__":
    main(*sys.argv[1:])
