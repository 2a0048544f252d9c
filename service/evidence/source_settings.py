"""The sources in the `evidence` section: logs, traces, audit records, configuration, changes. Reads no file."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, field_validator

from service.settings.http_api import HttpApiSettings
from service.settings.placeholders import checked_query
from service.settings.section import SettingsSection
from service.settings.values import PositiveDuration, Zone

TIME_FIELDS = ("timestamp", "@timestamp", "time", "ts", "datetime", "asctime")
PLACEHOLDERS = ("date", "order_id", "env")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def _pattern(pattern: str) -> str:
    parts = PurePosixPath(pattern).parts
    if not pattern.startswith("/") or ".." in parts or "\0" in pattern:
        raise ValueError("should be an absolute path without .. in it, such as /var/log/app/*.jsonl")
    unknown = [name for name in _PLACEHOLDER.findall(pattern) if name not in PLACEHOLDERS]
    if unknown:
        raise ValueError(f"has the unknown placeholder {{{unknown[0]}}}; known are {{date}}, {{order_id}} and {{env}}")
    if _is_open(parts[1:2]):
        raise ValueError("should begin with a folder without wildcards, such as /var/log/app/*.jsonl")
    return pattern


def _is_open(parts: tuple[str, ...]) -> bool:
    """Return whether the first part of a path can be anything; such a pattern would search the whole disk."""
    return not parts or any(sign in parts[0] for sign in "*?[{")


def _folder(path: Path) -> Path:
    if not path.is_absolute() or ".." in path.parts:
        raise ValueError("should be an absolute path without .. in it")
    return path


def _file_name(name: str) -> str:
    if not re.fullmatch(r"[\w.()%+-][\w .()%+-]{0,79}", name):
        raise ValueError("should be usable as a file name: up to 80 letters, digits, spaces and any of . ( ) % + - _")
    return name


FilePattern = Annotated[str, AfterValidator(_pattern)]
Folder = Annotated[Path, AfterValidator(_folder)]
QueryName = Annotated[str, AfterValidator(_file_name)]
Query = Annotated[str, StringConstraints(min_length=1, max_length=1000), AfterValidator(checked_query)]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Tenant = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!._*'()|-]{1,150}$")]
_ROOTS = "Folders that may contain the files once links are resolved; empty: each pattern's path up to its first *."


class EvidenceApi(HttpApiSettings):
    """An API that may take long to answer; read only."""

    timeout: PositiveDuration = Field(timedelta(seconds=30), description="Timeout of one request.")


class EvidenceLoki(EvidenceApi):
    """A Loki."""

    org_id: Tenant | None = Field(None, description="Tenant, sent as X-Scope-OrgID; null: none.")
    queries: Mapping[QueryName, Query] = Field(
        {},
        description="LogQL queries for log lines, each under the name of its file; `{{ $labels.NAME }}` stands for a "
        "label of the incident, within double quotes.",
    )
    page: Annotated[int, Field(ge=2, le=100_000)] = Field(
        5000, description="Number of lines per request; Loki's max_entries_limit_per_query is the upper limit."
    )


class EvidenceLogs(SettingsSection):
    """Log lines of the window, from files and from Loki."""

    files: tuple[FilePattern, ...] = Field(
        (),
        description="Patterns of log files, such as `/var/log/app/*.jsonl`: JSON lines, logfmt, or text that begins "
        "with the time (syslog, nginx, log4j); .gz files are read too.",
    )
    roots: tuple[Folder, ...] = Field((), description=_ROOTS)
    time_fields: tuple[ShortText, ...] = Field(
        TIME_FIELDS,
        description="Fields that may hold the time of a line; the first one present counts: RFC 3339, or seconds, ms, "
        "µs or ns since 1970. a.b is b inside a.",
    )
    time_zone: Zone = Field("UTC", validate_default=True, description="IANA time zone of times that do not name one.")
    untimed: Literal["neighbours", "drop"] = Field(
        "neighbours",
        description="Lines without a time, such as stack traces: kept with the last line before them that has a time "
        "(neighbours), or dropped (drop).",
    )
    loki: EvidenceLoki = EvidenceLoki()

    @field_validator("time_fields")
    @classmethod
    def _at_least_one(cls, fields: tuple[str, ...]) -> tuple[str, ...]:
        if not fields:
            raise ValueError("should name at least one field, such as [timestamp]")
        return fields


class EvidenceTempo(EvidenceApi):
    """A Tempo."""

    org_id: Tenant | None = Field(None, description="Tenant, sent as X-Scope-OrgID; null: none.")
    query: Query = Field(
        "{ status = error }",
        description="TraceQL query for the traces of the window; `{{ $labels.NAME }}` stands for a label of the "
        "incident, within double quotes.",
    )


class EvidenceJaeger(EvidenceApi):
    """A Jaeger."""

    services: tuple[ShortText, ...] = Field((), description="Services whose traces of the window are collected.")


class EvidenceTraces(SettingsSection):
    """Traces of the window, and of the correlation ids in the logs."""

    limit: Annotated[int, Field(ge=1, le=10_000)] = Field(
        100, description="Maximum number of traces from one search, and for one window."
    )
    correlation_attribute: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,99}$")] = Field(
        "correlation_id", description="Span attribute, or tag, that holds the correlation id of the logs."
    )
    tempo: EvidenceTempo = EvidenceTempo()
    jaeger: EvidenceJaeger = EvidenceJaeger()


class EvidenceAudit(SettingsSection):
    """Audit records, kept unchanged."""

    files: tuple[FilePattern, ...] = Field(
        (),
        description="Patterns of audit records, such as `/data/audit/{date}/{order_id}.json`: `{date}` is each day of "
        "the window, in UTC and in `display_timezone`; `{order_id}` is each order id in the logs.",
    )
    roots: tuple[Folder, ...] = Field((), description=_ROOTS)
    verbatim: bool = Field(
        True,
        description="Keep audit records byte for byte, which also requires --allow-verbatim; false: redact them like "
        "everything else.",
    )


class EvidenceConfiguration(SettingsSection):
    """Configuration files, and their content when the incident started."""

    files: tuple[FilePattern, ...] = Field(
        (),
        description="Patterns of configuration files, such as `/srv/app/config/{env}.yml`; `{env}` is the incident's "
        "label of that name.",
    )
    roots: tuple[Folder, ...] = Field((), description=_ROOTS)


class EvidenceChanges(SettingsSection):
    """Changes before and during the incident."""

    repositories: tuple[Folder, ...] = Field((), description="Git repositories whose history is collected.")
    lookback: PositiveDuration = Field(
        timedelta(days=3), description="How long before the incident changes are searched for."
    )
    annotation_tags: tuple[ShortText, ...] = Field(
        ("deploy",), description="Tags of Grafana annotations that mark changes; each of them is searched for."
    )
