"""The documentation: what it links to is there."""

import re

import pytest
from django.conf import settings

DOCS = settings.BASE_DIR / "docs"
PAGES = sorted([*settings.BASE_DIR.glob("*.md"), *DOCS.glob("*.md")])
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(settings.BASE_DIR)))
def test_every_relative_link_leads_to_a_file(page):
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]

    assert missing == []


def test_every_page_is_in_the_index():
    pages = {page.name for page in DOCS.glob("*.md")} - {"README.md"}

    assert pages <= set(LINK.findall((DOCS / "README.md").read_text()))
