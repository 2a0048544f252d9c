"""The running totals and the rows of the incidents against a full recount from the history, after a day of anything."""

from collections import Counter, defaultdict
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from service.domain.events import EventKind
from service.domain.incident import Phase
from service.domain.policy import Milestone, Severity, Stage
from service.metrics.measurements import Measuring
from service.recorder.commands import AppendEvent, CloseStale, Refused
from tests.builders import alert, at, event
from tests.house import House, listed
from tests.store.conftest import ENGINES
from tests.store.recount import Recount

K = EventKind
DAY = 24 * 60

SEVERITIES = {"x": Severity.SEV_3, "y": Severity.SEV_2, "z": Severity.SEV_2}
LABELS = {"x": {"team": "payments", "service": "api"}, "y": {"team": "search"}, "z": {"team": "infra", "service": ""}}
WINDOWS = {"1h": timedelta(hours=1), "2d": timedelta(days=2)}

minutes = st.integers(0, 60)
which = st.integers(1, 6)
firing = st.tuples(
    st.sampled_from("xyz"), st.sampled_from("gh"), minutes, st.none() | st.integers(0, 20), st.none() | minutes
)
plain = st.sampled_from(
    [
        (K.STARTED, {}),
        (K.DETECTED, {}),
        (K.ACKNOWLEDGED, {}),
        (K.MITIGATED, {}),
        (K.RESOLVED, {}),
        (K.RESOLVED, {}),
        (K.RESOLVED, {"automated": True}),
        (K.REOPENED, {}),
        (K.DISMISSED, {}),
        (K.SEVERITY_CHANGED, {}),
        (K.ROLE_ASSIGNED, {"role": "commander", "name": "Aki"}),
        (K.NOTE, {"text": "x"}),
        (K.POSTMORTEM_DRAFTED, {}),
        (K.POSTMORTEM_FINALIZED, {}),
        (K.ACTION_OPENED, {"action_id": "a", "due_at": at(30).isoformat()}),
        (K.ACTION_OPENED, {"action_id": "b"}),
        (K.ACTION_COMPLETED, {"action_id": "a"}),
        (K.ACTION_VERIFIED, {"action_id": "b"}),
    ]
)
severities = st.sampled_from([None, None, None, *Severity])
commands = st.lists(
    st.one_of(
        st.tuples(st.just("alerts"), st.lists(firing, min_size=1, max_size=3)),
        st.tuples(st.just("open"), plain, minutes, severities),
        st.tuples(st.just("tell"), which, plain, minutes, severities),
        st.tuples(st.just("tell"), which, plain, minutes, severities),
        st.tuples(st.just("hook"), st.sampled_from("kl"), st.lists(plain, min_size=1, max_size=3), minutes),
        st.tuples(st.just("correct"), which, st.integers(0, 20), minutes),
        st.tuples(st.just("retract"), which, st.integers(0, 20)),
        st.tuples(st.just("pin"), which, st.sampled_from(Milestone), minutes),
        st.tuples(st.just("merge"), which, which),
        st.tuples(st.just("stale"), st.integers(0, 2)),
        st.tuples(st.just("measure"), which, st.sampled_from(["api", "web"]), st.sampled_from([0.0, 0.25, 1.5])),
        st.tuples(st.just("describe"), which, minutes, st.sampled_from(["payments", "search", "", "other"])),
    ),
    min_size=4,
    max_size=18,
)


class Day:
    """Carries out commands, one after the other, with event ids that count up."""

    def __init__(self, house):
        self.house = house
        self.number = 0
        self.now = None

    def carry_out(self, command):
        """Carry out a command; `now` is its time, None where it was refused."""
        name, *rest = command
        self.now = None
        with suppress(Refused):
            getattr(self, name)(*rest)

    def event(self, kind, minute, **fields):
        self.number += 1
        return event(kind, minute, event_id=f"e{self.number:03}", recorded_at=at(self.number), **fields)

    def tell(self, incident_id, kind_and_data, minute, severity=None):
        kind, data = kind_and_data
        made = self.event(kind, minute, data=data, severity=severity)
        self.house.tell(
            incident_id, kind, minute, **{f: getattr(made, f) for f in ("event_id", "recorded_at", "data", "severity")}
        )
        self.now = at(self.number)

    def alerts(self, firings):
        alerts = [
            alert(
                start,
                None if length is None else start + length,
                fingerprint=name,
                group=group,
                onset=onset,
                severity=SEVERITIES[name],
                labels=LABELS[name],
            )
            for name, group, start, length, onset in firings
        ]
        self.house.send(*alerts, received=self.number)
        self.now = at(self.number)

    def describe(self, incident_id, minute, team):
        self.house.submit(AppendEvent(incident_id, self.event(K.DESCRIBED, minute, labels={"team": team})))
        self.now = at(self.number)

    def measure(self, incident_id, slo, spent_ratio):
        """Measure the impact as it is, or of one that is over by now."""
        line = next((line for line in listed(self.house.store) if line.id == incident_id), None)
        milestones = line.milestones if line else {}
        began = milestones.get(Milestone.STARTED, milestones.get(Milestone.DETECTED, at(0)))
        times = {"started_at": began.isoformat(), "ended_at": milestones.get(Milestone.RESOLVED, at(1)).isoformat()}
        self.tell(incident_id, (K.BUDGET_MEASURED, {"slo": slo, "spent_ratio": spent_ratio, **times}), 30)

    def open(self, kind_and_data, minute, severity):
        kind, data = kind_and_data
        self.house.open(self.event(kind, minute, data=data, severity=severity))
        self.now = at(self.number)

    def hook(self, key, kinds, minute):
        self.house.hook(*((key, self.event(kind, minute, data=data)) for kind, data in kinds))
        self.now = at(0)

    def correct(self, incident_id, back, minute):
        target = f"e{self.number - back:03}"
        self.tell(incident_id, (K.CORRECTED, {"event_id": target, "occurred_at": at(minute).isoformat()}), 60)

    def retract(self, incident_id, back):
        self.tell(incident_id, (K.RETRACTED, {"event_id": f"e{self.number - back:03}"}), 60)

    def pin(self, incident_id, milestone, minute):
        data = {"milestone": milestone.value, "occurred_at": at(minute).isoformat()}
        self.tell(incident_id, (K.CORRECTED, data), 60)

    def merge(self, incident_id, into):
        self.tell(incident_id, (K.MERGED, {"into": f"INC-{into}"}), 60)

    def stale(self, days):
        self.house.submit(CloseStale(at(DAY * days + 30)))
        self.now = at(DAY * days + 30)


@pytest.mark.parametrize("engine", ENGINES)
@seed(20260302)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commands)
def test_it_counts_what_a_full_recount_counts(new_database, engine, steps):
    house = House(new_database(engine))
    try:
        day, recount = Day(house), Recount(house)
        for command in steps:
            day.carry_out(command)
            recount.step(day.now and round(day.now.timestamp() * 10**6))
        assert house.counters() == recount.totals
        assert sums(house) == pytest.approx({key: total for key, total in recount.seconds.items() if total})
        check_rows(house, recount)
        check_snapshot(house, recount)
        check_budgets(house, recount)
        check_breakdown(house, recount, at(65))
    finally:
        house.close()


def sums(house):
    seconds = Counter()
    for total in house.snapshot().totals:
        seconds[total.indicator.value, total.severity.value, total.resolution_source] += total.seconds
    return {key: total for key, total in seconds.items() if total}


def check_rows(house, recount):
    """What the writer left in the rows is what the history says, and what a reader computes."""
    lines = {line.id: line for line in listed(house.store)}
    effective = {number: expected for number, expected in recount.incidents.items() if not expected.withdrawn}
    assert set(lines) == set(effective)
    for number, expected in effective.items():
        line, incident = lines[number], house.get(number).incident
        instants = {m: round(i.timestamp() * 10**6) for m, i in line.milestones.items()}
        assert instants == expected.milestones
        assert (line.phase, line.severity) == (expected.phase, expected.severity)
        assert (incident.phase, incident.severity) == (line.phase, line.severity)
        assert incident.milestones == line.milestones
        assert incident.title == line.title
        assert line.dimensions == incident.dimensions == expected.dimensions
        assert incident.resolution_source == expected.source


def check_snapshot(house, recount):
    """The counts of the metrics are those of the incidents one by one."""
    now = 26 * 60
    snapshot = house.snapshot(now)
    live = [(counted, house.get(number).incident) for number, counted in recount.incidents.items()]
    opened = [(t.severity, t.phase) for t, _ in live if t.phase not in (Phase.RESOLVED, Phase.DISMISSED)]
    assert snapshot.open == Counter(opened)
    deadlines = [(t.severity, d) for t, i in live if t.phase != "dismissed" for d in i.deadlines if d.done_at is None]
    assert snapshot.due == Counter((severity, d.stage, d.due_at < at(now)) for severity, d in deadlines)
    owing = {stage for t, _ in live if t.phase != "dismissed" and "finalized" not in t.milestones for stage in Stage}
    assert {stage for _, stage, _ in snapshot.due} <= owing
    assert snapshot.stale == sum(i.stale_at is not None and i.stale_at < at(now) for _, i in live)
    states = [(key, rank) for t, _ in live if t.phase != "dismissed" for key, rank in t.states.items()]
    assert sum(snapshot.actions.values()) == sum(rank == 0 for _, rank in states)


def check_budgets(house, recount):
    """What every incident spent, and the totals of the first measurements."""
    spent = {(i, slo): ratio for i, t in recount.incidents.items() for slo, ratio in t.budgets.items()}
    stored = house.rows("select incident_id, slo, spent_ratio from error_budgets")
    assert {(i, slo): ratio for i, slo, ratio in stored} == spent
    totals = house.snapshot().budget_totals
    assert {(t.slo, t.severity): (t.spent_ratio, t.incidents) for t in totals} == {
        key: (sum(ratios), len(ratios)) for key, ratios in recount.budgets.items()
    }


def check_breakdown(house, recount, now):
    """The numbers of every value of a dimension are those of its incidents, and together those of all."""
    statistics = Measuring(house.store, house.policy, WINDOWS, 100, lambda: 0).statistics(now)
    counted = [i for i in recount.incidents.values() if i.phase != "dismissed" and "detected" in i.milestones]
    for label, most in (("team", 2), ("service", 50)):
        values = {name: [value_of(i, label) for i in within(counted, now, name)] for name in WINDOWS}
        frequent = Counter(value for value in values["2d"] if value not in ("", "other"))
        names = sorted(frequent, key=lambda value: (-frequent[value], value))[:most]
        if not any(values["2d"]):
            assert label not in statistics.breakdowns
            continue
        breakdown = statistics.breakdowns[label]
        assert breakdown.values.names == tuple(names)
        assert breakdown.values.folded == len(set(values["2d"]) - {"", *names})
        for window in WINDOWS:
            groups = defaultdict(list)
            for incident in within(counted, now, window):
                value = value_of(incident, label)
                groups[value if value in ("", *names) else "other"].append(incident)
            counts = ((value, group.counts[window]) for value, group in breakdown.groups.items())
            assert {v: (c.incidents, c.resolved) for v, c in counts if c.incidents} == {
                value: (len(group), sum(i.phase == "resolved" for i in group)) for value, group in groups.items()
            }
            rows = {
                (value, row.indicator.value): row
                for value, group in breakdown.groups.items()
                for row in group.tables[window]
            }
            measured = {key: row.summary.incidents for key, row in rows.items() if row.summary.incidents}
            assert measured == Counter(
                (value, name) for value, group in groups.items() for i in group for name in sampled(i)
            )
            together = Counter({row.indicator: row.summary.incidents for row in statistics.groups[None].tables[window]})
            for (_, _), row in rows.items():
                together[row.indicator] -= row.summary.incidents
            assert not any(together.values())


def value_of(incident, label):
    return incident.dimensions.get(label, "")


def within(counted, now, window):
    since = round((now - WINDOWS[window]).timestamp() * 10**6)
    return [i for i in counted if i.milestones["detected"] > since]


def sampled(incident):
    """The indicators of which an incident has a sample."""
    at, begin = incident.milestones, "started" if "started" in incident.milestones else "detected"
    spans = [("draft", begin, "drafted"), ("finalize", begin, "finalized"), ("detect", "started", "detected")]
    for milestone, name in (("acknowledged", "acknowledge"), ("mitigated", "mitigate")):
        late = "resolved" in at and incident.source != "stale" and at.get(milestone, 0) > at["resolved"]
        spans += [] if late else [(name, "detected", milestone)]
    spans += [("resolve", "detected", "resolved")] if incident.source != "stale" else []
    return [name for name, a, b in spans if a in at and b in at and at[a] <= at[b]]
