"""Write what puts Tessera somewhere: deploy/templates filled in with what the services say of themselves.

`python3 deploy/render.py [FOLDER]` writes to var/deploy, and needs Python 3.11 and nothing besides. In a template,
`@name` is filled in, and the lines from `@each names` to `@end names` stand once for each of them, be it none.
A file under `@shape` is written for each shape of the shop, one under `@part` for each part of the shape.
"""

import html
import os
import re
import shlex
import sys
from pathlib import Path
from string import Template
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from database.atomic_file import write_file  # noqa: E402
from tokens.registry import DescriptionError, by_calls, list_pages, services  # noqa: E402

TEMPLATES = ROOT / "deploy" / "templates"
BLOCK = re.compile(r"^[^\n]*@each (\w+)[^\n]*\n(.*?)^[^\n]*@end \1\b[^\n]*\n", re.MULTILINE | re.DOTALL)
COMMENTED = (".conf", ".envsh", ".sh", ".template", ".yaml")
"""Files in which a line may begin with #."""
SCRIPT = 0o755
"""The mode of what nginx's image leaves alone unless it may be executed."""

Facts = dict[str, Any]


class Form(Template):
    """A text with places; `$` is left to nginx, Compose and the shell."""

    delimiter = "@"


def main() -> None:
    arguments = sys.argv[1:]
    if len(arguments) > 1 or (arguments[:1] and arguments[0].startswith("-")):
        sys.exit("Usage: deploy/render.py [FOLDER]        (var/deploy by default)")
    try:
        write(Path(*arguments) if arguments else ROOT / "var" / "deploy")
    except DescriptionError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"The files cannot be written: {error}.")


def write(folder: Path, part: str = ".") -> None:
    """Fill in the templates, or those in one folder of them, which then becomes `folder`."""
    facts = describe() | {"root": os.path.relpath(ROOT, folder.resolve())}
    for path in sorted((TEMPLATES / part).rglob("*.*")):
        name = str(path.relative_to(TEMPLATES / part))
        for own in list_places(name, facts):
            target = folder / fill(name, own)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_file(
                target, head(path) + fill(path.read_text(), own), mode=SCRIPT if path.suffix == ".envsh" else None
            )


def list_places(name: str, facts: Facts) -> list[Facts]:
    """The facts of each file that a template makes."""
    shapes = [facts | shape for shape in facts["shapes"]]
    if "@part" in name:
        return [shape | part for shape in shapes for part in shape["parts"]]

    return shapes if "@shape" in name else [facts]


def head(path: Path) -> str:
    made = f"# Made by deploy/render.py of {path.relative_to(ROOT)} and each service.toml: change those.\n"
    return made if path.suffix in COMMENTED else ""


def fill(text: str, facts: Facts) -> str:
    """A template, filled in."""
    first, *blocks = BLOCK.split(text)
    filled = [Form(first).substitute(facts)]
    for name, body, rest in zip(blocks[::3], blocks[1::3], blocks[2::3], strict=True):
        filled += [fill(body, facts | each) for each in facts[name]]
        filled.append(Form(rest).substitute(facts))
    return "".join(filled)


# What the templates may say -----------------------------------------------------------------------


def describe() -> Facts:
    return {
        "names": " ".join(by_calls()),
        "NAMES": "|".join(map(str.upper, by_calls())),
        "SERVICES": " ".join(map(str.upper, by_calls())),
        "services": [name_service(name) | {"away": find_words(name)} for name in by_calls()],
        "pages": [{"page": page, "service": name} for name in by_calls() for page in services()[name].pages],
        "menu": [
            {"page": page, "words": html.escape(said["label"])}
            for name in by_calls()
            for page, said in list_pages(name).items()
        ],
        "called": [name_service(name) for name in by_calls() if name == "accounts" or list_callers(name)],
        "clients": list_clients(),
        "hosts": ",".join(by_calls()),
        "shapes": [describe_monolith(), describe_split()],
    }


def name_service(name: str) -> Facts:
    return {"service": name, "SERVICE": name.upper()}


def find_words(name: str) -> str:
    """What is said while a service is away."""
    return services()[name].away or f"{name.capitalize()} cannot be reached just now. The rest of the shop goes on."


def describe_monolith() -> Facts:
    shop = {"part": "shop", "serves": ",".join(services()), "callers": "gateway", "alone": [{}]}
    return {
        "shape": "monolith",
        "title": "The whole shop in one process",
        "gateway": "shop-gateway",
        "hosts": "shop-web",
        "routes": [{"part": "shop", **name_service(name)} for name in by_calls()],
        "called": [],
        "parts": [shop | {"caller": [], "clients": [], "needed": [], "demos": [], "neighbours": [], "mails": [{}]}],
    }


def describe_split() -> Facts:
    return {
        "shape": "split",
        "title": "The same as services",
        "gateway": "gateway",
        "hosts": ",".join(f"{name}-web" for name in by_calls()),
        "routes": [{"part": name, **name_service(name)} for name in by_calls()],
        "parts": [describe_part(name) for name in by_calls()],
    }


def describe_part(name: str) -> Facts:
    """A service as a deployable of its own; a list of one or none says yes or no."""
    calls = bool(services()[name].calls)
    callers = [other for other in by_calls() if other != name] if name == "accounts" else list_callers(name)
    return {
        "part": name,
        "serves": name,
        "callers": ", ".join(["gateway", *callers]),
        "alone": [{}] * (not calls),
        "caller": [{}] * calls,
        "clients": list_clients() if name == "accounts" else [],
        "needed": [name_service(other) for other in list_needed(name)],
        "demos": [name_service(other) for other in list_needed(name) if services()[other].calls],
        "neighbours": [{"names": ", ".join(names)} for names in [list_neighbours(name)] if names],
        "mails": [{}] * ("mail" in services()[name].sections),
    }


def list_callers(name: str) -> list[str]:
    return [other for other in by_calls() if name in services()[other].calls]


def list_neighbours(name: str) -> list[str]:
    """Whom a service calls: those that it says, and accounts for keys and lists."""
    return [other for other in by_calls() if other in {"accounts", *services()[name].calls} - {name}]


def list_needed(name: str) -> list[str]:
    """Who must serve before a service's demo can call anybody; of two that call each other, the first does not wait."""
    before = by_calls()[: by_calls().index(name)]
    return [other for other in before if other == "accounts" or other in services()[name].calls]


def list_clients() -> list[Facts]:
    """Every service that calls others, with the command that makes it a client of accounts."""
    return [{"client": name, "register": write_command(name)} for name in by_calls() if services()[name].calls]


def write_command(client: str) -> str:
    calls = services()[client].calls
    scopes, audience = shlex.quote(" ".join(calls.values())), shlex.quote(" ".join(calls))
    return f"register_client {client} --scope {scopes} --audience {audience}"


if __name__ == "__main__":
    main()
