"""What should fire: computed from the plan of the month and the standard's definitions, in the plainest way.

Nothing of `service` is used here. An alert is its labels; for what is known at some moment, each has the spans of time
in which it fires, so that two moments in between can be told apart without asking twice.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from itertools import pairwise
from math import comb, inf
from statistics import fmean
from zoneinfo import ZoneInfo

from tests.real.month import DAY, DIMENSIONS

ALWAYS = (-inf, inf)
REACHED_BY = {
    "started": ["started"],
    "detected": ["detected"],
    "firing": ["detected"],
    "acknowledged": ["acknowledged"],
    "mitigated": ["mitigated", "acknowledged"],
    "resolved": ["resolved", "acknowledged"],
    "ended": ["resolved"],
    "postmortem_drafted": ["drafted"],
    "drafted by API": ["drafted"],
    "postmortem_finalized": ["finalized", "drafted"],
}
INTERVALS = {
    "detect": ("started", "detected"),
    "acknowledge": ("detected", "acknowledged"),
    "mitigate": ("detected", "mitigated"),
    "resolve": ("detected", "resolved"),
    "draft": ("started", "drafted"),
    "finalize": ("started", "finalized"),
}
OF_STAGE = {"draft": "draft", "final": "finalize"}


@dataclass(slots=True)
class IncidentFacts:
    """What is known of one incident."""

    severity: str = ""
    dimensions: dict = field(default_factory=dict)
    at: dict = field(default_factory=dict)
    dismissed: bool = False
    last_received: float = 0.0
    due: dict = field(default_factory=dict)

    @property
    def is_open(self):
        return not self.dismissed and "resolved" not in self.at

    @property
    def began(self):
        return self.at.get("started", self.at.get("detected"))

    def interval(self, indicator):
        """Return its length in seconds, negative as it may be, or None."""
        begin, end = (self.at.get(milestone) for milestone in INTERVALS[indicator])
        if indicator in OF_STAGE.values():
            begin = self.began
        if begin is None or end is None or INTERVALS[indicator][1] in self.late:
            return None
        return end - begin

    @property
    def late(self):
        """Responses that came when it was over."""
        over = self.at.get("resolved", inf)
        return {response for response in ("acknowledged", "mitigated") if self.at.get(response, -inf) > over}


@dataclass(frozen=True, slots=True)
class Target:
    """One promise; `severity` None: all together."""

    indicator: str
    severity: str | None
    statistic: str
    limit: float


def known_of(replay, posts, moment):
    """Return what the posts tell, by incident; `heard` says which moment of a post counts as the last news."""
    news = sorted(
        ((event, getattr(post, moment)) for post in posts for event in post.events), key=lambda pair: pair[0].day
    )
    incidents = {}
    for event, heard_at in news:
        if event.kind != "rejected":
            incident = incidents.setdefault(event.key, IncidentFacts(dimensions=DIMENSIONS.get(event.key, {})))
            incident.last_received = max(incident.last_received, heard_at)
            _learn(incident, event, replay)
    return incidents


def _learn(incident, event, replay):
    at = replay.instant(event.day)
    incident.severity = event.severity or incident.severity
    match event.kind:
        case "firing":
            incident.severity = "SEV-2"  # what severity_map makes of `critical`
        case "reopened":
            del incident.at["resolved"]
            incident.at.pop("mitigated", None)
        case "dismissed":
            incident.dismissed = True
        case "corrected":
            incident.at[event.data["milestone"]] = replay.instant(event.data["day"])
        case "action_opened":
            incident.due[event.data["action_id"]] = replay.instant(event.data["due_day"])
        case "action_completed":
            del incident.due[event.data["action_id"]]
    for milestone in REACHED_BY.get(event.kind, ()):
        if milestone != "acknowledged" or not event.data.get("automated"):
            incident.at.setdefault(milestone, at)


class Expected:
    """The alerts of one job for what the posts tell, as {labels: spans}."""

    def __init__(self, replay, posts, moment="answered"):
        self.replay = replay
        self.policy = replay.policy
        self.spans = {}
        self.incidents = known_of(replay, posts, moment)
        self._exporter([event for post in posts for event in post.events])
        for title, incident in self.incidents.items():
            name = replay.number(title)
            self._postmortem(name, incident)
            self._response(name, incident)
            for action, due in incident.due.items():
                of = {"incident": name, "action": action, "action_type": "Code"} | incident.dimensions
                self._add("MttxActionOverdue", "warning", (due, inf), **of)
        self._open([incident for incident in self.incidents.values() if incident.is_open])
        self._statistics([incident for incident in self.incidents.values() if not incident.dismissed])

    def _add(self, alert, severity, span, **labels):
        named = {"alertname": alert, "severity": severity, "mttx_ignore": "true", "job": self.replay.job}
        self.spans.setdefault(frozenset((named | labels).items()), []).append(span)

    def _exporter(self, news):
        if any(event.kind == "rejected" for event in news):
            labels = {"source": "alertmanager", "reason": "wrong_version"}
            self._add("MttxWebhooksRejected", "warning", ALWAYS, **labels)
        if any("truncated" in event.data for event in news):
            self._add("MttxAlertsTruncated", "warning", ALWAYS, source="alertmanager")

    def _postmortem(self, name, incident):
        done = {"draft": {"drafted", "finalized"}, "final": {"finalized"}}
        for stage, due in self._deadlines(incident).items():
            if incident.dismissed or done[stage] & set(incident.at):
                continue
            of = {"incident": name, "incident_severity": incident.severity, "stage": stage} | incident.dimensions
            allowed = due - incident.began
            if incident.severity == "SEV-4":
                self._add("MttxWeeklyReviewDue", "warning", (due - allowed / 4, inf), **of)
            else:
                self._add("MttxPostmortemDueSoon", "warning", (due - allowed / 4, due), **of)
                self._add("MttxPostmortemOverdue", "warning", (due, inf), **of)
                self._add("MttxPostmortemLongOverdue", "critical", (due + allowed, inf), **of)

    def _deadlines(self, incident):
        if incident.severity == "SEV-4":
            review = self.policy.review
            return {"final": incident.began + review if review else monday_ten_in_tokyo(incident.began)}
        return {stage: incident.began + allowed for stage, allowed in self.policy.deadlines[incident.severity].items()}

    def _response(self, name, incident):
        of = {"incident": name, "incident_severity": incident.severity} | incident.dimensions
        urgency = "critical" if incident.severity in {"SEV-1", "SEV-2"} else "warning"
        if incident.is_open and "acknowledged" not in incident.at:
            late_from = incident.at["detected"] + self.policy.acknowledge
            self._add("MttxIncidentNotAcknowledged", urgency, (late_from, inf), **of)
        if incident.is_open and incident.severity in self.policy.resolve:
            late_from = incident.at["detected"] + self.policy.resolve[incident.severity]
            self._add("MttxIncidentNotResolved", urgency, (late_from, inf), **of)

    def _open(self, those):
        if any(incident.severity == "SEV-1" for incident in those):
            self._add("MttxSev1Open", "critical", ALWAYS, incident_severity="SEV-1")
        if sum(incident.severity != "SEV-4" for incident in those) >= 3:
            self._add("MttxManyIncidentsOpen", "warning", ALWAYS)
        if those:
            stale_from = min(incident.last_received for incident in those) + self.policy.stale_after
            self._add("MttxIncidentsStale", "warning", (stale_from, inf))

    def _statistics(self, incidents):
        """An incident is in the window of 30 days until 30 days after its detection."""
        edges = {-inf, inf, *(incident.at["detected"] + 30 * DAY for incident in incidents)}
        waiting = [incident for incident in incidents if incident.is_open and "acknowledged" not in incident.at]
        edges = sorted(edges | {incident.at["detected"] + self.policy.acknowledge for incident in waiting})
        for begin, end in pairwise(edges):
            inside = [incident for incident in incidents if incident.at["detected"] + 30 * DAY >= end]
            for target in self._targets():
                lengths = [
                    incident.interval(target.indicator)
                    for incident in inside
                    if target.severity in {None, incident.severity}
                ]
                samples = [length for length in lengths if length is not None and length >= 0]
                if target.statistic == "p95":
                    passed = [i for i in inside if i in waiting and i.at["detected"] + target.limit <= begin]
                    outside = len(passed) if target.indicator == "acknowledge" else 0
                    self._judged(target, samples, outside, (begin, end))
                elif len(samples) >= 3:
                    self._held_against(target, samples, (begin, end))
            for stage, indicator in OF_STAGE.items():
                for severity in (None, "SEV-1", "SEV-2", "SEV-3", "SEV-4"):
                    lengths = [incident for incident in inside if severity in {None, incident.severity}]
                    self._held_to_deadlines(stage, indicator, severity, lengths, (begin, end))
        self._quality(incidents)

    def _targets(self):
        yield Target("detect", None, "p95", self.policy.detect)
        yield Target("acknowledge", None, "p95", self.policy.acknowledge)
        for severity, limit in self.policy.resolve.items():
            yield Target("resolve", severity, "mean", limit)
        for severity, stages in self.policy.deadlines.items():
            for stage, allowed in stages.items():
                yield Target(OF_STAGE[stage], severity, "max", allowed)
        if self.policy.review:
            yield Target("finalize", "SEV-4", "max", self.policy.review)

    def _judged(self, target, samples, outside, span):
        """A target is missed if so few would meet it in less than 1 of 40 windows in which 95 % do."""
        n, within = len(samples) + outside, sum(sample <= target.limit for sample in samples)
        if sum(comb(n, k) * 0.95**k * 0.05 ** (n - k) for k in range(within + 1)) < 0.025:
            self._add("MttxIndicatorMissed", "warning", span, indicator=target.indicator, window="30d")

    def _held_against(self, target, samples, span):
        prefix = "MttxSeverity" if target.severity else "Mttx"
        of = {"indicator": target.indicator, "window": "30d"}
        of |= {"incident_severity": target.severity} if target.severity else {}
        value = {"mean": fmean(samples), "max": max(samples)}
        if value[target.statistic] > target.limit:
            self._add(f"{prefix}IndicatorAboveTarget", "warning", span, **of, statistic=target.statistic)
        lead_time = target.indicator in OF_STAGE.values()  # each is held to a deadline of its own
        if not lead_time and sum(sample <= target.limit for sample in samples) / len(samples) < 0.9:
            self._add(f"{prefix}WithinTargetShareLow", "warning", span, **of)

    def _held_to_deadlines(self, stage, indicator, severity, incidents, span):
        done = INTERVALS[indicator][1]
        reached = [incident for incident in incidents if (incident.interval(indicator) or -1) >= 0]
        owed = [
            (incident.at[done], due)
            for incident in reached
            if (due := self._deadlines(incident).get(stage)) is not None
        ]
        if len(reached) >= 3 and owed and sum(at <= due for at, due in owed) / len(owed) < 0.9:
            of = {"indicator": indicator, "window": "30d"} | ({"incident_severity": severity} if severity else {})
            self._add(f"{'MttxSeverity' if severity else 'Mttx'}WithinTargetShareLow", "warning", span, **of)

    def _quality(self, incidents):
        """The longest window, 90 days, holds the whole month."""
        over = [incident for incident in incidents if not incident.is_open]
        measured = [
            incident
            for incident in over
            if incident.interval("resolve") is not None and incident.interval("resolve") >= 0
        ]
        for milestone in ("started", "detected", "acknowledged"):
            missing = sum(milestone not in incident.at or milestone in incident.late for incident in over)
            if missing >= 3 and missing > 0.1 * len(measured):
                self._add("MttxMilestonesMissing", "warning", ALWAYS, milestone=milestone)
        wrong = Counter(i for incident in incidents for i in INTERVALS if (incident.interval(i) or 0) < 0)
        for indicator in wrong:
            self._add("MttxIntervalsInvalid", "warning", ALWAYS, indicator=indicator)


def monday_ten_in_tokyo(instant):
    """Return the next weekly review after an instant."""
    tokyo = ZoneInfo("Asia/Tokyo")
    day = datetime.fromtimestamp(instant, UTC).astimezone(tokyo).date()
    while True:
        meeting = datetime.combine(day, clock(10), tokyo).timestamp()
        if day.isoweekday() == 1 and meeting > instant:
            return meeting
        day += timedelta(days=1)
