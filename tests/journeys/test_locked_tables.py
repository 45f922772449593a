"""A table that somebody locks whole: what a process says of itself is true."""

from contextlib import contextmanager
from http import HTTPStatus

import pytest
import requests

from tests.journeys import databases
from tests.journeys.processes import manage, serving
from tests.journeys.shops import Shop

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]

AT_LENGTH = "300"
"""Seconds that a request may wait: nobody in these tests is let go for that."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("locked")
    with databases.fresh("postgresql", folder) as url:
        environment = {"DATABASE_URL": url, "LOG_LEVEL": "ERROR", "REQUEST_SECONDS": AT_LENGTH}
        manage(environment, "migrate", "--verbosity", "0")
        manage(environment, "demo")
        manage(environment, "work", "--once")
        with serving(environment, folder / "server.log") as process:
            yield Shop(environment, process, folder)


@contextmanager
def locked(shop, table):
    """A table is locked whole, as by a hand-made `ALTER TABLE`."""
    import psycopg

    with psycopg.connect(shop.environment["DATABASE_URL"], autocommit=True) as connection, connection.transaction():
        connection.execute(f"LOCK TABLE {table}")
        yield


def get(shop, path, by=""):
    headers = shop.authorize(by) if by else {}
    return requests.get(shop.url + path, headers=headers, timeout=120)


def test_a_process_is_ready_though_nobody_can_say_whether_jobs_run(shop):
    with locked(shop, "orders_lease"):
        answer = get(shop, "/readyz")

    assert (answer.status_code, answer.json()["work"]) == (HTTPStatus.OK, "unknown: OperationalError")


@pytest.mark.parametrize(
    ("table", "missing"),
    [
        ("orders_order", "tessera_orders{"),
        ("accounts_mail", "tessera_mails{"),
    ],
)
def test_metrics_lack_what_stands_in_that_table_alone(shop, table, missing):
    figures = ("tessera_orders{", "tessera_job_late_seconds{", "tessera_mails{", "tessera_signing_key_age_seconds{")

    with locked(shop, table):
        lines = get(shop, "/metrics").text.splitlines()

    assert "tessera_database_up 1.0" in lines
    assert [each for each in figures if not any(line.startswith(each) for line in lines)] == [missing]
