"""The documentation: what it links to and names is there."""

import re
import subprocess
import tomllib

import pytest
from django.conf import settings
from django.core.management import get_commands

from tokens.registry import check_service, read_service, services

DOCS = settings.BASE_DIR / "docs"
PAGES = sorted([*settings.BASE_DIR.glob("*.md"), *DOCS.glob("*.md")])
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")
ROOMS = "|".join(sorted(path.parent.name for path in settings.BASE_DIR.glob("[!.]*/__init__.py")))
FILE = re.compile(
    r"`((?:[\w.-]+/)+[\w.-]*\.(?:py|toml|json|css|sql|yaml|template)|(?:[\w.-]+/){2,}" rf"|(?:{ROOMS})/[\w./-]*)`"
)
"""A file or a folder of the repository, as a page names it."""
MADE = ("var/",)
"""Folders that a process makes."""

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(settings.BASE_DIR)))


@each_page
def test_every_relative_link_leads_to_a_file(page):
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]

    assert missing == []


@each_page
def test_every_link_to_a_section_leads_to_one(page):
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)", page.read_text())

    missing = [f"{target}#{section}" for target, section in links if section not in sections_of(page, target)]

    assert missing == []


def sections_of(page, target):
    """The anchors that GitHub makes of the headings of a page."""
    text = ((page.parent / target) if target else page).read_text()
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_every_row_of_a_table_has_as_many_cells_as_its_head(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)

    wrong = [row for table in tables for row in table.splitlines() if cells(row) != cells(table.splitlines()[0])]

    assert wrong == []


def cells(row):
    return re.sub(r"`[^`]*`|\\\|", "", row).count("|")


@each_page
def test_every_file_that_a_page_names_is_there(page):
    named = [name for name in FILE.findall(page.read_text()) if not name.startswith(MADE)]

    assert [name for name in named if not (settings.BASE_DIR / name).exists()] == []


def test_every_module_is_on_the_map():
    _, places = (settings.BASE_DIR / "CONTRIBUTING.md").read_text().split("## Where things are")
    named = set(re.findall(r"`([\w/.]+)`", places))
    packages = re.findall(r"^### (\w+):", places, re.MULTILINE)
    modules = [module for package in packages for module in find_modules(package)]

    missing = [str(module) for module in modules if not {str(module), module.name, *folders_of(module)} & named]

    assert len(modules) > 200
    assert missing == []


def find_modules(package):
    found = [path.relative_to(settings.BASE_DIR) for path in (settings.BASE_DIR / package).rglob("*.py")]
    usual = {"__init__.py", "apps.py", "management", "migrations"}
    return [path for path in found if not usual & {*path.parts}]


def folders_of(module):
    """A folder that is named stands for what is in it."""
    return {f"{folder}/" for folder in module.parents if len(folder.parts) > 1}


def test_every_page_is_in_the_index():
    pages = {page.name for page in DOCS.glob("*.md")} - {"README.md"}

    assert pages <= set(LINK.findall((DOCS / "README.md").read_text()))


def test_the_description_of_a_service_that_a_page_shows_is_a_good_one(tmp_path):
    [shown] = re.findall(r"```toml\n(.*?)```", (DOCS / "add-a-service.md").read_text(), re.DOTALL)
    path = tmp_path / "reviews" / "service.toml"
    path.parent.mkdir()
    path.write_text(shown)

    service = read_service(path)

    check_service(service, services() | {"reviews": service})
    template = (settings.BASE_DIR / "config" / "service_template" / "service.toml").read_text()
    assert service.layers == tomllib.loads(template)["layers"]


def commands_of(page):
    return "\n".join(re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL))


@each_page
def test_commands_hold_no_comment_which_zsh_would_run(page):
    quoted = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)

    assert not re.search(r"(^|\s)#", quoted.sub("''", commands_of(page)))


@each_page
def test_commands_name_the_python_of_manage_py(page):
    run = re.findall(r"(\S+) manage\.py|^manage\.py", commands_of(page), re.MULTILINE)

    assert {python.rsplit("/", maxsplit=1)[-1] for python in run} <= {"python"}


@each_page
def test_commands_can_be_read_by_a_shell(page):
    done = subprocess.run(["sh", "-n"], input=commands_of(page), capture_output=True, text=True, check=False)

    assert done.stderr == ""


@each_page
def test_commands_of_make_and_manage_are_there(page):
    targets = re.findall(r"^([a-z-]+(?: [a-z-]+)*):", (settings.BASE_DIR / "Makefile").read_text(), re.MULTILINE)
    known = {target for line in targets for target in line.split()}

    made = re.findall(r"(?:^|`)make ([a-z][a-z-]*)", commands_of(page), re.MULTILINE)
    run = re.findall(r"manage\.py ([a-z_]+)", commands_of(page))
    assert {*made} <= known
    assert {*run} <= {*get_commands()}
