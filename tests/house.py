"""A store and its recorder, as the tests of both use them."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from service.domain.events import Alert, Event, EventKind, KeyedEvent
from service.domain.incident_history import IncidentHistory
from service.domain.policy import Milestone, Policy
from service.recorder.commands import (
    AppendEvent,
    Command,
    OpenIncident,
    Outcome,
    PruneBodies,
    RecordAlerts,
    RecordEvents,
)
from service.recorder.writer import Recorder
from service.render.item_keys import ItemKey
from service.store import Store, StoreUnavailable
from service.store.histories import history_of
from service.store.incidents import IncidentFilter, IncidentRow, incident_page
from service.store.outbox import key_of
from service.store.snapshot import Snapshot, snapshot_of
from service.store.tables import metadata, outbox
from tests.builders import at, delivery, event, policy


class House:
    """A store and its recorder. Times are minutes of the builders."""

    def __init__(self, path: Path | str, rules: Policy | None = None, **recorder: Any) -> None:
        self.url = path if isinstance(path, str) else f"sqlite:///{path}"
        self.policy = rules or policy()
        self.store = Store.open(self.url, self.policy)
        self.recorder = Recorder(self.store, self.policy, **recorder)
        self.gate = threading.Event()

    def submit(self, command: Command) -> tuple[Outcome, ...]:
        return self.recorder.submit(command)

    def send(self, *alerts: Alert, received: float = 600) -> list[int]:
        """Take in a notification; answers the ids of the incidents it touched."""
        return [o.incident_id for o in self.submit(self.notice(*alerts, received=received))]

    def notice(self, *alerts: Alert, received: float = 600) -> Command:
        """The command for a notification."""
        return RecordAlerts(alerts, delivery(received))

    def open(self, *events: Event) -> int:
        """Open an incident by hand, at 0 where nothing else is said."""
        (outcome,) = self.submit(OpenIncident(events or (event(EventKind.DETECTED),)))
        return outcome.incident_id

    def tell(self, incident_id: int, kind: EventKind, minutes: float = 0, **fields: Any) -> Outcome:
        """Append an event."""
        (outcome,) = self.submit(AppendEvent(incident_id, event(kind, minutes, **fields)))
        return outcome

    def hook(self, *events: tuple[str, Event], body: bytes = b"[]") -> tuple[Outcome, ...]:
        """Send events by the sender's own keys."""
        keyed = tuple(KeyedEvent(key, event) for key, event in events)
        return self.submit(RecordEvents(keyed, delivery(0, body, source="lifecycle")))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the writer before a transaction, so that what is submitted meanwhile queues up behind it.

        The writer goes on at the end, or when the test sets `gate`.
        """
        entered, self.gate = threading.Event(), threading.Event()
        transaction = self.store.transaction

        def wait() -> Any:
            entered.set()
            self.gate.wait(20)
            return transaction()

        self.store.transaction = wait  # type: ignore[method-assign]

        def block() -> None:
            with suppress(StoreUnavailable):  # a test may be about that; this command is not
                self.submit(PruneBodies(at(-(10**6))))

        blocker = threading.Thread(target=block)
        blocker.start()
        try:
            assert entered.wait(20)
            yield
        finally:
            self.gate.set()
            blocker.join()
            self.store.transaction = transaction  # type: ignore[method-assign]

    def together(self, *commands: Command) -> list[Any]:
        """Submit commands so that they are recorded in one batch, in this order; answers what each gave or raised."""
        results: list[Any] = [None] * len(commands)

        def submit(number: int) -> None:
            try:
                results[number] = self.submit(commands[number])
            except Exception as error:
                results[number] = error

        threads = [threading.Thread(target=submit, args=[number]) for number in range(len(commands))]
        with self.held():
            for number, thread in enumerate(threads):
                thread.start()
                wait_until(lambda waiting=number + 1: self.recorder.queue_length == waiting)
        for thread in threads:
            thread.join()
        return results

    def get(self, incident_id: int) -> IncidentHistory:
        history = self.store.read(history_of, incident_id, self.policy)
        assert history is not None
        return history

    def snapshot(self, minutes: float = 0, cap: int = 1000) -> Snapshot:
        return self.store.read(snapshot_of, at(minutes), cap)

    def counters(self) -> dict[tuple[str, str, str, int], int]:
        """The running totals by indicator, severity, source of the resolution and bound."""
        totals = self.snapshot().totals
        return {(t.indicator.value, t.severity.value, t.resolution_source, t.le): t.count for t in totals}

    def rows(self, query: str) -> Sequence[Any]:
        """Look into the database, past all of the store's own queries."""
        with self.store._engine.connect() as connection:
            return connection.execute(text(query)).all()

    def outbox_keys(self) -> list[ItemKey]:
        """The keys of the outbox's rows, in the order in which they were enqueued."""
        with self.store._engine.connect() as connection:
            return [key_of(row) for row in connection.execute(outbox.select().order_by(outbox.c.id))]

    def empty(self) -> None:
        """Empty every table: a database for each example would cost more than all the rest."""
        with self.store._engine.begin() as connection:
            for table in metadata.sorted_tables:
                connection.execute(table.delete())

    def intervals(self) -> list[tuple[float, float | None]]:
        """All incidents as minutes from detection to resolution, sorted."""
        return sorted((_interval(row.milestones) for row in listed(self.store)), key=str)

    def close(self) -> None:
        self.recorder.close()
        self.store.close()


def listed(store: Store, **filter_: Any) -> Sequence[IncidentRow]:
    """The rows of a store's incidents, newest first."""
    return store.read(incident_page, IncidentFilter(**filter_), limit=1000).rows


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for something that other threads bring about."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it did not happen within 20 s"
        time.sleep(0.0005)


def minutes(instant: datetime) -> float:
    return (instant - at(0)).total_seconds() / 60


def _interval(milestones: Any) -> tuple[float, float | None]:
    resolved = milestones.get(Milestone.RESOLVED)
    return minutes(milestones[Milestone.DETECTED]), None if resolved is None else minutes(resolved)
