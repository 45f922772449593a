"""Every service says what it holds of a person, and has its events forget."""

import pytest
from django.conf import settings

from tokens.registry import find_module
from wire.retention.personal_data import find_subs, hooks, write_export


@pytest.mark.parametrize("service", settings.SERVICES)
def test_every_service_hands_out_and_forgets(service):
    assert {"find", "export", "erase"} <= vars(hooks()[service]).keys()
    assert "forget people" in find_module(service, "jobs").JOBS


@pytest.mark.django_db
def test_of_nobody_there_is_nothing_but_the_names_of_tables():
    document = b"".join(write_export([]))

    assert document.startswith(b"{")
    assert find_subs("6E2A1B34 00004000-8000000000000000") == {"6e2a1b34-0000-4000-8000-000000000000"}
