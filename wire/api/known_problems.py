"""Every problem that there is: what it means and what to do, as `problems.toml` of each package has it.

Nothing is imported for it, so each process can explain the problems of every service.
"""

import tomllib
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from tokens.registry import ROOT, services

Schema = dict[str, Any]
REQUEST_ID = "3f9c1d7e5b8a4c02"
BASE = ("type", "title", "status", "detail", "code", "request_id")
"""The members that every problem has."""


class KnownProblem(NamedTuple):
    """A problem as it is explained. `facts` are an example of its further members, all there unless `optional`."""

    package: str
    code: str
    status: int
    meaning: str
    advice: str
    title: str = ""
    facts: dict[str, Any] = {}
    optional: list[str] = []
    schemas: dict[str, Schema] = {}
    """Schemas of those members whose example does not say it all."""

    @property
    def example(self) -> dict[str, Any]:
        """An answer, its facts included."""
        members = {"type": address_of(self.code), "title": title_of(self.code), "status": self.status}
        detail = self.meaning.partition(". ")[0].removesuffix(".") + "."
        return {**members, "detail": detail, "code": self.code, "request_id": REQUEST_ID, **self.facts}

    @property
    def meaning_parts(self) -> list[str]:
        """What it means, for a page: each second part is code."""
        return self.meaning.split("`")

    @property
    def advice_parts(self) -> list[str]:
        return self.advice.split("`")

    @property
    def component(self) -> str:
        """The name of its schema: `InsufficientStockProblem`."""
        return f"{self.code.title().replace('-', '')}Problem"

    @property
    def schema(self) -> Schema:
        """What its members are, for the API's document."""
        facts = {name: self.schemas.get(name) or schema_of(value) for name, value in self.facts.items()}
        # The example of what is described elsewhere is cut short.
        is_whole = not any("$ref" in schema for schema in self.schemas.values())
        return {
            "type": "object",
            "description": f"{self.meaning}\n\n{self.advice}",
            "required": [*BASE, *(name for name in self.facts if name not in self.optional)],
            "properties": {
                **BASE_SCHEMAS,
                "type": {"type": "string", "format": "uri-reference", "const": address_of(self.code)},
                "status": {"type": "integer", "const": self.status},
                "code": {"type": "string", "const": self.code},
                **facts,
            },
            **({"examples": [self.example]} if is_whole else {}),
        }


BASE_SCHEMAS: dict[str, Schema] = {
    "type": {"type": "string", "format": "uri-reference", "description": "The address of a page that explains it."},
    "title": {"type": "string"},
    "status": {"type": "integer"},
    "detail": {"type": "string"},
    "code": {"type": "string", "description": "Stable, for programs."},
    "request_id": {"type": "string", "description": "Also in every log line of the request."},
}


@cache
def known_problems() -> dict[str, KnownProblem]:
    """Every problem by its code, those of all services first."""
    found = [problem for package in ("wire", *services()) for problem in read_package(package)]
    return {problem.code: problem for problem in found}


def read_package(package: str) -> Iterable[KnownProblem]:
    path = ROOT / package / "problems.toml"
    said = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return [KnownProblem(package, code, **facts) for code, facts in said.items()]


@cache
def title_of(code: str) -> str:
    """The title of a problem: the one it was given, or its code in words."""
    known = known_problems().get(code)
    return (known and known.title) or code.replace("-", " ").capitalize()


def address_of(code: str) -> str:
    """Where a problem is explained: its `type`, the same in every deployment (RFC 9457 3.1.1)."""
    return f"/problems/{code}/"


def schema_of(example: Any) -> Schema:
    """The schema of values like this one."""
    if isinstance(example, dict):
        return {
            "type": "object",
            "required": list(example),
            "properties": {name: schema_of(value) for name, value in example.items()},
        }
    if isinstance(example, list):
        return {"type": "array", "items": schema_of(example[0])}
    if isinstance(example, bool) or not isinstance(example, int):
        return {"type": "boolean"} if isinstance(example, bool) else schema_of_text(example)

    return {"type": "integer"}


def schema_of_text(example: str) -> Schema:
    return (
        {"type": "string", "format": "uuid"} if len(example) == 36 and example.count("-") == 4 else {"type": "string"}
    )
