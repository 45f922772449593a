"""The database of one service goes away: it says so, the others do not mind, and it heals by itself."""

from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.journeys import databases
from tests.journeys.processes import Process, manage
from tests.journeys.split.shapes import Shape, await_true
from tests.journeys.split.tcp_proxy import Wire

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]


@pytest.fixture
def products(monolith, tmp_path):
    """Products on PostgreSQL at the end of a wire, with the tokens of another shop's accounts."""
    with databases.fresh("postgresql", tmp_path) as url:
        given = urlsplit(url)
        wire = Wire(given.hostname or "127.0.0.1", given.port or 5432)
        user = f"{given.netloc.rpartition('@')[0]}@" if "@" in given.netloc else ""
        own = {
            "SERVICES": "products",
            "DATABASE_URL": urlunsplit(given._replace(netloc=f"{user}127.0.0.1:{wire.port}")),
            "ISSUER": monolith.url,
            "ACCOUNTS_URL": monolith.url,
            "LOG_LEVEL": "ERROR",
        }
        manage(own, "migrate", "--verbosity", "0")
        manage(own, "demo")
        process = Process(own, tmp_path / "products.log")
        try:
            yield Shape("products", process.url, {}), process, wire
        finally:
            process.stop()
            wire.cut()


def test_a_database_away_is_told_and_heals_without_a_restart(products, monolith):
    shape, process, wire = products
    bearer = {"Authorization": f"Bearer {monolith.customer('carol').access}"}
    cookies = {"access": monolith.customer("carol").access}

    def ask(path, **options):
        return shape.ask("GET", path, headers=bearer, **options)

    assert [ask("/api/products/").status_code for _ in range(20)] == [200] * 20

    for _ in range(2):
        wire.cut()
        assert (process.ask("/healthz"), process.ask("/readyz")) == (200, 503)
        assert shape.ask("GET", "/readyz").json()["database"].startswith("unavailable")
        answers = [ask("/api/products/") for _ in range(20)]
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.json()["code"] for answer in answers} == {"database-unavailable"}
        assert "Retry-After" in answers[0].headers
        page = shape.ask("GET", "/products/", cookies=cookies)
        assert (page.status_code, page.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
        admin = shape.ask("GET", "/admin/products/product/", cookies=cookies)
        assert admin.status_code == 503

        wire.mend()
        await_true(lambda: process.ask("/readyz") == 200, "products is ready again", 5)
        assert [ask("/api/products/").status_code for _ in range(20)] == [200] * 20
        assert shape.ask("GET", "/products/", cookies=cookies).status_code == 200
