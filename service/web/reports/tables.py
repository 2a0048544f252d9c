"""A report as data: JSON by its schema, and CSV with one incident a line."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, Field

from service.domain.actions import Action
from service.domain.comparison import WindowChange
from service.domain.incident import Deadline, Phase
from service.domain.policy import Indicator, Milestone, Policy, Severity, Stage
from service.render.spreadsheets import Cell, csv_text
from service.web.indicator_schemas import IndicatorRow, indicator_row
from service.web.reports.content import Lacks, MonthReport, ReportedIncident

INTERVALS = (Indicator.DETECT, Indicator.ACKNOWLEDGE, Indicator.MITIGATE, Indicator.RESOLVE)


class ReportedIncidentSchema(BaseModel):
    """An incident of the month; `indicators` are its valid intervals in seconds."""

    id: str
    title: str
    severity: Severity
    phase: Phase
    owner: str
    dimensions: dict[str, str]
    labels: dict[str, str]
    milestones: dict[Milestone, datetime | None]
    indicators: dict[Indicator, float]


class OwedSchema(BaseModel):
    """A stage of a postmortem that is outstanding, or was reached late (`done_at`)."""

    id: str
    stage: Stage
    owner: str
    due_at: datetime
    done_at: datetime | None


class ReportedActionSchema(BaseModel):
    """An action of an incident of the month."""

    id: str
    action_id: str
    title: str
    owner: str
    state: str
    due_at: datetime | None


class LacksSchema(BaseModel):
    """How many incidents the numbers lack, by the reason."""

    missing: dict[Milestone, int]
    impossible: dict[Indicator, int]
    open: int
    assumed: int


class MonthChangeSchema(BaseModel):
    """How an indicator differs from the month before; `shift` in seconds."""

    indicator: Indicator
    incident_severity: Severity | None
    change: WindowChange
    shift: float | None


class ReportSchema(BaseModel):
    """The report of a month; `indicators` and `before` are those of `GET /api/v1/indicators` for both months.

    The `change` of `indicators` is against the month before, whatever its length, and that of `before` is null.
    """

    month: str
    timezone: str
    from_: datetime = Field(serialization_alias="from")
    to: datetime
    goes_on: bool
    made_at: datetime
    dimensions: dict[str, str]
    indicators: list[IndicatorRow]
    before: list[IndicatorRow]
    changes: list[MonthChangeSchema]
    incidents: list[ReportedIncidentSchema]
    dismissed: int
    owed: list[OwedSchema]
    late: list[OwedSchema]
    actions: list[ReportedActionSchema]
    lacks: LacksSchema


def report_schema(report: MonthReport, lacks: Lacks, timezone: str) -> ReportSchema:
    """Return the report as data."""
    actions = (*report.open_actions, *report.completed_actions, *report.verified_actions)
    return ReportSchema(
        month=report.month.name,
        timezone=timezone,
        from_=report.month.begins_at,
        to=report.month.ends_at,
        goes_on=report.goes_on,
        made_at=report.made_at,
        dimensions=dict(report.dimensions),
        indicators=[indicator_row(number.row) for number in report.numbers],
        before=[indicator_row(number.before) for number in report.numbers if number.before],
        changes=[
            MonthChangeSchema(
                indicator=number.row.indicator,
                incident_severity=number.row.severity,
                change=number.change.change,
                shift=number.change.shift,
            )
            for number in report.numbers
            if number.change
        ],
        incidents=[_incident(line) for line in report.incidents],
        dismissed=report.dismissed,
        owed=[_owed(line, deadline) for line, deadline in report.owed],
        late=[_owed(line, deadline) for line, deadline in report.late],
        actions=[_action(line, action) for line, action in actions],
        lacks=LacksSchema(
            missing=dict(lacks.missing), impossible=dict(lacks.impossible), open=lacks.open, assumed=lacks.assumed
        ),
    )


def report_csv(incidents: Iterable[ReportedIncident], policy: Policy) -> str:
    """Return the incidents, one a line, with their milestones, intervals and dimensions."""
    labels = [dimension.label for dimension in policy.breakdown]
    columns = ["id", "title", "severity", "phase", "owner", *labels, *(f"{m}_at" for m in Milestone)]
    columns += [f"time_to_{indicator}_seconds" for indicator in INTERVALS]
    return csv_text(columns, (_cells(line, labels) for line in incidents))


def _cells(line: ReportedIncident, labels: list[str]) -> list[Cell]:
    incident = line.incident
    return [
        *(line.id, incident.title, incident.severity.value, incident.phase.value, line.owner),
        *(incident.dimensions.get(label, "") for label in labels),
        *(incident.milestones.get(milestone) for milestone in Milestone),
        *(line.intervals[i].total_seconds() if i in line.intervals else None for i in INTERVALS),
    ]


def _incident(line: ReportedIncident) -> ReportedIncidentSchema:
    incident = line.incident
    return ReportedIncidentSchema(
        id=line.id,
        title=incident.title,
        severity=incident.severity,
        phase=incident.phase,
        owner=line.owner,
        dimensions=dict(incident.dimensions),
        labels=dict(incident.labels),
        milestones={milestone: incident.milestones.get(milestone) for milestone in Milestone},
        indicators={indicator: length.total_seconds() for indicator, length in line.intervals.items()},
    )


def _owed(line: ReportedIncident, deadline: Deadline) -> OwedSchema:
    return OwedSchema(
        id=line.id, stage=deadline.stage, owner=line.owner, due_at=deadline.due_at, done_at=deadline.done_at
    )


def _action(line: ReportedIncident, action: Action) -> ReportedActionSchema:
    return ReportedActionSchema(
        id=line.id,
        action_id=action.action_id,
        title=action.title,
        owner=action.owner,
        state=action.state.value,
        due_at=action.due_at,
    )
