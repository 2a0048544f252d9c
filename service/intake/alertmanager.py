"""Parse Alertmanager's webhook body (version 4) into alerts; docs/sources/alertmanager.md describes it for operators.

Source of the format: prometheus/alertmanager `notify/webhook/webhook.go` Message. Grafana's body has the same shape.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from pydantic import FailFast, Field, SkipValidation, TypeAdapter
from pydantic_core import from_json

from service.domain.events import LONGEST_PEER
from service.intake.alerts import AlertParseOptions, PayloadAlert, Sender
from service.intake.notifications import Notification, read_alerts
from service.intake.reasons import Failure
from service.intake.sources import Source
from service.intake.wire import PayloadError, WireModel, read_json, read_json_in_parts

MAX_TRUNCATED = 10**9
"""Maximum of the sender's count of omitted alerts. A counter too large for a float would fail every later scrape."""


class Payload(WireModel):
    """The fields read from a notification; Alertmanager sends more, and later versions may add others."""

    version: str
    group_key: Annotated[str, Field(alias="groupKey", min_length=1)]
    truncated_alerts: Annotated[int, Field(alias="truncatedAlerts", ge=0, le=MAX_TRUNCATED)] = 0
    alerts: Annotated[list[PayloadAlert], Field(min_length=1), FailFast()]
    external_url: Any = Field(default=None, alias="externalURL")

    def sender(self, source: Source, name: str) -> Sender:
        """Return the origin of the notification; its peer is the Alertmanager of a cluster that sent it."""
        peer = self.external_url[:LONGEST_PEER] if isinstance(self.external_url, str) else ""
        return Sender(source, self.group_key, peer, name)


class _PartlyValid(Payload):
    """A notification with an invalid part: its alerts are raw JSON, each of which is validated by itself."""

    alerts: Annotated[list[SkipValidation[PayloadAlert]], Field(min_length=1)]


_BODY: TypeAdapter[Payload] = TypeAdapter(Payload)
_PARTS: TypeAdapter[Payload] = TypeAdapter(_PartlyValid)


def parse(body: bytes, options: AlertParseOptions, now: datetime, sender: str = "") -> Notification:
    """Parse a notification. An invalid alert is rejected alone. Raises only PayloadError.

    `sender` is the name of an independent sender, whose groups and alerts are kept apart from those of others.
    Ignored alerts are checked only for their shape. The status of each alert counts, never the group's.
    Nothing is inferred from missing alerts.
    """
    payload = read_version(body, "4", _wrong_version)
    origin = payload.sender(Source.ALERTMANAGER, sender)
    return read_alerts(payload.alerts, options, now, origin, truncated=payload.truncated_alerts)


def read_version(body: bytes, version: str, wrong: Callable[[object], PayloadError]) -> Payload:
    """Parse a body of one version; `wrong` returns the error for another version. Raises PayloadError."""
    try:
        payload = _read(body)
    except PayloadError as error:
        if error.reason is Failure.INVALID_PAYLOAD and (actual := _version(body)) != version:
            raise wrong(actual) from None
        raise
    if payload.version != version:
        raise wrong(payload.version)
    return payload


def _read(body: bytes) -> Payload:
    """Parse a body at once, or alert by alert if there is any fault in it."""
    try:
        return read_json(_BODY, body)
    except PayloadError:
        return read_json_in_parts(_PARTS, body)


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
