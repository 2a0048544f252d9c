"""Parse the webhook body of Grafana-managed alerts (version 1); docs/sources/grafana.md describes it for operators.

It has Alertmanager's shape with additional fields. Source of the format: grafana/alerting `receivers/webhook`.
"""

from collections.abc import Mapping
from datetime import datetime

from service.intake import alertmanager
from service.intake.alerts import AlertParseOptions, ignored
from service.intake.notifications import Notification, read_alerts
from service.intake.reasons import Failure, Ignored
from service.intake.sources import Source
from service.intake.wire import PayloadError


class GrafanaPayload(alertmanager.Payload):
    """The fields read from Grafana's notification: the same as from Alertmanager's."""


def parse(body: bytes, options: AlertParseOptions, now: datetime, sender: str = "") -> Notification:
    """Parse a notification. An invalid alert is rejected alone. Raises only PayloadError.

    The alert of a contact point's Test button is `Ignored.TEST`. A resolved alert whose start equals its end carries
    only the end (`Observation.is_end_only`). `sender` as in `alertmanager.parse`.
    """
    payload = alertmanager.read_version(body, "1", _wrong_version)
    origin = payload.sender(Source.GRAFANA, sender)
    return read_alerts(payload.alerts, options, now, origin, is_ignored=_ignored, truncated=payload.truncated_alerts)


def _ignored(labels: Mapping[str, str], options: AlertParseOptions) -> Ignored | None:
    """Return why an alert never becomes an incident; alerts of rules carry the folder of their rule, a test none."""
    if reason := ignored(labels, options):
        return reason
    match labels.get("alertname"):
        case "TestAlert" if "grafana_folder" not in labels:
            return Ignored.TEST
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
