"""Databases with many past incidents, made quickly: a thousand recorded by the service's own code, then copied.

The thousand lie evenly over five years, resolved and with final postmortems. A copy is the same rows with other ids,
names and times, so that the running totals are those of one thousand times the number of copies.
"""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from service.domain.events import Alert, Event, EventKind, Observation, ReceivedWebhook
from service.domain.policy import Severity
from service.recorder.commands import AppendEvent, PruneBodies, RecordAlerts
from service.recorder.upkeep import index_titles
from service.recorder.writer import Recorder
from service.settings.model import Settings
from service.store import Store
from service.store import tables as t
from service.store.types import NEVER, End, InstantColumn

BASE = 1_000
SPAN = timedelta(days=5 * 365)
_KEPT = timedelta(days=90)
_SEVERITIES = (Severity.SEV_1, *(Severity.SEV_2,) * 2, *(Severity.SEV_3,) * 4, *(Severity.SEV_4,) * 3)


def record_base(path: Path, span: timedelta = SPAN) -> None:
    """Record the thousand, over `span`, through the recorder, as webhooks and the API would have."""
    with _recorder(path) as recorder, ThreadPoolExecutor(32) as pool:
        now = datetime.now(UTC)
        dice = Random(4)
        lives = [_life(number, now - span + number * (span / BASE), dice) for number in range(BASE)]
        for opening, *_ in lives:  # one after the other, so that ids follow time
            recorder.submit(opening)
        for step in range(1, len(lives[0])):
            list(pool.map(recorder.submit, (life[step] for life in lives)))
        recorder.submit(PruneBodies(now - _KEPT))


def multiply(base: Path, path: Path, incidents: int, span: timedelta = SPAN) -> None:
    """Write a database with so many incidents, a multiple of `BASE`."""
    with _stored(path):
        pass  # the tables are there now, as the service makes them
    copies = incidents // BASE
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-200000"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("ATTACH ? AS base", (str(base),))
        connection.execute("BEGIN")
        stride = span / BASE // copies // timedelta(microseconds=1)
        for table in t.metadata.sorted_tables:
            connection.execute(_copy(table), {"copies": copies, "stride": stride})
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode=WAL")
    if copies > 1:
        _check(path, incidents)
    with _stored(path) as store:
        while index_titles(store):
            pass  # as the service does within the first minutes


_IDS = {"id", "incident_id", "episode_id"}
_NAMES = {"fingerprint", "group_key", "event_id", "incident_key"}
_SERIES = "WITH RECURSIVE series(k) AS (VALUES (0) UNION ALL SELECT k + 1 FROM series WHERE k + 1 < :copies) "


def _copy(table: Any) -> str:
    """Return the statement that fills a table; copies of one row come together, so that keys are written in order."""
    columns = ", ".join(column.name for column in table.columns)
    if table in (t.totals, t.detection_days):
        values = ", ".join(f"{c.name} * :copies" if c.name in ("number", "seconds") else c.name for c in table.columns)
        return f"INSERT INTO {table.name} ({columns}) SELECT {values} FROM base.{table.name} WHERE :stride"
    order = ", ".join(f"base.{table.name}.{c.name}" for c in table.primary_key)
    values = ", ".join(_value(column) for column in table.columns)
    return (
        f"{_SERIES} INSERT INTO {table.name} ({columns}) "
        f"SELECT {values} FROM base.{table.name}, series WHERE :stride ORDER BY {order}, k"
    )


def _value(column: Any) -> str:
    name = column.name
    if isinstance(column.type, InstantColumn):
        return f"{name} + k * :stride"
    if isinstance(column.type, End):
        return f"CASE {name} WHEN {NEVER} THEN {name} ELSE {name} + k * :stride END"
    if name in _IDS:
        return f"({name} - 1) * :copies + k + 1"
    if name in _NAMES:
        return f"{name} || '-' || k"
    return "randomblob(16)" if name == "digest" else name


def _check(path: Path, incidents: int) -> None:
    """Hold the copies to the totals, so that what is measured is what the service itself would have written."""
    with closing(sqlite3.connect(path)) as connection:
        counted = [
            connection.execute(query).fetchone()[0]
            for query in (
                "SELECT count(*) FROM incidents WHERE phase = 'resolved' AND finalized_at IS NOT NULL",
                "SELECT sum(number) FROM totals WHERE indicator = 'opened'",
                "SELECT sum(number) FROM totals WHERE indicator = 'resolve'",
            )
        ]
    if counted != [incidents] * 3:
        msg = f"expected {incidents} incidents and totals, found {counted}"
        raise AssertionError(msg)


@contextmanager
def _stored(path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{path}", Settings().policy())
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _recorder(path: Path) -> Iterator[Recorder]:
    with _stored(path) as store:
        recorder = Recorder(store, Settings().policy())
        try:
            yield recorder
        finally:
            recorder.close()


def _life(number: int, detected_at: datetime, dice: Random) -> tuple[Any, ...]:
    """Return the commands of one incident's life: fired, acknowledged, resolved, drafted, finalized."""
    acknowledged_at = detected_at + timedelta(seconds=dice.uniform(30, 1200))
    resolved_at = acknowledged_at + timedelta(seconds=dice.uniform(300, 20_000))
    drafted_at = resolved_at + timedelta(hours=dice.uniform(1, 30))
    finalized_at = drafted_at + timedelta(hours=dice.uniform(1, 40))
    severity = dice.choice(_SEVERITIES)
    return (
        _webhook(number, severity, detected_at, None),
        _event(number, EventKind.ACKNOWLEDGED, acknowledged_at),
        _webhook(number, severity, detected_at, resolved_at),
        _event(number, EventKind.POSTMORTEM_DRAFTED, drafted_at),
        _event(number, EventKind.POSTMORTEM_FINALIZED, finalized_at),
    )


def _webhook(number: int, severity: Severity, starts_at: datetime, ends_at: datetime | None) -> RecordAlerts:
    name = f"past-{number}"
    alert = Alert(
        observation=Observation(
            source="alertmanager",
            fingerprint=name,
            group_key=f'{{}}:{{pod="{name}"}}',
            starts_at=starts_at,
            ends_at=ends_at,
        ),
        name="HighErrorRate",
        severity=severity,
        labels={"alertname": "HighErrorRate", "pod": name, "namespace": "shop", "job": "node", **_owner(number)},
        annotations={"summary": f"Errors above five percent on {name}"},
        onset_at=starts_at - timedelta(minutes=3),
    )
    body = f"{name} {ends_at}".ljust(900, ".").encode()
    return RecordAlerts((alert,), ReceivedWebhook("alertmanager", body, ends_at or starts_at))


def _owner(number: int) -> dict[str, str]:
    """Return a team and a service, the first of each several times as often as the last."""
    return {"team": f"team-{int((number % 625) ** 0.5)}", "service": f"service-{int((number * 7 % 3600) ** 0.5)}"}


def _event(number: int, kind: EventKind, at: datetime) -> AppendEvent:
    event = Event(event_id=f"{kind}-{number}", kind=kind, occurred_at=at, recorded_at=at, source="api")
    return AppendEvent(number + 1, event)
