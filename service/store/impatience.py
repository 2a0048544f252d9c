"""Connections to PostgreSQL on which nobody waits for ever: a server may hang while its kernel keeps them open.

Only a bound of our own helps then: the server's timeouts hang with it, and to the kernel's all looks well.
"""

import time
from typing import Any

from psycopg import Connection, OperationalError
from psycopg.abc import RV, PQGen

CHECK_SECONDS = 3.0
"""For what comes before a transaction: a connection that does not answer so soon is not used."""


class Impatient(Connection[Any]):
    """Waits no longer than `patience` for the answer to a statement, and is closed then: what became of it is unknown.

    None: for as long as it takes.
    """

    patience: float | None = CHECK_SECONDS
    _given_up: str = ""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for an answer; everything that is asked of the server goes through here."""
        if timeout is not None or (patience := self.patience) is None:
            return super().wait(gen, interval, timeout)
        began = time.monotonic()
        try:
            return super().wait(gen, interval, patience)
        except OperationalError as error:
            if time.monotonic() - began < patience:  # it is the server that says so
                raise
            self.pgconn.finish()
            self._given_up = f"no answer within {patience:.0f} s"
            raise OperationalError(self._given_up) from error

    def rollback(self) -> None:
        """Roll back, or say why there is no connection any more to do that on."""
        try:
            super().rollback()
        except OperationalError as error:
            if not self._given_up:
                raise
            raise OperationalError(self._given_up) from error
