"""A month of incidents as data, at the standard's own scale: who was told what on which day, and the team's policy.

`Replay` tells it to an exporter, as slowly or as fast as wanted. What should fire then: `month_expected`.
"""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
DIMENSIONS = {
    "checkout errors": {"team": "payments", "service": "checkout"},
    "payments down": {"team": "payments"},
    "outage": {"team": "payments", "service": "checkout"},
    "dup rows": {"team": "data", "service": "other"},
    "drift": {"team": "data"},
    "etl late": {"team": "data", "service": "warehouse"},
    "nearest miss": {"team": "data"},
    "lag": {"service": "warehouse"},
}
"""The team and service of those incidents that have any, by their keys."""
KINDS = {"drafted": "postmortem_drafted", "finalized": "postmortem_finalized"}


@dataclass(frozen=True, slots=True)
class Policy:
    """The standard's numbers (sections 2 and 4) in seconds; `review` None: the weekly review on real clocks."""

    deadlines: dict
    review: float | None
    detect: float
    acknowledge: float
    resolve: dict
    stale_after: float
    reopen_window: float

    def faster(self, scale):
        """Return the same policy for a month in which everything happens `scale` times as fast."""
        return Policy(
            {s: {stage: allowed / scale for stage, allowed in of.items()} for s, of in self.deadlines.items()},
            7 * DAY / scale,
            self.detect / scale,
            self.acknowledge / scale,
            {s: limit / scale for s, limit in self.resolve.items()},
            self.stale_after / scale,
            self.reopen_window / scale,
        )

    def settings(self):
        """Return the mttx.yml that says the same."""
        deadlines = {s: {stage: _ms(allowed) for stage, allowed in of.items()} for s, of in self.deadlines.items()}
        return {
            "deadlines": {**deadlines, "SEV-4": {"final": _ms(self.review)}},
            "targets": {
                "detect": {"p95": _ms(self.detect)},
                "acknowledge": {"p95": _ms(self.acknowledge)},
                "resolve": {s: {"mean": _ms(limit)} for s, limit in self.resolve.items()},
            },
            "stale_after": _ms(self.stale_after),
            "reopen_window": _ms(self.reopen_window),
        }


STANDARD = Policy(
    deadlines={
        "SEV-1": {"draft": 12 * HOUR, "final": 48 * HOUR},
        "SEV-2": {"draft": 24 * HOUR, "final": 72 * HOUR},
        "SEV-3": {"draft": 48 * HOUR, "final": 120 * HOUR},
    },
    review=None,
    detect=5 * MINUTE,
    acknowledge=10 * MINUTE,
    resolve={"SEV-1": 2 * HOUR, "SEV-2": 6 * HOUR},
    stale_after=24 * HOUR,
    reopen_window=15 * MINUTE,
)


def _ms(seconds):
    assert round(seconds * 1000, 6).is_integer(), f"{seconds} s is no whole number of milliseconds"
    return f"{round(seconds * 1000)}ms"


@dataclass(frozen=True, slots=True)
class MonthEvent:
    """What happened on a `day` of the month (1.5 is noon of the second). `key` is the incident's title too.

    It is told on that day, or on a later one (`told_on`): nobody tells when it began before anybody noticed.
    """

    day: float
    key: str
    kind: str
    severity: str | None = None
    data: dict = field(default_factory=dict)
    told_on: float = -inf

    @property
    def known_on(self):
        return max(self.day, self.told_on)


def incident(key, severity, day, **hours):
    """Give the news of an incident detected on `day`, each milestone `hours` later (or earlier, if negative)."""
    yield MonthEvent(day, key, "detected", severity)
    for milestone, after in hours.items():
        yield MonthEvent(day + after / 24, key, KINDS.get(milestone, milestone), told_on=day)


def _action(day, key, action_id, due_day):
    return MonthEvent(
        day, key, "action_opened", data={"action_id": action_id, "action_type": "Code", "due_day": due_day}
    )


BEFORE, MOMENT = -1 / 20, 1 / 12  # three minutes before, five minutes after

QUIET = (
    # Handled as the standard wants it; also the ground that the statistics stand on.
    *incident("etl late", "SEV-3", 2.0, started=BEFORE, acknowledged=MOMENT, mitigated=1, resolved=3),
    *incident("feed gap", "SEV-2", 4.3, started=BEFORE, acknowledged=MOMENT, resolved=5, drafted=20, finalized=60),
    *incident("wrong price", "SEV-1", 6.1, started=BEFORE, acknowledged=MOMENT, resolved=1.5, drafted=10, finalized=40),
    # Late by an hour with the final version: one of two only, which is too few to raise an alert.
    *incident("bad model", "SEV-1", 11.0, started=BEFORE, acknowledged=MOMENT, resolved=1, drafted=11, finalized=49),
    MonthEvent(3.0, "etl late", "postmortem_drafted"),
    MonthEvent(6.5, "etl late", "postmortem_finalized"),
)
PAST = (
    # Detected before the 30 days of the window where the month is told at its true scale.
    *incident("last month", "SEV-2", -5.0, started=-3, acknowledged=9, resolved=40, drafted=60, finalized=90),
    *incident("slow api", "SEV-2", 9.0, started=BEFORE, acknowledged=MOMENT, resolved=10, drafted=30, finalized=60),
    # The start comes after the detection, which cannot be; corrected on day 28.1.
    *incident("typo", "SEV-3", 13.0, started=1, acknowledged=MOMENT, resolved=4, drafted=30, finalized=90),
    MonthEvent(28.1, "typo", "corrected", data={"milestone": "started", "day": 12.99}),
    # Nobody knows when it began and no person touched it; the deadlines run from the detection.
    *incident("report wrong", "SEV-3", 14.0, drafted=60, finalized=90),
    MonthEvent(14.8, "report wrong", "resolved", data={"automated": True}),
    # Found and ended by alerts; the draft comes a week late, the final version never.
    MonthEvent(18.0, "checkout errors", "firing"),
    MonthEvent(18.125, "checkout errors", "ended"),
    MonthEvent(25.9, "checkout errors", "drafted by API"),
)
OWED = (
    *incident("queue stuck", "SEV-3", 20.0, started=BEFORE, acknowledged=0.15, resolved=4, drafted=40, finalized=206.4),
    *incident("drift", "SEV-3", 22.5, started=BEFORE, acknowledged=0.2, resolved=5),
    *incident("double order", "SEV-1", 24.2, started=BEFORE, acknowledged=0.35, resolved=2.75, drafted=9),
    # Late with the draft, then in time with the final version, while the reminder was out.
    *incident("dup rows", "SEV-2", 24.6, started=BEFORE, acknowledged=0.1, resolved=4, drafted=33.6, finalized=67.2),
    *incident("near miss", "SEV-4", 17.0, acknowledged=MOMENT, resolved=1, started=-1),
    *incident("nearer miss", "SEV-4", 20.5, acknowledged=MOMENT, resolved=1, started=BEFORE, finalized=184.8),
    *incident("nearest miss", "SEV-4", 27.1, acknowledged=MOMENT, resolved=1, started=BEFORE),
    _action(6.6, "etl late", "A-01", 26.3),
    MonthEvent(27.7, "etl late", "action_completed", data={"action_id": "A-01"}),
    _action(6.6, "etl late", "A-02", 20.0),
    _action(6.6, "etl late", "A-03", 40.0),
    _action(6.6, "etl late", "A-04", 10.0),
    MonthEvent(9.0, "etl late", "action_completed", data={"action_id": "A-04"}),
)
LIVE = (
    *incident("forgotten", "SEV-4", 24.0, started=BEFORE),
    # Becomes a SEV-1 on day 26: its draft is overdue, and its time to resolve exceeded, at once.
    *incident("grows", "SEV-3", 25.2, started=BEFORE, acknowledged=0.25, drafted=33.6, resolved=64.8),
    MonthEvent(26.0, "grows", "severity_changed", "SEV-1"),
    *incident("login down", "SEV-2", 25.5, started=BEFORE, acknowledged=24, resolved=48),
    *incident("false alarm", "SEV-2", 26.2, dismissed=16.8),
    # The acknowledgement is that of a person who says it is over.
    *incident("flapping", "SEV-2", 26.4, started=BEFORE, resolved=4.8, reopened=21.6),
    MonthEvent(28.9, "flapping", "resolved"),
    *incident("kill switch", "SEV-1", 27.0, started=BEFORE, acknowledged=3, mitigated=6, resolved=8, drafted=18),
    MonthEvent(25.4, "", "rejected"),
    MonthEvent(28.05, "payments down", "firing", data={"truncated": 2}),
    MonthEvent(29.2, "payments down", "ended"),
    *incident("outage", "SEV-1", 28.3, started=BEFORE, acknowledged=2.4, mitigated=9.6),
    *incident("latency", "SEV-3", 28.7, started=BEFORE),
    *incident("lag", "SEV-2", 29.3, started=BEFORE),
)
MONTH = tuple(sorted((*QUIET, *PAST, *OWED, *LIVE), key=lambda event: event.known_on))


@dataclass(frozen=True, slots=True)
class Post:
    """What one request told; the exporter knew it at the latest when it `answered`, and not before it was `sent`."""

    events: tuple
    sent: float
    answered: float


class Replay:
    """An exporter that is told the month, whose day 0 began at `origin` and whose days are `scale` times as short."""

    def __init__(self, exporter, job, policy, origin, scale=1.0):
        self.exporter = exporter
        self.job = job
        self.policy = policy
        self.origin = origin
        self.scale = scale
        self.posts = []
        self._numbers = {}

    def instant(self, day):
        """Return the Unix time of a day of the month, to the microsecond as it is told."""
        return round(self.origin + day * DAY / self.scale, 6)

    def timestamp(self, day):
        return datetime.fromtimestamp(self.instant(day), UTC).isoformat(timespec="microseconds")

    def tell(self, news):
        """Tell all of it: as few requests as keep the order."""
        batch = []
        for event in news:
            if event.kind in {"firing", "ended", "rejected", "drafted by API"}:
                self._send_events(batch)
                batch = []
                self._send(event)
            else:
                batch.append(event)
        self._send_events(batch)

    def _send_events(self, batch):
        if batch:
            self._post(batch, 200, "/webhooks/lifecycle", [self._event(event) for event in batch])

    def _send(self, report):
        match report.kind:
            case "rejected":
                self._post([report], 400, "/webhooks/alertmanager", {"version": "5", "alerts": []})
            case "drafted by API":
                event = {"kind": "postmortem_drafted", "occurred_at": self.timestamp(report.day)}
                self._post([report], 201, f"/api/v1/incidents/{self.number(report.key)}/events", event)
            case kind:
                self._post([report], 200, "/webhooks/alertmanager", self._notification(report, kind))

    def _post(self, batch, status, path, body):
        sent = time.time()
        self.exporter.post(path, body).expect(status)
        self.posts.append(Post(tuple(batch), sent, time.time()))

    def _event(self, report):
        event = {"incident_key": report.key, "kind": report.kind, "occurred_at": self.timestamp(report.day)}
        if report.kind == "detected":
            event["title"] = report.key
            event["labels"] = DIMENSIONS.get(report.key, {})
        if report.severity:
            event["severity"] = report.severity
        data = dict(report.data)
        for given_as, name in (("day", "occurred_at"), ("due_day", "due_at")):
            if given_as in data:
                data[name] = self.timestamp(data.pop(given_as))
        return event | {"data": data}

    def _notification(self, event, kind):
        began = next(other.day for other in MONTH if other.key == event.key and other.kind == "firing")
        labels = {"alertname": event.key.title().replace(" ", ""), "severity": "critical"}
        labels |= DIMENSIONS.get(event.key, {})
        alert = {
            "status": "firing" if kind == "firing" else "resolved",
            "labels": labels,
            "annotations": {"summary": event.key},
            "startsAt": self.timestamp(began),
            "endsAt": "0001-01-01T00:00:00Z" if kind == "firing" else self.timestamp(event.day),
            "generatorURL": "",
            "fingerprint": event.key.encode().hex()[:16],
        }
        return {
            "version": "4",
            "groupKey": f"{{}}:{{{event.key}}}",
            "truncatedAlerts": event.data.get("truncated", 0),
            "status": alert["status"],
            "receiver": "mttx",
            "groupLabels": {},
            "commonLabels": {},
            "commonAnnotations": {},
            "externalURL": "http://127.0.0.1",
            "alerts": [alert],
        }

    def number(self, title):
        """Return the number that the exporter gave to an incident."""
        if title not in self._numbers:
            self._numbers = {incident["title"]: incident["id"] for incident in self.exporter.incidents()}
        return self._numbers[title]
