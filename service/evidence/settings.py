"""The section `evidence` of mttx.yml: what is collected, how much of it, and what is redacted."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from service.evidence.source_settings import (
    EvidenceAudit,
    EvidenceChanges,
    EvidenceConfiguration,
    EvidenceLogs,
    EvidenceTraces,
    QueryName,
)
from service.settings.model import Settings
from service.settings.placeholders import checked_query
from service.settings.section import SettingsSection, problem_at
from service.settings.values import Duration, PositiveDuration

SourceName = Literal["timeline", "metrics", "logs", "traces", "audit", "configuration", "changes"]
Size = Annotated[int, Field(ge=1024, le=1024**4)]
PatternName = Annotated[str, StringConstraints(min_length=1, max_length=60)]


def _never_empty(pattern: re.Pattern[str]) -> re.Pattern[str]:
    if pattern.search("") is not None:
        raise ValueError("should not match the empty string: it would match everywhere")
    return pattern


RedactPattern = Annotated[re.Pattern[str], AfterValidator(_never_empty)]


class MetricsQuery(SettingsSection):
    """A PromQL query."""

    name: QueryName
    query: Annotated[str, StringConstraints(min_length=1), AfterValidator(checked_query)]
    unit: str = ""
    step: PositiveDuration = timedelta(seconds=15)


def _unique_names(queries: tuple[MetricsQuery, ...]) -> tuple[MetricsQuery, ...]:
    names = [query.name.casefold() for query in queries]
    if len(set(names)) < len(names):
        raise ValueError("should have a different name for each query: they become file names")
    return queries


class EvidenceSettings(SettingsSection):
    """What is collected as evidence of an incident (the standard, sections 5 and 9)."""

    margin: Duration = Field(
        timedelta(minutes=15), description="How much time before and after the incident is included."
    )
    max_bytes: Size = Field(
        256 * 1024 * 1024, description="Maximum size of one source, in bytes; what is cut off is marked."
    )
    bounds: Mapping[SourceName, Size] = Field(
        {}, description="Maximum size of single sources, such as `{logs: 1073741824}`, instead of `evidence.max_bytes`."
    )
    redact: Mapping[PatternName, RedactPattern] = Field(
        {},
        description="Regular expressions to redact besides secrets and personal data, each under the name that "
        "replaces its matches; if the expression has a group, only its first group is replaced.",
    )
    metrics: Annotated[tuple[MetricsQuery, ...], AfterValidator(_unique_names)] = Field(
        (),
        description="PromQL queries: a list of `name`, `query`, `unit` and `step` (`15s`); `{{ $labels.NAME }}` "
        "stands for a label of the incident, within double quotes.",
    )
    logs: EvidenceLogs = Field(default_factory=EvidenceLogs)
    traces: EvidenceTraces = EvidenceTraces()
    audit: EvidenceAudit = EvidenceAudit()
    configuration: EvidenceConfiguration = EvidenceConfiguration()
    changes: EvidenceChanges = EvidenceChanges()


class SettingsWithEvidence(Settings):
    """The configuration with this section."""

    evidence: EvidenceSettings = Field(default_factory=EvidenceSettings)

    @model_validator(mode="after")
    def _require_prometheus_for_metrics(self) -> Self:
        if self.evidence.metrics and not self.prometheus.url:
            raise problem_at("evidence.metrics", "requires prometheus.url to be set", self.evidence.metrics)
        return self


SETTINGS = SettingsWithEvidence


def evidence_settings(settings: Settings) -> EvidenceSettings:
    """Return this section; its defaults if the configuration was made without it."""
    return settings.evidence if isinstance(settings, SettingsWithEvidence) else EvidenceSettings()
