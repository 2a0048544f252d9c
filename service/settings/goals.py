"""What a team commits to: when postmortems are due, and the targets of the indicators; by default the standard's."""

from collections.abc import Iterator, Mapping
from datetime import time, timedelta
from typing import Any, NamedTuple, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from service.settings.durations import PositiveDuration
from service.settings.section import SettingsSection
from service.settings.values import WEEKLY_REVIEW, Clock, Due, DueRule, Severity, Weekday, Zone, write_due

DEADLINES: dict[str, dict[str, str | None]] = {
    "SEV-1": {"draft": "12h", "final": "48h"},
    "SEV-2": {"draft": "24h", "final": "72h"},
    "SEV-3": {"draft": "48h", "final": "5d"},
    "SEV-4": {"draft": None, "final": WEEKLY_REVIEW},
}
TARGETS: dict[str, dict[str, Any]] = {
    "detect": {"p95": "5m"},
    "acknowledge": {"p95": "10m"},
    "mitigate": {},
    "resolve": {"SEV-1": {"mean": "2h"}, "SEV-2": {"mean": "6h"}},
}
STATISTICS = ("mean", "p50", "p95", "max")


class StageDeadlines(SettingsSection):
    """When the postmortem of one severity is due; null: never."""

    draft: Due | None = Field(None, description="When the draft is due, counted from the start of the incident.")
    final: Due | None = Field(
        None, description="When the final postmortem is due, counted from the start of the incident."
    )


class DeadlineSettings(SettingsSection):
    """When postmortems are due (the standard, section 2). A missing key keeps its default; null removes it."""

    sev_1: StageDeadlines = Field(StageDeadlines(), alias="SEV-1")
    sev_2: StageDeadlines = Field(StageDeadlines(), alias="SEV-2")
    sev_3: StageDeadlines = Field(StageDeadlines(), alias="SEV-3")
    sev_4: StageDeadlines = Field(StageDeadlines(), alias="SEV-4")

    @model_validator(mode="before")
    @classmethod
    def _add_defaults(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {**value, **{name: _stages(value.get(name, {}), default) for name, default in DEADLINES.items()}}

    @model_validator(mode="after")
    def _require_draft_before_final(self) -> Self:
        for severity, stages in self.by_severity().items():
            if stages.draft is not None and stages.final is not None and _latest(stages.draft) > _latest(stages.final):
                advice = f"is later than {severity}.final ({write_due(stages.final)}); the draft comes first"
                context = {"key": f"deadlines.{severity}.draft", "value": write_due(stages.draft)}
                raise PydanticCustomError("mttx_key", advice, context)
        return self

    def by_severity(self) -> dict[Severity, StageDeadlines]:
        """Return the deadlines of every severity, the worst first."""
        return {"SEV-1": self.sev_1, "SEV-2": self.sev_2, "SEV-3": self.sev_3, "SEV-4": self.sev_4}


def _latest(due: DueRule) -> timedelta:
    return due if isinstance(due, timedelta) else timedelta(weeks=1)


def _stages(value: object, default: dict[str, str | None]) -> object:
    if value is None:
        return dict.fromkeys(default)
    return {**default, **value} if isinstance(value, Mapping) else value


class WeeklyReviewSettings(SettingsSection):
    """The meeting at which incidents with the deadline `weekly_review` are due."""

    weekday: Weekday = Field("monday", description="Day of the weekly review.")
    time: Clock = Field(time(10, 0), description="Time of day of the weekly review, in its time zone.")
    timezone: Zone | None = Field(None, description="Time zone of the weekly review; null: `display_timezone`.")


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

    def limits(self) -> dict[str, timedelta]:
        """Return the statistic and its limit, or nothing."""
        limits = {"mean": self.mean, "p50": self.p50, "p95": self.p95, "max": self.max}
        return {statistic: limit for statistic, limit in limits.items() if limit is not None}


class IndicatorTargets(StatisticTarget):
    """The target for all severities together, and those for single severities."""

    sev_1: StatisticTarget = Field(StatisticTarget(), alias="SEV-1")
    sev_2: StatisticTarget = Field(StatisticTarget(), alias="SEV-2")
    sev_3: StatisticTarget = Field(StatisticTarget(), alias="SEV-3")
    sev_4: StatisticTarget = Field(StatisticTarget(), alias="SEV-4")

    def by_severity(self) -> dict[Severity | None, StatisticTarget]:
        """Return the target for all severities together (None), then for each."""
        return {None: self, "SEV-1": self.sev_1, "SEV-2": self.sev_2, "SEV-3": self.sev_3, "SEV-4": self.sev_4}


class ConfiguredTarget(NamedTuple):
    """One target; `severity` None: all together."""

    indicator: str
    severity: Severity | None
    statistic: str
    limit: timedelta


class TargetSettings(SettingsSection):
    """The targets of the indicators (the standard, section 4). A missing key keeps its default; null removes it."""

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

    def each(self) -> Iterator[ConfiguredTarget]:
        """Yield every target, by indicator, then for all severities together and for each."""
        for indicator in type(self).model_fields:
            for severity, target in getattr(self, indicator).by_severity().items():
                for statistic, limit in target.limits().items():
                    yield ConfiguredTarget(indicator, severity, statistic, limit)


def _targets(value: object, default: dict[str, Any]) -> object:
    """Replace a target as a whole: one for the p95 replaces the default for the mean."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        return value
    replaced = STATISTICS if any(statistic in value for statistic in STATISTICS) else ()
    return {**{key: target for key, target in default.items() if key not in replaced}, **value}
