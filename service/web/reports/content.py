"""What a month's report says. Its numbers are those of the API for the same period, by the same function."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from service.domain.actions import Action, ActionState
from service.domain.comparison import Comparison
from service.domain.incident import Deadline, Incident, Phase
from service.domain.incident_ids import public_id
from service.domain.indicators import NEEDED, Measured, Row, measure, missing_milestones
from service.domain.periods import Period, month_before
from service.domain.policy import Indicator, Milestone, Severity
from service.domain.recovery import ResolutionSource
from service.store.histories import histories_of
from service.store.incidents import detected_within
from service.web.indicators import selection_of
from service.web.pages.postmortems import owner_of
from service.web.pages.targets import target_state
from service.web.services import Services

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Number:
    """An indicator of the month, and of the month before; None without a row then."""

    row: Row
    before: Row | None

    @property
    def change(self) -> Comparison | None:
        """The comparison of the two months; None if either has no sample."""
        compared = self.row.comparison
        return compared if compared and compared.incidents_before and compared.incidents else None

    @property
    def met(self) -> bool | None:
        """Whether the target is met, as on the first page; None without one, or if there are too few to say."""
        return target_state(self.row.target, self.row).met if self.row.target else None


@dataclass(frozen=True, slots=True)
class ReportedIncident:
    """An incident of the month with its samples; `owner` of its postmortem, "" if no one was named."""

    incident: Incident
    measured: Measured
    owner: str

    @property
    def intervals(self) -> Mapping[Indicator, timedelta]:
        """Its valid intervals."""
        return self.measured.intervals

    @property
    def id(self) -> str:
        """The public id."""
        return public_id(self.incident.id)

    @property
    def detected_at(self) -> datetime:
        """When it was detected, which is within the month."""
        return self.incident.milestones[Milestone.DETECTED]


@dataclass(frozen=True, slots=True)
class Lacks:
    """What the numbers lack: how many resolved incidents have no such milestone, or an impossible interval.

    `open`: not over yet; `assumed`: ended without a word of their senders, so that they have no time to resolve.
    """

    missing: Mapping[Milestone, int]
    impossible: Mapping[Indicator, int]
    open: int
    assumed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthReport:
    """A month; `dimensions` limits all of it."""

    month: Period
    before: Period
    made_at: datetime
    dimensions: Mapping[str, str]
    numbers: Sequence[Number]
    incidents: Sequence[ReportedIncident]
    dismissed: int

    @property
    def goes_on(self) -> bool:
        """Whether the month is not over."""
        return self.month.goes_on(self.made_at)

    @property
    def number_groups(self) -> Sequence[tuple[Indicator, Sequence[Number]]]:
        """The numbers by their indicator."""
        return [(indicator, list(group)) for indicator, group in groupby(self.numbers, lambda n: n.row.indicator)]

    @property
    def by_severity(self) -> Mapping[Severity, int]:
        """How many incidents of each severity it has."""
        counts = Counter(line.incident.severity for line in self.incidents)
        return {severity: counts[severity] for severity in Severity if counts[severity]}

    @property
    def owed(self) -> Sequence[tuple[ReportedIncident, Deadline]]:
        """The stages that are outstanding, the first due first."""
        stages = [(line, d) for line in self.incidents for d in line.incident.deadlines if d.done_at is None]
        return sorted(stages, key=lambda pair: pair[1].due_at)

    @property
    def late(self) -> Sequence[tuple[ReportedIncident, Deadline]]:
        """The stages that were reached late."""
        return [(line, deadline) for line in self.incidents for deadline in line.incident.deadlines if deadline.late]

    @property
    def open_actions(self) -> Sequence[tuple[ReportedIncident, Action]]:
        """The actions that are not completed, the first due first."""
        actions = list(self._actions(ActionState.OPEN))
        return sorted(actions, key=lambda pair: (pair[1].due_at is None, pair[1].due_at or self.made_at))

    @property
    def completed_actions(self) -> Sequence[tuple[ReportedIncident, Action]]:
        """The actions that wait for their verification."""
        return list(self._actions(ActionState.COMPLETED))

    @property
    def verified_actions(self) -> Sequence[tuple[ReportedIncident, Action]]:
        """The actions that are done."""
        return list(self._actions(ActionState.VERIFIED))

    def _actions(self, state: ActionState) -> Iterator[tuple[ReportedIncident, Action]]:
        return ((line, action) for line in self.incidents for action in line.incident.actions if action.state is state)


def month_report(
    services: Services, month: Period, dimensions: Mapping[str, str], now: datetime
) -> tuple[MonthReport, Lacks]:
    """Return the report of a month and what its numbers lack. Raises `StoreUnavailable`."""
    before = month_before(month, services.zone)
    incidents, dismissed = month_incidents(services, month, dimensions)
    report = MonthReport(
        month=month,
        before=before,
        made_at=now,
        dimensions=dimensions,
        numbers=_numbers(services, month, before, dimensions, now),
        incidents=incidents,
        dismissed=dismissed,
    )
    return report, _lacks(incidents)


def month_incidents(
    services: Services, month: Period, dimensions: Mapping[str, str]
) -> tuple[list[ReportedIncident], int]:
    """Return the incidents detected in a month, in that order, and how many others were dismissed.

    Raises `StoreUnavailable`.
    """
    ids = services.store.read(detected_within, month.begins_at, month.ends_at, dimensions)
    incidents = list(_incidents(services, ids))
    counting = [_reported(incident, services) for incident in incidents if incident.phase is not Phase.DISMISSED]
    return counting, len(incidents) - len(counting)


def _numbers(
    services: Services, month: Period, before: Period, dimensions: Mapping[str, str], now: datetime
) -> list[Number]:
    selection, previous = (selection_of(period, dimensions) for period in (month, before))
    current = services.select(replace(selection, compared=True, before_since=previous.since), now)[""]
    past = {(row.indicator, row.severity): row for row in services.select(previous, now)[""]}
    return [Number(row, past.get((row.indicator, row.severity))) for row in current]


def _incidents(services: Services, ids: Sequence[int]) -> Iterator[Incident]:
    for start in range(0, len(ids), _AT_ONCE):
        histories = services.store.read(histories_of, ids[start : start + _AT_ONCE], services.policy)
        yield from (history.incident for history in histories.values())


def _reported(incident: Incident, services: Services) -> ReportedIncident:
    return ReportedIncident(incident, measure(incident, services.policy), owner_of(incident))


def _lacks(lines: Sequence[ReportedIncident]) -> Lacks:
    incidents = [(line.incident, line.measured) for line in lines]
    missing = Counter(m for i, measured in incidents for m in missing_milestones(measured, i.milestones, i.phase))
    impossible = Counter(indicator for _, measured in incidents for indicator in measured.invalid)
    return Lacks(
        missing={m: missing[m] for m in NEEDED if missing[m]},
        impossible=dict(impossible),
        open=sum(line.incident.is_open for line in lines),
        assumed=sum(line.incident.resolution_source is ResolutionSource.STALE for line in lines),
    )
