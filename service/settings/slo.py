"""The objectives whose error budgets are measured."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from service.domain.budgets import Slo
from service.domain.policy import Severity
from service.settings.placeholders import checked_interval_query
from service.settings.section import SettingsSection, problem_at
from service.settings.values import LabelName

MOST_OBJECTIVES = 20


class SloSettings(SettingsSection):
    """An objective: the query that says which share of its error budget was spent, and for which incidents."""

    whole: ClassVar[bool] = True

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.:-]{0,59}$")]
    query: Annotated[str, AfterValidator(checked_interval_query)]
    severities: tuple[Severity, ...] = tuple(Severity)
    labels: Mapping[LabelName, str] = Field(default_factory=dict)


def _valid(objectives: tuple[SloSettings, ...]) -> tuple[SloSettings, ...]:
    names: set[str] = set()
    for i, objective in enumerate(objectives):
        if objective.name in names:
            raise problem_at(f"{i}.name", "is there twice", objective.name)
        names.add(objective.name)
    return objectives


Objectives = Annotated[tuple[SloSettings, ...], Field(max_length=MOST_OBJECTIVES), AfterValidator(_valid)]


def slos_of(objectives: tuple[SloSettings, ...]) -> tuple[Slo, ...]:
    """Return the objectives of the domain."""
    return tuple(Slo(o.name, o.query, frozenset(o.severities), o.labels) for o in objectives)
