"""PostgreSQL connections with bounded waits: a server may hang while its kernel keeps connections open.

Only a client-side timeout helps then: the server's timeouts hang with it, and its kernel sees no fault.
"""

import time
from typing import Any

from psycopg import Connection, OperationalError
from psycopg.abc import RV, PQGen

CHECK_SECONDS = 3.0
"""For statements before a transaction: a connection that does not answer within this time is not used."""


class BoundedConnection(Connection[Any]):
    """Waits at most `timeout_seconds` for the response to a statement, then closes: the statement's outcome is unknown.

    None: waits without limit. `is_pooled`: a pooler such as PgBouncer is in between, and sessions are shared.
    """

    timeout_seconds: float | None = CHECK_SECONDS
    is_pooled: bool = False
    _given_up: str = ""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for a response; every request to the server goes through here."""
        if timeout is not None or (timeout_seconds := self.timeout_seconds) is None:
            return super().wait(gen, interval, timeout)
        began = time.monotonic()
        try:
            return super().wait(gen, interval, timeout_seconds)
        except OperationalError as error:
            if time.monotonic() - began < timeout_seconds:  # the server's own error
                raise
            self.pgconn.finish()
            self._given_up = f"no answer within {timeout_seconds:.0f} s"
            raise OperationalError(self._given_up) from error

    def rollback(self) -> None:
        """Roll back, or raise why the connection is gone."""
        try:
            super().rollback()
        except OperationalError as error:
            if not self._given_up:
                raise
            raise OperationalError(self._given_up) from error
