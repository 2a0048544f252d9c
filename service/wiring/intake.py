"""How webhooks are parsed and verified, and whose silences count."""

from collections.abc import Iterator
from uuid import uuid4

from service.domain.silences import People
from service.intake import lifecycle
from service.intake.alerts import AlertParseOptions
from service.intake.signatures import Signing
from service.intake.sources import Source
from service.settings.inbound import secrets_of
from service.settings.model import Settings
from service.web.services import Sources
from service.wiring import sources


def alert_options(settings: Settings) -> AlertParseOptions:
    """Return how alerts of any sender are parsed."""
    return AlertParseOptions(
        severities=settings.severity_rules(),
        ignore_label=settings.ignore.label,
        ignored_alertnames=settings.ignore.alertnames,
        max_alerts=settings.limits.alerts,
        max_labels=settings.limits.labels,
        max_text=settings.limits.label_length,
        by_group_key=settings.correlation.group_key,
        correlation_label=settings.correlation.label,
        no_data=settings.grafana_alerts.no_data == "incident",
        error=settings.grafana_alerts.error == "incident",
    )


def event_options(settings: Settings) -> lifecycle.EventParseOptions:
    """Return how events of people and of their tools are parsed."""
    return lifecycle.EventParseOptions(
        zone=settings.display_timezone,
        new_id=lambda: str(uuid4()),
        max_events=settings.limits.alerts,
        correlation_label=settings.correlation.label,
    )


def webhook_sources(settings: Settings) -> Sources:
    """Return how the webhooks of other systems are parsed and verified. Raises SettingsError."""
    return Sources(
        priorities=settings.pagerduty.priority_map,
        signings={**dict(_signings(settings)), **dict(sources.verifiers(settings))},
        declared=sources.declarations(settings),
        people=people(settings),
        resolved_cdevent=settings.cdevents.resolved,
    )


def people(settings: Settings) -> People | None:
    """Return whose silences count as acknowledgements; None: nobody's."""
    keys = settings.silences
    return People(authors=keys.authors, machines=keys.machines) if keys.acknowledge else None


def _signings(settings: Settings) -> Iterator[tuple[Source, Signing]]:
    keys = settings.grafana_alerts
    if keys.secrets is not None:
        yield (
            Source.GRAFANA,
            Signing(
                secrets=secrets_of(keys.secrets),
                header=keys.signature_header,
                timestamp_header=keys.timestamp_header,
                window=keys.replay_window,
            ),
        )
    if (secrets := settings.pagerduty.secrets) is not None:
        yield Source.PAGERDUTY, Signing(secrets=secrets_of(secrets), header="X-PagerDuty-Signature", prefix="v1=")
    if (secrets := settings.slack.signing_secret) is not None:
        yield (
            Source.SLACK,
            Signing(
                secrets=secrets_of(secrets),
                header="X-Slack-Signature",
                prefix="v0=",
                timestamp_header="X-Slack-Request-Timestamp",
                version="v0:",
            ),
        )
