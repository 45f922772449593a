"""A connection that died is noticed before it is used, without asking the server."""

import pytest
from django.db import connection, connections

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


@pytest.fixture
def other():
    """A connection as a request leaves it behind; the tests' own stays whole."""
    left = connections["default"].copy()
    left.ensure_connection()
    yield left
    left.close()


def test_a_living_connection_is_kept(other):
    assert other.is_usable() is True


def test_a_connection_that_the_server_ended_is_opened_anew(other):
    pid = other.connection.info.backend_pid
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    assert other.is_usable() is False


def test_a_pattern_is_never_prepared(other):
    with other.cursor() as cursor:
        for _ in range(20):
            cursor.execute("SELECT 1 WHERE 'tea' LIKE %s", ["%t%"])
            cursor.execute("SELECT 2 WHERE 'tea' = %s", ["tea"])
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        prepared = [statement for (statement,) in cursor.fetchall()]

    assert [statement[:8] for statement in prepared] == ["SELECT 2"]
