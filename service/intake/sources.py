"""The sources of requests, and how the senders of each behave beyond what their bodies say.

Declared sources (`service.intake.declared`) have a name and a profile too, but are no `Source`: teams add them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from service.domain.policy import Severity


class Source(StrEnum):
    """The source of a request: a label value of the metrics, and the name of its parser, tests and page."""

    ALERTMANAGER = "alertmanager"
    GRAFANA = "grafana"
    PAGERDUTY = "pagerduty"
    ALERTMANAGER_EVENTS = "alertmanager_events"
    LIFECYCLE = "lifecycle"
    CDEVENTS = "cdevents"
    SLACK = "slack"
    API = "api"

    @property
    def path(self) -> str:
        """The address of its webhook."""
        return webhook_path(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderProfile:
    """How the senders of one source behave.

    `sends` is what its parser returns (CONTRIBUTING, "Alerts or keyed events?").
    `retries`: a request answered 503 is sent again, and times in it are those of a machine's clock, so that one in the
    future is answered 503 instead of 400. `stops_after_4xx`: what can never be recorded is counted, but answered 202.
    `groups_ends`: an end names the group of its alert; without it, the end applies in every group that reported it.
    `alerts_of`: its alerts are those of this other source.
    `severity` is that of an alert that carries none. None: `unmapped_severity` decides, and the alert is reported.
    """

    sends: Literal["alerts", "keyed events", "ends and silences"]
    retries: bool = False
    stops_after_4xx: bool = False
    groups_ends: bool = True
    alerts_of: Source | None = None
    severity: Severity | None = None


PROFILES: Mapping[str, SenderProfile] = {
    Source.ALERTMANAGER: SenderProfile(sends="alerts", retries=True),
    Source.GRAFANA: SenderProfile(sends="alerts", retries=True),
    Source.PAGERDUTY: SenderProfile(sends="keyed events", stops_after_4xx=True),
    Source.ALERTMANAGER_EVENTS: SenderProfile(
        sends="ends and silences", alerts_of=Source.ALERTMANAGER, groups_ends=False
    ),
    Source.LIFECYCLE: SenderProfile(sends="keyed events"),
    Source.CDEVENTS: SenderProfile(sends="keyed events"),
    Source.SLACK: SenderProfile(sends="keyed events"),
    Source.API: SenderProfile(sends="keyed events"),
}
BY_PEOPLE = (Source.SLACK, Source.API)
"""The sources of what people do, rather than other systems."""
WEBHOOK_SOURCES = tuple(source for source in Source if source not in BY_PEOPLE)


def webhook_path(source: str) -> str:
    """Return the address of a source's webhook; those of declared sources are below one of their own."""
    above = "/webhooks" if source in PROFILES else "/webhooks/x"
    return f"{above}/{source.replace('_', '-')}"
