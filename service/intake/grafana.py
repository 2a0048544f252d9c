"""Parse the webhook body of Grafana-managed alerts (version 1); docs/sources/grafana.md describes it for operators.

It has Alertmanager's shape with additional fields. Source of the format: grafana/alerting `receivers/webhook`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from service.intake import alertmanager
from service.intake.alerts import AlertParseOptions, ignored, read_alerts
from service.intake.notifications import Notification
from service.intake.reasons import Failure, Ignored
from service.intake.sources import Source
from service.intake.wire import PayloadError


@dataclass(frozen=True, slots=True, kw_only=True)
class GrafanaParseOptions:
    """How to parse Grafana's alerts: as all others, and whether a rule without data or with an error counts."""

    alerts: AlertParseOptions = field(default_factory=AlertParseOptions)
    no_data: bool = False
    error: bool = False


class GrafanaPayload(alertmanager.Payload):
    """The fields read from Grafana's notification: the same as from Alertmanager's."""


def parse(body: bytes, options: GrafanaParseOptions, now: datetime, sender: str = "") -> Notification:
    """Parse a notification. An invalid alert is rejected alone. Raises only PayloadError.

    The alert of a contact point's Test button is `Ignored.TEST`. A resolved alert whose start equals its end carries
    only the end (`Observation.is_end_only`). `sender` as in `alertmanager.parse`.
    """

    def is_ignored(labels: Mapping[str, str], alerts: AlertParseOptions) -> Ignored | None:
        return ignored(labels, alerts) or _is_test(labels) or _pseudo(labels, options)

    payload = alertmanager.read_version(body, "1", _wrong_version)
    origin = payload.sender(Source.GRAFANA, sender)
    return read_alerts(
        payload.alerts, options.alerts, now, origin, is_ignored=is_ignored, truncated=payload.truncated_alerts
    )


def _is_test(labels: Mapping[str, str]) -> Ignored | None:
    """Return `Ignored.TEST` for the alert of the Test button; alerts of rules carry the folder of their rule."""
    is_test = labels.get("alertname") == "TestAlert" and "grafana_folder" not in labels
    return Ignored.TEST if is_test else None


def _pseudo(labels: Mapping[str, str], options: GrafanaParseOptions) -> Ignored | None:
    match labels.get("alertname"):
        case "DatasourceNoData" if not options.no_data:
            return Ignored.NO_DATA
        case "DatasourceError" if not options.error:
            return Ignored.ERROR
        case _:
            return None


def _wrong_version(version: object) -> PayloadError:
    if version == "4":
        text = 'This is Alertmanager\'s webhook body (version "4"). It goes to /webhooks/alertmanager.'
    else:
        text = (
            'This is not the webhook body of Grafana\'s alerts (version "1"). Send to this address from a contact '
            "point of the type Webhook, and remove a custom payload from it."
        )
    return PayloadError(Failure.WRONG_VERSION, text)
