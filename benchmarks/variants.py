"""The two servers to compare with: `mttx serve` with another recorder and everything else as it is.

Run as `python -m benchmarks.variants no-store|naive serve`; each server is configured by MTTX_* like the real one.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

from service.cli import main
from service.domain.incident import Phase
from service.domain.policy import Policy
from service.recorder.commands import Command, Outcome
from service.recorder.writer import Recorder, Ticket
from service.store import Store
from service.wiring import exporter


class NoStore(Recorder):
    """Answers at once and records nothing: what Granian, Flask and the parsing cost without a store."""

    def submit(self, command: Command) -> tuple[Outcome, ...]:  # noqa: ARG002 - it takes what the real one takes
        """Pretend to have opened an incident."""
        return (Outcome(1, Phase.DETECTED),)

    def enqueue(self, command: Command, done: Callable[[Ticket], None]) -> None:
        """Do the same."""
        ticket = Ticket(command, done)
        ticket.outcomes = self.submit(command)
        done(ticket)


class Naive(Recorder):
    """Records with the same code, but each request opens and commits a transaction of its own, in its own thread.

    Whose turn it is SQLite decides, as it does where nobody thought of it.
    """

    def __init__(self, store: Store, policy: Policy, **limits: Any) -> None:
        super().__init__(store, policy, **limits)
        self._threads = ThreadPoolExecutor(64)
        store._turn = nullcontext()  # type: ignore[assignment]  # the store lets writers in one after the other

    def submit(self, command: Command) -> tuple[Outcome, ...]:
        """Record one command as a batch of one, without the writer's thread."""
        ticket = Ticket(command, lambda _: None)
        self._record([ticket])
        if ticket.error is not None:
            raise ticket.error
        return ticket.outcomes

    def enqueue(self, command: Command, done: Callable[[Ticket], None]) -> None:
        """Do the same in a thread, and then call `done`."""

        def record() -> None:
            ticket = Ticket(command, done)
            self._record([ticket])
            done(ticket)

        self._threads.submit(record)


VARIANTS: dict[str, Any] = {"no-store": NoStore, "naive": Naive}


if __name__ == "__main__":
    exporter.Recorder = VARIANTS[sys.argv.pop(1)]  # type: ignore[attr-defined]  # the worker is forked from this process
    main(prog_name="mttx")
