"""What a configuration may well mean otherwise than it is written. It can be used; `mttx config check` says it."""

from collections.abc import Iterator

from service.settings.errors import Problem
from service.settings.model import Settings
from service.settings.sources import Loaded
from service.settings.values import IGNORE

NULLED = ("severity_map", "pagerduty.priority_map", "deadlines", "targets")
"""Keys of which null may be meant to take everything away; it is read as "not given"."""


def warnings(loaded: Loaded[Settings]) -> Iterator[Problem]:
    """Yield what should be looked at."""
    settings = loaded.settings
    for key in NULLED:
        if key in loaded.nulls:
            yield Problem(key, "the default stays in force; null takes away single entries only, see docs", "null")
    if {*settings.severity_map.values(), settings.unmapped_severity} == {IGNORE}:
        advice = "only alerts with the label incident_severity open incidents: every other severity is ignored"
        yield Problem("severity_map", advice)
    if settings.silences.acknowledge and not settings.alertmanager.urls:
        advice = (
            "only silences that Alertmanager's event recorder sends acknowledge; "
            "set alertmanager.urls to have the others read"
        )
        yield Problem("silences.acknowledge", advice, "true")
