"""What share of an error budget an incident spent, as Prometheus says once the incident is settled."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from service.domain.events import Event, EventKind
from service.domain.policy import Milestone, Severity
from service.domain.recovery import ResolutionSource

SOURCE = "prometheus"


@dataclass(frozen=True, slots=True)
class Slo:
    """An objective whose error budget is measured: by a query, for incidents of these severities with these labels."""

    name: str
    query: str
    severities: frozenset[Severity] = frozenset(Severity)
    labels: Mapping[str, str] | None = None

    def concerns(self, severity: Severity, labels: Mapping[str, frozenset[str]]) -> bool:
        """Return whether it is measured for an incident with these values of its labels."""
        selected = (self.labels or {}).items()
        return severity in self.severities and all(value in labels.get(name, ()) for name, value in selected)


@dataclass(frozen=True, slots=True)
class BudgetTotal:
    """What the incidents of one severity spent of an error budget, and how many these are."""

    slo: str
    severity: Severity
    spent_ratio: float
    incidents: int


@dataclass(frozen=True, slots=True)
class Impact:
    """The time from the start of the impact, or its detection, to the recovery."""

    started_at: datetime
    ended_at: datetime


def impact_of(milestones: Mapping[Milestone, datetime], resolution_source: ResolutionSource | None) -> Impact | None:
    """Return the impact of a resolved incident; None if its end was assumed, or does not follow its start."""
    started_at = milestones.get(Milestone.STARTED, milestones.get(Milestone.DETECTED))
    ended_at = milestones.get(Milestone.RESOLVED)
    if started_at is None or ended_at is None or resolution_source is ResolutionSource.STALE:
        return None
    return Impact(started_at, ended_at) if started_at < ended_at else None


def budget_measured(slo: str, impact: Impact, spent_ratio: float, query: str, now: datetime) -> Event:
    """Return the event; its id is the same whenever the same impact is measured."""
    began, ended = impact.started_at.isoformat(), impact.ended_at.isoformat()
    return Event(
        event_id=f"budget-{slo}-{began}-{ended}",
        kind=EventKind.BUDGET_MEASURED,
        occurred_at=impact.ended_at,
        recorded_at=now,
        source=SOURCE,
        data={"slo": slo, "spent_ratio": spent_ratio, "query": query, "started_at": began, "ended_at": ended},
    )


def budgets_spent(effective_events: Iterable[Event], impact: Impact | None) -> dict[str, float]:
    """Return the share of each budget that was measured for this impact, by objective; 1 is the whole budget.

    What was measured before a correction of the times counts no more.
    """
    if impact is None:
        return {}
    times = (impact.started_at.isoformat(), impact.ended_at.isoformat())
    return {
        str(event.data["slo"]): float(event.data["spent_ratio"])
        for event in effective_events
        if event.kind is EventKind.BUDGET_MEASURED and (event.data["started_at"], event.data["ended_at"]) == times
    }
