"""How webhooks of other systems are parsed and verified, from the configuration."""

from service.domain.policy import Severity
from service.intake import alertmanager, grafana, pagerduty
from service.intake.signatures import Signing
from service.polling.configured import people_of
from service.settings import Settings
from service.settings.inbound import secrets_of
from service.web.services import Sources


def sources_of(settings: Settings, alerts: alertmanager.AlertParseOptions) -> Sources:
    """Return the configured sources; `alerts` are the options for alerts of any sender."""
    from_grafana = settings.grafana_alerts
    return Sources(
        grafana=grafana.GrafanaParseOptions(
            alerts=alerts, no_data=from_grafana.no_data == "incident", error=from_grafana.error == "incident"
        ),
        grafana_signing=_grafana_signing(settings),
        pagerduty=pagerduty.PagerDutyParseOptions(
            priority_map={name: Severity(severity) for name, severity in settings.pagerduty.priority_map.items()}
        ),
        pagerduty_signing=_pagerduty_signing(settings),
        people=people_of(settings),
    )


def _grafana_signing(settings: Settings) -> Signing | None:
    keys = settings.grafana_alerts
    if keys.secrets is None:
        return None
    return Signing(
        secrets=secrets_of(keys.secrets),
        header=keys.signature_header,
        timestamp_header=keys.timestamp_header,
        window=keys.replay_window,
    )


def _pagerduty_signing(settings: Settings) -> Signing | None:
    keys = settings.pagerduty
    return Signing(secrets=secrets_of(keys.secrets), header="X-PagerDuty-Signature") if keys.secrets else None
