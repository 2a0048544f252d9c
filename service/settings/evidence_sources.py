"""The keys of where evidence comes from: logs, traces, audit records, configuration, changes. Nothing is read here."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, field_validator

from service.settings.durations import PositiveDuration
from service.settings.placeholders import checked_query
from service.settings.polling import ApiUrl
from service.settings.section import SettingsSection
from service.settings.values import Zone

TIME_FIELDS = ("timestamp", "@timestamp", "time", "ts", "datetime", "asctime")
PLACEHOLDERS = ("date", "order_id", "env")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def _pattern(written: str) -> str:
    parts = PurePosixPath(written).parts
    if not written.startswith("/") or ".." in parts or "\0" in written:
        raise ValueError("should be an absolute path without .. in it, such as /var/log/app/*.jsonl")
    unknown = [name for name in _PLACEHOLDER.findall(written) if name not in PLACEHOLDERS]
    if unknown:
        raise ValueError(
            f"has {{{unknown[0]}}}, which nothing stands for; there are {{date}}, {{order_id}} and {{env}}"
        )
    if _is_open(parts[1:2]):
        raise ValueError("should begin with a folder that is named, such as /var/log/app/*.jsonl")
    return written


def _is_open(parts: tuple[str, ...]) -> bool:
    """Say whether a part of a path can be anything; a pattern that begins so reads the whole disk."""
    return not parts or any(sign in parts[0] for sign in "*?[{")


def _folder(path: Path) -> Path:
    if not path.is_absolute() or ".." in path.parts:
        raise ValueError("should be an absolute path without .. in it")
    return path


def _file_name(name: str) -> str:
    if not re.fullmatch(r"[\w.()%+-][\w .()%+-]{0,79}", name):
        raise ValueError("should be a name for files: up to 80 letters, digits, spaces and any of . ( ) % + - _")
    return name


FilePattern = Annotated[str, AfterValidator(_pattern)]
Folder = Annotated[Path, AfterValidator(_folder)]
QueryName = Annotated[str, AfterValidator(_file_name)]
Query = Annotated[str, StringConstraints(min_length=1, max_length=1000), AfterValidator(checked_query)]
Said = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Tenant = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!._*'()|-]{1,150}$")]
_CA = "PEM file of the authority that signed its certificate; null: the usual ones."
_ROOTS = "Folders that files may lie in once links are followed; none: where each pattern begins, up to its first *."


class EvidenceLoki(SettingsSection):
    """A Loki; read only."""

    url: ApiUrl | None = Field(None, description="Loki's address, with its prefix. Without it nothing is asked.")
    token: SecretStr | None = Field(None, description="Bearer token for Loki's API.")
    org_id: Tenant | None = Field(None, description="The tenant, sent as X-Scope-OrgID; null: none.")
    ca_file: Path | None = Field(None, description=_CA)
    timeout: PositiveDuration = Field(timedelta(seconds=30), description="How long one request may take.")
    queries: Mapping[QueryName, Query] = Field(
        {},
        description="LogQL queries for log lines, by the name that their files get; {{ $labels.NAME }} stands for a "
        "label of the incident, within double quotes.",
    )
    page: Annotated[int, Field(ge=2, le=100_000)] = Field(
        5000, description="Lines that are asked for at once; Loki's max_entries_limit_per_query bounds it."
    )


class EvidenceLogs(SettingsSection):
    """Log lines of the window, from files and from Loki."""

    files: tuple[FilePattern, ...] = Field(
        (),
        description="Patterns of log files, such as /var/log/app/*.jsonl: JSON lines, logfmt, or text with the time at "
        "the beginning (syslog, nginx, log4j); .gz is read too.",
    )
    roots: tuple[Folder, ...] = Field((), description=_ROOTS)
    time_fields: tuple[Said, ...] = Field(
        TIME_FIELDS,
        description="Fields that may hold a line's time, the first that does counts: RFC 3339, or seconds, ms, µs or "
        "ns since 1970. a.b is b inside a.",
    )
    time_zone: Zone = Field("UTC", validate_default=True, description="IANA time zone of times that do not say theirs.")
    untimed: Literal["neighbours", "drop"] = Field(
        "neighbours",
        description="Lines without a time, such as stack traces: kept where the line with a time before them is "
        "(neighbours), or dropped (drop).",
    )
    loki: EvidenceLoki = EvidenceLoki()

    @field_validator("time_fields")
    @classmethod
    def _at_least_one(cls, fields: tuple[str, ...]) -> tuple[str, ...]:
        if not fields:
            raise ValueError("should name at least one field, such as [timestamp]")
        return fields


class EvidenceTempo(SettingsSection):
    """A Tempo; read only."""

    url: ApiUrl | None = Field(None, description="Tempo's address, with its prefix. Without it nothing is asked.")
    token: SecretStr | None = Field(None, description="Bearer token for Tempo's API.")
    org_id: Tenant | None = Field(None, description="The tenant, sent as X-Scope-OrgID; null: none.")
    ca_file: Path | None = Field(None, description=_CA)
    timeout: PositiveDuration = Field(timedelta(seconds=30), description="How long one request may take.")
    query: Query = Field(
        "{ status = error }",
        description="TraceQL query for the traces of the window; {{ $labels.NAME }} stands for a label of the "
        "incident, within double quotes.",
    )


class EvidenceJaeger(SettingsSection):
    """A Jaeger; read only."""

    url: ApiUrl | None = Field(None, description="Jaeger's address, with its prefix. Without it nothing is asked.")
    token: SecretStr | None = Field(None, description="Bearer token for Jaeger's API.")
    ca_file: Path | None = Field(None, description=_CA)
    timeout: PositiveDuration = Field(timedelta(seconds=30), description="How long one request may take.")
    services: tuple[Said, ...] = Field((), description="Services whose traces of the window are looked for.")


class EvidenceTraces(SettingsSection):
    """Traces of the window, and of the correlation ids that logs tell."""

    limit: Annotated[int, Field(ge=1, le=10_000)] = Field(
        100, description="Traces that one search may give, and of one window at most."
    )
    correlation_attribute: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,99}$")] = Field(
        "correlation_id", description="The attribute of spans, or tag, that holds the correlation id of logs."
    )
    tempo: EvidenceTempo = EvidenceTempo()
    jaeger: EvidenceJaeger = EvidenceJaeger()


class EvidenceAudit(SettingsSection):
    """Audit records, kept as they are."""

    files: tuple[FilePattern, ...] = Field(
        (),
        description="Patterns of audit records, such as /data/audit/{date}/{order_id}.json: {date} is each day of the "
        "window, in UTC and in `display_timezone`; {order_id} each that the logs tell.",
    )
    roots: tuple[Folder, ...] = Field((), description=_ROOTS)
    verbatim: bool = Field(
        True,
        description="Keep them byte for byte, which --allow-verbatim has to allow; false: redacted as the rest.",
    )


class EvidenceConfiguration(SettingsSection):
    """Configuration files, and what they were when the incident began."""

    files: tuple[FilePattern, ...] = Field(
        (),
        description="Patterns of files, such as /srv/app/config/{env}.yml; {env} is the incident's label of that name.",
    )
    roots: tuple[Folder, ...] = Field((), description=_ROOTS)


class EvidenceChanges(SettingsSection):
    """What was changed before and during the incident."""

    repositories: tuple[Folder, ...] = Field((), description="Git repositories whose history is told.")
    lookback: PositiveDuration = Field(
        timedelta(days=3), description="How long before the incident changes are looked for."
    )
    annotation_tags: tuple[Said, ...] = Field(
        ("deploy",), description="Tags of Grafana's annotations that mark changes; each of them is looked for."
    )
