"""What a team commits to: when postmortems and updates are due, and the targets of the indicators.

The defaults are the standard's. A missing key keeps its default; null removes it.
"""

from collections.abc import Iterator, Mapping
from datetime import time, timedelta
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from service.domain.policy import WEEKLY_REVIEW, Indicator, Severity, Stage, Statistic, Target, Weekday
from service.settings.section import SettingsSection, problem_at
from service.settings.values import Clock, Due, DueSetting, PositiveDuration, Zone, added_to, write_due

DEADLINES: Mapping[Severity, Mapping[Stage, DueSetting | None]] = {
    Severity.SEV_1: {Stage.DRAFT: timedelta(hours=12), Stage.FINAL: timedelta(hours=48)},
    Severity.SEV_2: {Stage.DRAFT: timedelta(hours=24), Stage.FINAL: timedelta(hours=72)},
    Severity.SEV_3: {Stage.DRAFT: timedelta(hours=48), Stage.FINAL: timedelta(days=5)},
    Severity.SEV_4: {Stage.DRAFT: None, Stage.FINAL: WEEKLY_REVIEW},
}
UPDATES: Mapping[Severity, timedelta | None] = {
    Severity.SEV_1: timedelta(minutes=30),
    Severity.SEV_2: timedelta(minutes=30),
    Severity.SEV_3: None,
    Severity.SEV_4: None,
}
TARGETED = (Statistic.MEAN, Statistic.P50, Statistic.P95, Statistic.MAX)
"""The statistics that may have a target."""
TARGETS: dict[str, dict[str, Any]] = {
    "detect": {"p95": "5m"},
    "acknowledge": {"p95": "10m"},
    "mitigate": {},
    "resolve": {"SEV-1": {"mean": "2h"}, "SEV-2": {"mean": "6h"}},
}


# -- deadlines and updates -------------------------------------------------------------------------------------------


def _with_default_deadlines(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return DEADLINES if value is None else value
    return {**value, **{severity: _stages(value.get(severity, {}), DEADLINES[severity]) for severity in Severity}}


def _stages(value: Any, default: Mapping[Stage, Any]) -> Any:
    if value is None:
        return dict.fromkeys(Stage)
    return {**default, **value} if isinstance(value, Mapping) else value


Deadlines = Mapping[Severity, Mapping[Stage, Due | None]]


def _draft_first(deadlines: Deadlines) -> Deadlines:
    for severity, stages in deadlines.items():
        draft, final = stages[Stage.DRAFT], stages[Stage.FINAL]
        if draft is not None and final is not None and _latest(draft) > _latest(final):
            advice = f"is later than {severity}.final ({write_due(final)}); the draft comes first"
            raise problem_at(f"{severity}.draft", advice, write_due(draft))
    return deadlines


def _latest(due: DueSetting) -> timedelta:
    return due if isinstance(due, timedelta) else timedelta(weeks=1)


DeadlinesByStage = Annotated[Deadlines, BeforeValidator(_with_default_deadlines), AfterValidator(_draft_first)]
UpdateIntervals = Annotated[Mapping[Severity, PositiveDuration | None], added_to(UPDATES)]


class WeeklyReviewSettings(SettingsSection):
    """The meeting at which incidents with the deadline `weekly_review` are due."""

    weekday: Weekday = Field(Weekday.MONDAY, description="Day of the weekly review.")
    time: Clock = Field(time(10, 0), description="Time of day of the weekly review, in its time zone.")
    timezone: Zone | None = Field(None, description="Time zone of the weekly review; null: `display_timezone`.")


# -- targets ---------------------------------------------------------------------------------------------------------


class StatisticTarget(SettingsSection):
    """One target: this statistic stays at or below this duration."""

    mean: PositiveDuration | None = None
    p50: PositiveDuration | None = None
    p95: PositiveDuration | None = None
    max: PositiveDuration | None = None

    @model_validator(mode="after")
    def _require_one_statistic(self) -> Self:
        if len(self.limits()) > 1:
            raise ValueError("should name one statistic: the share within the target is that of one target")
        return self

    def limits(self) -> dict[Statistic, timedelta]:
        """Return the statistic and its limit, or nothing."""
        return {statistic: limit for statistic in TARGETED if (limit := getattr(self, statistic)) is not None}


class IndicatorTargets(StatisticTarget):
    """The target for all severities together, and those for single severities."""

    sev_1: StatisticTarget = Field(StatisticTarget(), alias="SEV-1")
    sev_2: StatisticTarget = Field(StatisticTarget(), alias="SEV-2")
    sev_3: StatisticTarget = Field(StatisticTarget(), alias="SEV-3")
    sev_4: StatisticTarget = Field(StatisticTarget(), alias="SEV-4")


class TargetSettings(SettingsSection):
    """The targets of the indicators (the standard, section 4)."""

    whole = True

    detect: IndicatorTargets = IndicatorTargets()
    acknowledge: IndicatorTargets = IndicatorTargets()
    mitigate: IndicatorTargets = IndicatorTargets()
    resolve: IndicatorTargets = IndicatorTargets()

    @model_validator(mode="before")
    @classmethod
    def _add_defaults(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {**value, **{name: _targets(value.get(name, {}), default) for name, default in TARGETS.items()}}

    def each(self) -> Iterator[Target]:
        """Yield every target, by indicator, then for all severities together and for each."""
        for indicator in type(self).model_fields:
            targets = getattr(self, indicator)
            for severity in (None, *Severity):
                target = getattr(targets, severity.name.lower()) if severity else targets
                for statistic, limit in target.limits().items():
                    yield Target(Indicator(indicator), statistic, limit, severity)


def _targets(value: Any, default: dict[str, Any]) -> Any:
    """Replace a target as a whole: one for the p95 replaces the default for the mean."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        return value
    if any(statistic in value for statistic in TARGETED):
        default = {key: target for key, target in default.items() if key not in TARGETED}
    return {**default, **value}
