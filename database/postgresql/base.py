"""A connection that is asked whether it lives without a round trip, and prepares what is worth it."""

import select
from typing import Any

from django.db.backends.postgresql import base


class Cursor(base.ServerBindingCursor):
    """Let a statement be prepared unless it holds a pattern.

    A prepared plan is soon made for any value at all, and for any pattern that is to read everything.
    """

    def execute(self, query: Any, params: Any = None, *, prepare: bool | None = None, **options: Any) -> Any:
        if isinstance(query, str) and " LIKE " in query:
            prepare = False
        return super().execute(query, params, prepare=prepare, **options)  # type: ignore[misc]


class DatabaseWrapper(base.DatabaseWrapper):
    """As Django's, whose `SELECT 1` before each request costs as much as a small query."""

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        if params["cursor_factory"] is base.ServerBindingCursor:
            params["cursor_factory"] = Cursor
        return params

    def is_usable(self) -> bool:
        """Whether the server is still there: an idle connection has nothing to say but that it ended."""
        if self.connection is None:
            return False
        if not self.errors_occurred and is_silent(self.connection.pgconn.socket):
            return True

        return super().is_usable()


def is_silent(line: int) -> bool:
    """Whether nothing has come over a socket, not even its end."""
    poll = select.poll()
    poll.register(line, select.POLLIN)
    return not poll.poll(0)
