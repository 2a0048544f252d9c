"""Alertmanager's webhook body (version 4) into alerts. docs/sources/alertmanager.md says the same to operators.

Source of the format: prometheus/alertmanager `template/template.go` Data, `notify/webhook/webhook.go` Message.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field, TypeAdapter
from pydantic_core import from_json

from service.domain.events import Alert, Observation
from service.domain.policy import Severity
from service.intake.reasons import Failure, Ignored, Source
from service.intake.wire import CLOCK_SKEW, PayloadError, instant, invalid, read_json, zoned

UNNAMED = "unnamed alert"
LONGEST_KEY = 400
"""Characters of a group key that are kept as they are. An index of PostgreSQL holds rows of less than 2.7 kB."""
MOST_TRUNCATED = 10**9
"""Alerts that a sender may say it left out. A counter that no float holds would fail every scrape from then on."""
SEVERITY_LABEL = "incident_severity"
SEVERITY_MAP = {
    "critical": Severity.SEV_2,
    "high": Severity.SEV_3,
    "error": Severity.SEV_3,
    "warning": Severity.SEV_4,
    "medium": Severity.SEV_4,
}
IGNORED_ALERTNAMES = (re.compile("^Mttx"), re.compile("^Watchdog$"), re.compile("^InfoInhibitor$"))
_SEVERITIES = {severity.value.casefold(): severity for severity in Severity}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How to read alerts: which become incidents, of what severity, and how large a notification may be.

    `severity_map` has its keys in lower case. A pattern of `ignored_alertnames` is searched for, so that it anchors
    itself where it means the whole name. Alerts and labels beyond `most_*` refuse the notification; annotations longer
    than `most_text` characters are cut, for they are only read. Where other sources tell of the same incidents, the
    digest of the group key (as Alertmanager's PagerDuty integration makes it), or `correlation_label`, names them.
    """

    severity_map: Mapping[str, Severity] = field(default_factory=lambda: dict(SEVERITY_MAP))
    severity_label: str = "severity"
    ignore_label: str = "mttx_ignore"
    ignored_alertnames: tuple[re.Pattern[str], ...] = IGNORED_ALERTNAMES
    most_alerts: int = 1000
    most_labels: int = 64
    most_text: int = 4096
    by_group_key: bool = False
    correlation_label: str | None = None
    clock_skew: timedelta = CLOCK_SKEW


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What one body says. `total` counts its alerts, ignored ones too; `truncated` those that the sender cut off."""

    alerts: tuple[Alert, ...]
    ignored: Mapping[Ignored, int]
    truncated: int
    total: int


class PayloadAlert(BaseModel):
    """What is read of one alert."""

    model_config = ConfigDict(strict=True)

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: str = Field(alias="startsAt")
    ends_at: str | None = Field(default=None, alias="endsAt")
    generator_url: str = Field(default="", alias="generatorURL")
    fingerprint: Annotated[str, Field(min_length=1, max_length=128)]


class Payload(BaseModel):
    """What is read of a notification; Alertmanager sends more, and later versions will send more again."""

    model_config = ConfigDict(strict=True)

    version: str
    group_key: Annotated[str, Field(alias="groupKey", min_length=1)]
    truncated_alerts: Annotated[int, Field(alias="truncatedAlerts", ge=0, le=MOST_TRUNCATED)] = 0
    alerts: Annotated[list[PayloadAlert], Field(min_length=1), FailFast()]


_BODY: TypeAdapter[Payload] = TypeAdapter(Payload)
Ignoring = Callable[[Mapping[str, str], Reading], Ignored | None]


def parse(body: bytes, reading: Reading, now: datetime) -> Notification:
    """Read a notification; one alert that cannot be read refuses all of it. Raises PayloadError and nothing else.

    Of an alert that is ignored anyway only the shape is checked. The status of each alert decides, never the group's.
    Nothing is inferred from alerts that are not there.
    """
    return notification(read_version(body, "4", _wrong_version), reading, now, Source.ALERTMANAGER, ignored)


def notification(read: Payload, reading: Reading, now: datetime, source: Source, is_ignored: Ignoring) -> Notification:
    """Return what a body of this shape says, whichever version it is. Raises PayloadError."""
    if len(read.alerts) > reading.most_alerts:
        detail = f"has {len(read.alerts)} alerts, more than {reading.most_alerts}; set max_alerts in webhook_configs"
        raise PayloadError(Failure.TOO_LARGE, f"#/alerts: {detail}")
    left_out: Counter[Ignored] = Counter()
    alerts: list[Alert] = []
    for index, told in enumerate(read.alerts):
        severity = severity_of(told.labels, reading)
        if why := is_ignored(told.labels, reading):
            left_out[why] += 1
        elif severity is None:
            left_out[Ignored.SEVERITY] += 1
        else:
            _check_size(told, reading, index)
            observation = _observation(told, (source, _bounded(read.group_key)), reading, now, index)
            alerts.append(_alert(told, observation, severity, reading, now))
    return Notification(alerts=tuple(alerts), ignored=left_out, truncated=read.truncated_alerts, total=len(read.alerts))


def read_version(body: bytes, version: str, wrong: Callable[[object], PayloadError]) -> Payload:
    """Read a body of one version; what another is, is said by `wrong`. Raises PayloadError."""
    try:
        read = read_json(_BODY, body)
    except PayloadError as error:
        if error.reason is Failure.INVALID_PAYLOAD and (told := _version(body)) != version:
            raise wrong(told) from None
        raise
    if read.version != version:
        raise wrong(read.version)
    return read


def _version(body: bytes) -> Any:
    told = from_json(body)
    return told.get("version") if isinstance(told, dict) else None


def _wrong_version(version: object) -> PayloadError:
    if version == "1":
        text = 'This is Grafana\'s webhook body (version "1"). It goes to /webhooks/grafana.'
    else:
        text = (
            "This is not Alertmanager's webhook body (version \"4\"). Send to this address from a receiver's "
            "webhook_configs, and remove a custom `payload` from it."
        )
    return PayloadError(Failure.WRONG_VERSION, text)


def _check_size(told: PayloadAlert, reading: Reading, index: int) -> None:
    for name, texts in (("labels", told.labels), ("annotations", told.annotations)):
        if len(texts) > reading.most_labels:
            raise invalid(f"has {len(texts)} entries, more than {reading.most_labels}", "alerts", index, name)
    for label, value in told.labels.items():
        if len(label) > reading.most_text or len(value) > reading.most_text:
            raise invalid(f"is longer than {reading.most_text} characters", "alerts", index, "labels", label[:100])


def _annotations(told: PayloadAlert, reading: Reading) -> dict[str, str]:
    most = reading.most_text
    return {key: text if len(text) <= most else text[: most - 1] + "…" for key, text in told.annotations.items()}


def _bounded(group_key: str) -> str:
    """Return what stands for a group in keys of the database: a long one (every label may be in it) by its digest."""
    if len(group_key) <= LONGEST_KEY:
        return group_key
    return f"{group_key[: LONGEST_KEY - 65]}#{sha256(group_key.encode()).hexdigest()}"


def _observation(
    told: PayloadAlert, group: tuple[Source, str], reading: Reading, now: datetime, index: int
) -> Observation:
    source, group_key = group
    starts_at = instant(told.starts_at, now, reading.clock_skew, "alerts", index, "startsAt")
    ends_at = None
    if told.status == "resolved":
        ends_at = _ends_at(told, starts_at, reading, now, index)
    return Observation(
        source=source.value,
        fingerprint=told.fingerprint,
        group_key=group_key,
        starts_at=starts_at,
        ends_at=ends_at,
    )


def _ends_at(told: PayloadAlert, starts_at: datetime, reading: Reading, now: datetime, index: int) -> datetime:
    """Read the end of a resolved alert. Year 1 is Go's way to write none; only a firing alert may have that."""
    path = ("alerts", index, "endsAt")
    if told.ends_at is None or zoned(told.ends_at, *path).year <= 1:
        raise invalid("is missing though the alert is resolved", *path)
    ends_at = instant(told.ends_at, now, reading.clock_skew, *path)
    if ends_at < starts_at:
        raise invalid("lies before startsAt", *path)
    return ends_at


def severity_of(labels: Mapping[str, str], reading: Reading) -> Severity | None:
    """Return how bad an alert is, None where its labels do not say so."""
    explicit = labels.get(SEVERITY_LABEL)
    if explicit is not None and (severity := _SEVERITIES.get(explicit.casefold())):
        return severity
    mapped = labels.get(reading.severity_label)
    return None if mapped is None else reading.severity_map.get(mapped.lower())


def ignored(labels: Mapping[str, str], reading: Reading) -> Ignored | None:
    """Say why an alert never becomes an incident, None where nothing is against it."""
    if labels.get(reading.ignore_label, "").lower() == "true":
        return Ignored.IGNORE_LABEL
    name = labels.get("alertname", "")
    if any(pattern.search(name) for pattern in reading.ignored_alertnames):
        return Ignored.ALERTNAME
    return None


def _aliases(group_key: str, labels: Mapping[str, str], reading: Reading) -> tuple[str, ...]:
    of_group = (sha256(group_key.encode()).hexdigest(),) if reading.by_group_key else ()
    return (*of_group, *shared_name(labels, reading.correlation_label))


def shared_name(labels: Mapping[str, str], label: str | None) -> tuple[str, ...]:
    """Return the name that people gave the incident in a label, for every source."""
    value = labels.get(label, "") if label else ""
    return (f"{label}={value}",) if value else ()


def _alert(told: PayloadAlert, observation: Observation, severity: Severity, reading: Reading, now: datetime) -> Alert:
    return Alert(
        observation=observation,
        name=told.labels.get("alertname") or UNNAMED,
        severity=severity,
        labels=told.labels,
        annotations=_annotations(told, reading),
        generator_url=told.generator_url,
        onset_at=_onset(told, reading, now),
        aliases=_aliases(observation.group_key, told.labels, reading),
    )


def _onset(told: PayloadAlert, reading: Reading, now: datetime) -> datetime | None:
    """Read `started_at` from the annotations, else from the labels. What cannot be read is left out, never guessed."""
    text = told.annotations.get("started_at") or told.labels.get("started_at")
    if not text:
        return None
    try:
        return instant(text, now, reading.clock_skew)
    except PayloadError:
        return None
