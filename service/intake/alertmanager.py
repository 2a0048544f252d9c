"""Parse Alertmanager's webhook body (version 4) into alerts; docs/sources/alertmanager.md describes it for operators.

Source of the format: prometheus/alertmanager `notify/webhook/webhook.go` Message.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, TypeAdapter
from pydantic_core import from_json

from service.domain.events import LONGEST_PEER, Alert
from service.intake.alerts import (
    UNNAMED,
    AlertFault,
    AlertParseOptions,
    AlertReader,
    Ignoring,
    PayloadAlert,
    Sender,
    UnmappedAlert,
    ignored,
    shared_name,
)
from service.intake.reasons import Failure, Ignored, Source
from service.intake.wire import PayloadError, read_json_in_parts

__all__ = ["UNNAMED", "AlertParseOptions", "Notification", "Payload", "ignored", "notification", "parse", "shared_name"]

MOST_TRUNCATED = 10**9
"""Maximum of the sender's count of omitted alerts. A counter too large for a float would fail every later scrape."""
MOST_FAULTS = 10
"""Maximum number of faults that a response lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """The content of one body; the lists are those of `AlertReader`.

    `total` counts its alerts, including ignored and rejected ones; `truncated` those that the sender omitted. `retry`
    is the error that makes the sender retry: the time of one of the alerts is ahead of this service's clock.
    """

    alerts: tuple[Alert, ...]
    ignored: Mapping[Ignored, int]
    truncated: int
    total: int
    rejected: tuple[AlertFault, ...] = ()
    warnings: tuple[AlertFault, ...] = ()
    unmapped: tuple[UnmappedAlert, ...] = ()
    retry: PayloadError | None = None


class Payload(BaseModel):
    """The fields read from a notification; Alertmanager sends more, and later versions may add others."""

    model_config = ConfigDict(strict=True)

    version: str
    group_key: Annotated[str, Field(alias="groupKey", min_length=1)]
    truncated_alerts: Annotated[int, Field(alias="truncatedAlerts", ge=0, le=MOST_TRUNCATED)] = 0
    alerts: Annotated[list[SkipValidation[PayloadAlert]], Field(min_length=1)]
    """Raw JSON: each alert is validated by itself, after their number was checked."""
    external_url: Any = Field(default=None, alias="externalURL")

    @property
    def peer(self) -> str:
        """The Alertmanager of a cluster that sent it, if reported."""
        return self.external_url[:LONGEST_PEER] if isinstance(self.external_url, str) else ""


_BODY: TypeAdapter[Payload] = TypeAdapter(Payload)


def parse(body: bytes, options: AlertParseOptions, now: datetime, sender: str = "") -> Notification:
    """Parse a notification. An invalid alert is rejected alone. Raises only PayloadError.

    `sender` is the name of an independent sender, whose groups and alerts are kept apart from those of others.
    Ignored alerts are checked only for their shape. The status of each alert counts, never the group's.
    Nothing is inferred from missing alerts.
    """
    payload = read_version(body, "4", _wrong_version)
    return notification(payload, options, now, Source.ALERTMANAGER, ignored, sender=sender)


def notification(
    payload: Payload, options: AlertParseOptions, now: datetime, source: Source, is_ignored: Ignoring, *, sender: str
) -> Notification:
    """Return the content of a body of this shape, of any version.

    Raises PayloadError if there are too many alerts, or if none is valid: then with the faults of all.
    """
    total = len(payload.alerts)
    if total > options.most_alerts:
        detail = f"has {total} alerts, more than {options.most_alerts}; set max_alerts in webhook_configs"
        raise PayloadError(Failure.TOO_LARGE, f"#/alerts: {detail}")
    reader = AlertReader(options, now, Sender(source, payload.group_key, payload.peer, sender), is_ignored)
    for index, alert in enumerate(payload.alerts):
        reader.read(index, alert)
    if len(reader.rejected) == total:
        raise _refusal(reader.errors)
    ahead = [error for error in reader.errors if error.reason is Failure.FUTURE]
    return Notification(
        alerts=tuple(reader.recorded),
        ignored=reader.ignored,
        truncated=payload.truncated_alerts,
        total=total,
        rejected=tuple(reader.rejected),
        warnings=tuple(reader.warnings),
        unmapped=tuple(reader.unmapped),
        retry=_refusal(ahead) if ahead else None,
    )


def _refusal(errors: list[PayloadError]) -> PayloadError:
    """Return one error for many alerts, with the reason `future` if a retry may fix one of them."""
    faults = [fault for error in errors[:MOST_FAULTS] for fault in error.faults][:MOST_FAULTS]
    reason = next((e.reason for e in errors if e.reason is Failure.FUTURE), Failure.INVALID_PAYLOAD)
    return PayloadError(reason, "; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults), faults)


def read_version(body: bytes, version: str, wrong: Callable[[object], PayloadError]) -> Payload:
    """Parse a body of one version; `wrong` returns the error for another version. Raises PayloadError."""
    try:
        payload = read_json_in_parts(_BODY, body)
    except PayloadError as error:
        if error.reason is Failure.INVALID_PAYLOAD and (actual := _version(body)) != version:
            raise wrong(actual) from None
        raise
    if payload.version != version:
        raise wrong(payload.version)
    return payload


def _version(body: bytes) -> Any:
    value = from_json(body)
    return value.get("version") if isinstance(value, dict) else None


def _wrong_version(version: object) -> PayloadError:
    if version == "1":
        text = 'This is Grafana\'s webhook body (version "1"). It goes to /webhooks/grafana.'
    else:
        text = (
            "This is not Alertmanager's webhook body (version \"4\"). Send to this address from a receiver's "
            "webhook_configs, and remove a custom `payload` from it."
        )
    return PayloadError(Failure.WRONG_VERSION, text)
