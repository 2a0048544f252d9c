"""The keys of evidence: what `mttx evidence collect` bundles, how much of it, and what is taken out."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from service.settings.durations import Duration, PositiveDuration
from service.settings.evidence_sources import (
    EvidenceAudit,
    EvidenceChanges,
    EvidenceConfiguration,
    EvidenceLogs,
    EvidenceTraces,
)
from service.settings.placeholders import checked_query
from service.settings.section import SettingsSection

SourceName = Literal["timeline", "metrics", "logs", "traces", "audit", "configuration", "changes"]
Size = Annotated[int, Field(ge=1024, le=1024**4)]
PatternName = Annotated[str, StringConstraints(min_length=1, max_length=60)]


def _file_name(name: str) -> str:
    if not re.fullmatch(r"[\w .()%+-]{1,80}", name):
        raise ValueError("should be a name for files: up to 80 letters, digits, spaces and any of . ( ) % + - _")
    return name


def _finds_something(pattern: re.Pattern[str]) -> re.Pattern[str]:
    if pattern.search("") is not None:
        raise ValueError("should not match a text of no length: it would match everywhere")
    return pattern


Redacted = Annotated[re.Pattern[str], AfterValidator(_finds_something)]
QueryName = Annotated[str, AfterValidator(_file_name)]


class MetricsQuery(SettingsSection):
    """One query of Prometheus."""

    name: QueryName
    query: Annotated[str, StringConstraints(min_length=1), AfterValidator(checked_query)]
    unit: str = ""
    step: PositiveDuration = timedelta(seconds=15)


def _one_of_each(queries: tuple[MetricsQuery, ...]) -> tuple[MetricsQuery, ...]:
    names = [query.name.casefold() for query in queries]
    if len(set(names)) < len(names):
        raise ValueError("should have a different name for each query: the files are called after them")
    return queries


class EvidenceSettings(SettingsSection):
    """What is bundled as evidence of an incident (the standard, sections 5 and 9)."""

    margin: Duration = Field(
        timedelta(minutes=15), description="How long before and after the incident is looked at as well."
    )
    max_bytes: Size = Field(
        256 * 1024 * 1024, description="The most that one source may give, in bytes; what is cut off is marked."
    )
    bounds: Mapping[SourceName, Size] = Field(
        {}, description="The same for single sources, such as {logs: 1073741824}, instead of `evidence.max_bytes`."
    )
    redact: Mapping[PatternName, Redacted] = Field(
        {},
        description="Regular expressions of what is taken out besides secrets and personal data, by a name that is put "
        "in its place; where one has a group, only the first group.",
    )
    metrics: Annotated[tuple[MetricsQuery, ...], AfterValidator(_one_of_each)] = Field(
        (),
        description="Queries of Prometheus: a list of name, query, unit and step (15s); {{ $labels.NAME }} stands for "
        "a label of the incident, within double quotes.",
    )
    logs: EvidenceLogs = Field(default_factory=EvidenceLogs)
    traces: EvidenceTraces = EvidenceTraces()
    audit: EvidenceAudit = EvidenceAudit()
    configuration: EvidenceConfiguration = EvidenceConfiguration()
    changes: EvidenceChanges = EvidenceChanges()
