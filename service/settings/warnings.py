"""Warnings about a valid configuration that probably means something else; `mttx config check` prints them."""

from collections.abc import Iterator

from service.settings.errors import Problem
from service.settings.sources import Loaded

NULLED = ("severity_map", "pagerduty.priority_map", "deadlines", "targets")
"""Keys whose null may be meant to remove everything; it is treated as not set."""


def warnings(loaded: Loaded) -> Iterator[Problem]:
    """Yield every warning."""
    settings = loaded.settings
    for key in NULLED:
        if key in loaded.nulls:
            yield Problem(
                key, "the default stays in force: null removes single entries only (docs/configuration.md)", "null"
            )
    if not any((*settings.severity_map.values(), settings.unmapped_severity)):
        advice = "every severity is ignored: only alerts with the label incident_severity open incidents"
        yield Problem("severity_map", advice)
    if settings.silences.acknowledge and not settings.alertmanager.urls:
        advice = (
            "only silences sent by Alertmanager's event recorder count as acknowledgements; "
            "set alertmanager.urls to poll for the others"
        )
        yield Problem("silences.acknowledge", advice, "true")
