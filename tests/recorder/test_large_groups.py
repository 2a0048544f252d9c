"""Incidents of very many firings are loaded in part, and come out as if they had been loaded whole."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from sqlalchemy import select

from service.domain.episodes import UNASSIGNED
from service.domain.events import EventKind as K
from service.domain.firings import Firings, add_up
from service.domain.grouping import assign, clusters, connected
from service.domain.policy import Severity
from service.recorder.batch import Batch
from service.recorder.commands import AppendEvent, CloseStale, RecordAlerts
from service.recorder.large_groups import certain_incidents
from service.recorder.writer import Ticket
from service.store import tables as t
from service.store.loaded import IncidentState, LoadedRows
from service.store.store import Transaction
from tests.builders import alert, at, delivery, episode, event, policy
from tests.house import House

ACTS = [K.ACKNOWLEDGED, K.MITIGATED, K.RESOLVED, K.RESOLVED, K.REOPENED, K.DISMISSED, K.SEVERITY_CHANGED, K.CORRECTED]
MINUTES = st.integers(0, 60)


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    built = [House(tmp_path_factory.mktemp("database") / "mttx.db") for _ in range(2)]
    yield built
    for house in built:
        house.close()


@st.composite
def reports(draw):
    """One report of an alert, most often a firing in the group of all others."""
    name = draw(st.sampled_from("abcdefgh"))
    starts = draw(st.sampled_from(range(0, 61, 4)))
    length = draw(st.sampled_from([None, None, None, 0, 4, 8, 20, 40]))
    report = alert(
        starts,
        None if length is None else starts + length,
        fingerprint=name,
        group=draw(st.sampled_from("gggh")),
        peer=draw(st.sampled_from(["", "", "other"])),
        severity=draw(st.sampled_from([Severity.SEV_3, Severity.SEV_3, Severity.SEV_2])),
        onset=draw(st.none() | st.integers(0, starts)),
        labels=draw(st.sampled_from([{}, {"incident_type": "data"}, {"incident_type": "model,data", "team": "x"}])),
        annotations={"summary": name},
    )
    return replace(report, aliases=draw(st.sampled_from([(), (), (), ("one",)])))


@st.composite
def steps(draw):
    """What is recorded in one transaction: notifications, and events of incidents by their numbers."""
    commands = []
    for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
        if draw(st.integers(0, 8)):
            alerts = tuple(draw(st.lists(reports(), min_size=1, max_size=3)))
            commands.append(("alerts", alerts, draw(st.integers(60, 120))))
        else:
            commands.append(("event", draw(st.sampled_from(ACTS)), draw(st.integers(1, 3)), draw(MINUTES)))
    if not draw(st.integers(0, 30)):
        commands.append(("stale", draw(st.integers(24 * 60, 26 * 60))))
    return commands


def command(step, number):
    match step:
        case ("alerts", alerts, received):
            return RecordAlerts(alerts, delivery(received, str(number).encode()))
        case ("stale", minutes):
            return CloseStale(at(minutes))
        case (_, kind, incident_id, minutes):
            about = {"milestone": "started", "occurred_at": at(minutes).isoformat()} if kind is K.CORRECTED else {}
            severity = Severity.SEV_1 if kind is K.SEVERITY_CHANGED else None
            named = f"{kind}-{number}"
            return AppendEvent(incident_id, event(kind, minutes, event_id=named, data=about, severity=severity))


def record(house, commands):
    house.recorder._commit([Ticket(command, lambda _: None) for command in commands])


def empty(house):
    with house.store._engine.begin() as connection:
        for table in t.metadata.sorted_tables:
            connection.execute(table.delete())


def all_rows(house):
    """Everything that is stored, save what large incidents add up to."""
    rows = {}
    with house.store._engine.connect() as connection:
        for table in t.metadata.sorted_tables:
            columns = [c for c in table.columns if c.name != "firings"]
            rows[table.name] = sorted(map(str, connection.execute(select(*columns))))
    return rows


def check_sums(house):
    with house.store._engine.connect() as connection:
        stored = connection.execute(select(t.incidents.c.id, t.incidents.c.firings, t.incidents.c.merged_into)).all()
    for row in stored:
        if row.firings and row.merged_into is None:
            episodes = sorted(house.get(row.id).episodes, key=lambda e: e.id)
            assert TypeAdapter(Firings).validate_python(row.firings) == add_up(episodes)


@settings(max_examples=60, deadline=None)
@given(batches=st.lists(steps(), min_size=8, max_size=25))
def test_it_makes_no_difference(houses, batches):
    for house in houses:
        empty(house)
    with pytest.MonkeyPatch.context() as patched:
        for number, step in enumerate(batches):
            commands = [command(step_, f"{number}-{i}") for i, step_ in enumerate(step)]
            for house, many in zip(houses, (1, 10**9), strict=True):
                patched.setattr(LoadedRows, "MANY", many)
                patched.setattr(LoadedRows, "SAMPLE", 2)
                record(house, commands)
    assert all_rows(houses[0]) == all_rows(houses[1])
    check_sums(houses[0])


# --- without a store ------------------------------------------------------------------------------------------------

WINDOW = policy().reopen_window
SPANS = st.tuples(st.sampled_from(range(0, 61, 4)), st.sampled_from([None, None, 0, 4, 8, 20]))


def fired(number, span, incident_id=UNASSIGNED):
    starts, length = span
    ends = None if length is None else starts + length
    return episode(starts, ends, id=number, fingerprint=f"{number:03}", incident_id=incident_id)


def grouped(batch):
    """The incident of each episode, where all of them are looked at."""
    by_group = [clusters((batch.episodes[e] for e in batch.groups[g]), {}, WINDOW) for g in sorted(batch.groups)]
    assignment = assign(connected(by_group, WINDOW, {}), {})
    fresh = {e: 100 + number for number, part in enumerate(assignment.fresh) for e in part}
    return {**assignment.kept, **fresh}


def add(batch, change, groups):
    batch.episodes[change.id] = change
    batch.set_groups(change.id, frozenset(("alertmanager", name) for name in groups))


GROUPS = st.sampled_from(["g", "g", "g", "h", "gh"])


@settings(max_examples=1000, deadline=None)
@given(
    spans=st.lists(st.tuples(SPANS, GROUPS), min_size=2, max_size=7),
    changes=st.lists(st.tuples(st.integers(0, 9), SPANS, st.booleans(), GROUPS), min_size=1, max_size=2),
    named_alike=st.booleans(),
)
def test_it_is_certain_only_of_what_is_so(spans, changes, named_alike):
    batch = Batch(LoadedRows(), policy(), ())
    for number, (span, groups) in enumerate(spans):
        add(batch, fired(number, span), groups)
    if named_alike:
        batch.episodes = {i: replace(e, incident_id=1) for i, e in batch.episodes.items()}
    batch.episodes = {i: replace(batch.episodes[i], incident_id=home) for i, home in grouped(batch).items()}
    before = {i: e.incident_id for i, e in batch.episodes.items()}
    batch.incidents = {i: IncidentState(i, at(0), at(0), partial=True) for i in before.values()}
    batch.partial = list(batch.incidents.values())
    batch.loaded.groups_of |= batch.groups_of
    for number, span, keeps_start, groups in changes:
        old = batch.episodes.get(number)
        batch.regrouped_from.setdefault(number, old)
        if old is None:
            add(batch, fired(number, span), groups)
        else:
            new = fired(number, span, old.incident_id)
            kept = replace(new, starts_at=old.starts_at, ends_at=new.ends_at and max(new.ends_at, old.starts_at))
            batch.episodes[number] = kept if keeps_start else new
    certain = certain_incidents(batch, list(batch.regrouped_from))
    if certain.keys() == batch.regrouped_from.keys():
        assert grouped(batch) == {**before, **{e: state.id for e, state in certain.items()}}


def only_some(transaction, keys, window, *, whole=False, load=Transaction.load):
    assert not whole
    return load(transaction, keys, window)


def test_most_of_what_is_reported_is_certain(house, monkeypatch):
    monkeypatch.setattr(LoadedRows, "MANY", 3)
    monkeypatch.setattr(LoadedRows, "SAMPLE", 2)
    house.send(*(alert(n, fingerprint=f"f{n}") for n in range(6)))
    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "load", only_some)
        house.send(alert(8, fingerprint="one more"))
        house.send(alert(8, fingerprint="one more"), received=700)
        house.send(alert(8, 9, fingerprint="one more"))
    house.send(alert(5, 15, fingerprint="f5"))
    house.send(alert(20, fingerprint="f6"))
    assert house.intervals() == [(0, None)]
