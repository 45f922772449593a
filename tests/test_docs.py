"""The documentation: what it links to and names is there."""

import re

import pytest
from django.conf import settings

DOCS = settings.BASE_DIR / "docs"
PAGES = sorted([*settings.BASE_DIR.glob("*.md"), *DOCS.glob("*.md")])
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")
FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]*\.(?:py|toml|json|css|sql|yaml|template)|(?:[\w.-]+/){2,})`")
"""A file or a folder of the repository, as a page names it."""
MADE = ("var/",)
"""Folders that a process makes."""

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(settings.BASE_DIR)))


@each_page
def test_every_relative_link_leads_to_a_file(page):
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]

    assert missing == []


@each_page
def test_every_file_that_a_page_names_is_there(page):
    named = [name for name in FILE.findall(page.read_text()) if not name.startswith(MADE)]

    assert [name for name in named if not (settings.BASE_DIR / name).exists()] == []


def test_every_page_is_in_the_index():
    pages = {page.name for page in DOCS.glob("*.md")} - {"README.md"}

    assert pages <= set(LINK.findall((DOCS / "README.md").read_text()))
