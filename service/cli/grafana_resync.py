"""One run of `mttx grafana resync`: recreates every annotation, with or without a running service."""

import time
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.clients.errors import Reason, RequestFailed
from service.delivery.counters import DeliveryCounters
from service.delivery.grafana import GRAFANA
from service.settings.model import Settings
from service.store import Store, StoreRefused, StoreUnavailable
from service.wiring.delivery import grafana_dispatcher

MAX_FAILURES = 3
"""Consecutive failures before it gives up; the remaining rows stay in the outbox."""
STALLED_SECONDS = 180.0
"""Seconds without a delivery before it gives up; longer than the claims of a killed process last."""
COUNT_EVERY = 1.0
WAIT_SECONDS = 0.2


def _now() -> datetime:
    return datetime.now(UTC)


class Resync:
    """One run; `since` None: all incidents. Raises ClickException if the database is unusable."""

    def __init__(self, settings: Settings, since: datetime | None) -> None:
        self._since = since
        try:
            self._store = Store.beside(settings.database, settings.policy())
        except StoreRefused as error:
            raise click.ClickException(str(error)) from error
        self._counters = DeliveryCounters([GRAFANA], list(Reason))
        self._dispatcher = grafana_dispatcher(settings, self._store.outbox, self._counters, _now, resyncs=True)

    def run(self, *, show: bool) -> dict[str, Any]:
        """Enqueue all incidents, deliver until the outbox is empty, and return the result."""
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not show,
        )
        try:
            with bar:
                incidents = self._mark(bar)
                self._deliver(bar)
            return self._result(incidents)
        except StoreUnavailable as error:
            raise click.ClickException(str(error)) from error

    def close(self) -> None:
        """Close the connections to Grafana and to the database."""
        self._dispatcher.stop()
        self._store.close()

    @property
    def _delivered(self) -> int:
        return self._counters.counts()[0][GRAFANA]

    def _mark(self, bar: Progress) -> int:
        task, done = bar.add_task("Marking incidents", total=None), 0
        for done in self._store.outbox.resync(GRAFANA, self._since, _now()):
            bar.update(task, completed=done)
        bar.update(task, total=done, completed=done)
        return done

    def _deliver(self, bar: Progress) -> None:
        task, left = bar.add_task("Annotations", total=None), 1
        moved = counted = time.monotonic()
        while left and not self._gives_up(moved):
            busy = self._dispatcher.step()
            if busy and time.monotonic() - counted < COUNT_EVERY:
                continue
            before, left, counted = left, self._store.outbox.backlog(GRAFANA, _now()).pending, time.monotonic()
            moved = counted if left != before else moved
            bar.update(task, completed=self._delivered, total=self._delivered + left)
            if not busy and left:
                time.sleep(WAIT_SECONDS)

    def _gives_up(self, moved: float) -> bool:
        trouble = self._dispatcher.last_error
        refused = trouble is not None and trouble.permanent
        return refused or self._dispatcher.failures >= MAX_FAILURES or time.monotonic() - moved > STALLED_SECONDS

    def _result(self, incidents: int) -> dict[str, Any]:
        waiting = self._store.outbox.backlog(GRAFANA, _now())
        trouble: RequestFailed | None = self._dispatcher.last_error
        return {
            "incidents": incidents,
            "delivered": self._delivered,
            "pending": waiting.pending,
            "stopped": waiting.stopped,
            "trouble": str(trouble) if trouble else ("every delivery to Grafana failed" if waiting.pending else None),
            "complete": not waiting.pending and not waiting.stopped,
        }
