"""What should fire: computed from the plan of the month and the standard's definitions, in the plainest way.

Nothing of `service` is used here. An alert is its labels; for what is known at some moment, each has the spans of time
in which it fires, so that two moments in between can be told apart without asking twice.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from itertools import pairwise
from math import inf
from statistics import fmean, quantiles
from zoneinfo import ZoneInfo

from tests.real.month import DAY

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
class Known:
    """What is known of one incident."""

    severity: str = ""
    at: dict = field(default_factory=dict)
    dismissed: bool = False
    heard: float = 0.0
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


def known_of(replay, posts, heard):
    """Return what the posts tell, by incident; `heard` says which moment of a post counts as the last news."""
    news = sorted(((told, getattr(post, heard)) for post in posts for told in post.told), key=lambda pair: pair[0].day)
    incidents = {}
    for told, heard_at in news:
        if told.kind != "rejected":
            one = incidents.setdefault(told.key, Known())
            one.heard = max(one.heard, heard_at)
            _learn(one, told, replay)
    return incidents


def _learn(one, told, replay):
    at = replay.instant(told.day)
    one.severity = told.severity or one.severity
    match told.kind:
        case "firing":
            one.severity = "SEV-2"  # what severity_map makes of `critical`
        case "reopened":
            del one.at["resolved"]
            one.at.pop("mitigated", None)
        case "dismissed":
            one.dismissed = True
        case "corrected":
            one.at[told.data["milestone"]] = replay.instant(told.data["day"])
        case "action_opened":
            one.due[told.data["action_id"]] = replay.instant(told.data["due_day"])
        case "action_completed":
            del one.due[told.data["action_id"]]
    for milestone in REACHED_BY.get(told.kind, ()):
        if milestone != "acknowledged" or not told.data.get("automated"):
            one.at.setdefault(milestone, at)


class Expected:
    """The alerts of one job for what the posts tell, as {labels: spans}."""

    def __init__(self, replay, posts, heard="answered"):
        self.replay = replay
        self.policy = replay.policy
        self.spans = {}
        self.incidents = known_of(replay, posts, heard)
        self._exporter([told for post in posts for told in post.told])
        for title, one in self.incidents.items():
            name = replay.number(title)
            self._postmortem(name, one)
            self._response(name, one)
            for action, due in one.due.items():
                self._add("MttxActionOverdue", "warning", (due, inf), incident=name, action=action, action_type="Code")
        self._open([one for one in self.incidents.values() if one.is_open])
        self._statistics([one for one in self.incidents.values() if not one.dismissed])

    def _add(self, alert, severity, span, **labels):
        named = {"alertname": alert, "severity": severity, "mttx_ignore": "true", "job": self.replay.job}
        self.spans.setdefault(frozenset((named | labels).items()), []).append(span)

    def _exporter(self, news):
        if any(told.kind == "rejected" for told in news):
            labels = {"source": "alertmanager", "reason": "wrong_version"}
            self._add("MttxWebhooksRejected", "warning", ALWAYS, **labels)
        if any("truncated" in told.data for told in news):
            self._add("MttxAlertsTruncated", "warning", ALWAYS, source="alertmanager")

    def _postmortem(self, name, one):
        done = {"draft": {"drafted", "finalized"}, "final": {"finalized"}}
        for stage, due in self._deadlines(one).items():
            if one.dismissed or done[stage] & set(one.at):
                continue
            of = {"incident": name, "incident_severity": one.severity, "stage": stage}
            allowed = due - one.began
            if one.severity == "SEV-4":
                self._add("MttxWeeklyReviewDue", "warning", (due - allowed / 4, inf), **of)
            else:
                self._add("MttxPostmortemDueSoon", "warning", (due - allowed / 4, due), **of)
                self._add("MttxPostmortemOverdue", "warning", (due, inf), **of)
                self._add("MttxPostmortemLongOverdue", "critical", (due + allowed, inf), **of)

    def _deadlines(self, one):
        if one.severity == "SEV-4":
            review = self.policy.review
            return {"final": one.began + review if review else monday_ten_in_tokyo(one.began)}
        return {stage: one.began + allowed for stage, allowed in self.policy.deadlines[one.severity].items()}

    def _response(self, name, one):
        of = {"incident": name, "incident_severity": one.severity}
        urgency = "critical" if one.severity in {"SEV-1", "SEV-2"} else "warning"
        if one.is_open and "acknowledged" not in one.at:
            late_from = one.at["detected"] + self.policy.acknowledge
            self._add("MttxIncidentNotAcknowledged", urgency, (late_from, inf), **of)
        if one.is_open and one.severity in self.policy.resolve:
            late_from = one.at["detected"] + self.policy.resolve[one.severity]
            self._add("MttxIncidentNotResolved", urgency, (late_from, inf), **of)

    def _open(self, those):
        if any(one.severity == "SEV-1" for one in those):
            self._add("MttxSev1Open", "critical", ALWAYS, incident_severity="SEV-1")
        if sum(one.severity != "SEV-4" for one in those) >= 3:
            self._add("MttxManyIncidentsOpen", "warning", ALWAYS)
        if those:
            stale_from = min(one.heard for one in those) + self.policy.stale_after
            self._add("MttxIncidentsStale", "warning", (stale_from, inf))

    def _statistics(self, incidents):
        """An incident is in the window of 30 days until 30 days after its detection."""
        edges = sorted({-inf, inf, *(one.at["detected"] + 30 * DAY for one in incidents)})
        for begin, end in pairwise(edges):
            inside = [one for one in incidents if one.at["detected"] + 30 * DAY >= end]
            for target in self._targets():
                some = [one.interval(target.indicator) for one in inside if target.severity in {None, one.severity}]
                samples = [length for length in some if length is not None and length >= 0]
                if len(samples) >= 3:
                    self._held_against(target, samples, (begin, end))
            for stage, indicator in OF_STAGE.items():
                for severity in (None, "SEV-1", "SEV-2", "SEV-3", "SEV-4"):
                    some = [one for one in inside if severity in {None, one.severity}]
                    self._held_to_deadlines(stage, indicator, severity, some, (begin, end))
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

    def _held_against(self, target, samples, span):
        prefix = "MttxSeverity" if target.severity else "Mttx"
        of = {"indicator": target.indicator, "window": "30d"}
        of |= {"incident_severity": target.severity} if target.severity else {}
        value = {"p95": quantiles(samples, n=20, method="inclusive")[18], "mean": fmean(samples), "max": max(samples)}
        if value[target.statistic] > target.limit:
            self._add(f"{prefix}IndicatorAboveTarget", "warning", span, **of, statistic=target.statistic)
        lead_time = target.indicator in OF_STAGE.values()  # each is held to a deadline of its own
        if not lead_time and sum(sample <= target.limit for sample in samples) / len(samples) < 0.9:
            self._add(f"{prefix}WithinTargetShareLow", "warning", span, **of)

    def _held_to_deadlines(self, stage, indicator, severity, incidents, span):
        done = INTERVALS[indicator][1]
        reached = [one for one in incidents if (one.interval(indicator) or -1) >= 0]
        owed = [(one.at[done], due) for one in reached if (due := self._deadlines(one).get(stage)) is not None]
        if len(reached) >= 3 and owed and sum(at <= due for at, due in owed) / len(owed) < 0.9:
            of = {"indicator": indicator, "window": "30d"} | ({"incident_severity": severity} if severity else {})
            self._add(f"{'MttxSeverity' if severity else 'Mttx'}WithinTargetShareLow", "warning", span, **of)

    def _quality(self, incidents):
        """The longest window, 90 days, holds the whole month."""
        over = [one for one in incidents if not one.is_open]
        measured = [one for one in over if one.interval("resolve") is not None and one.interval("resolve") >= 0]
        for milestone in ("started", "detected", "acknowledged"):
            missing = sum(milestone not in one.at or milestone in one.late for one in over)
            if missing >= 3 and missing > 0.1 * len(measured):
                self._add("MttxMilestonesMissing", "warning", ALWAYS, milestone=milestone)
        wrong = Counter(i for one in incidents for i in INTERVALS if (one.interval(i) or 0) < 0)
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
