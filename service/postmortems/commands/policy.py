"""The policy that documents are held to: that of the service, of which a local file can only differ."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click

from service.cli.client import Client
from service.domain.durations import duration
from service.domain.policy import DueRule, Indicator, Severity, Stage, WeeklyReview
from service.postmortems.commands.terms import deadlines_of
from service.settings import Loaded, Settings

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Limits = Mapping[tuple[str, str | None, str], timedelta]


@dataclass(frozen=True, slots=True)
class ServicePolicy:
    """What the service holds incidents to. `limits` by indicator, severity (None: all together) and statistic."""

    zone: ZoneInfo
    limits: Limits
    deadlines: Mapping[Severity, Mapping[Stage, DueRule]]

    def limit(self, indicator: Indicator, severity: Severity) -> timedelta | None:
        """Return the target that one incident is compared with: the strictest that applies to it."""
        applying = (
            limit for (name, of, _), limit in self.limits.items() if name == indicator and of in (severity, None)
        )
        return min(applying, default=None)


def service_policy(client: Client, loaded: Loaded[Settings]) -> ServicePolicy:
    """Ask the service for its policy; what the configuration here says otherwise is printed, and does not count."""
    policy = _parsed(client.get("/api/v1/policy"))
    for difference in _differences(policy, loaded):
        click.echo(f"note: {difference}; the service's value counts", err=True)
    return policy


def _parsed(payload: Any) -> ServicePolicy:
    review = payload["weekly_review"]
    meeting = review and WeeklyReview(
        _WEEKDAYS.index(review["weekday"]), time.fromisoformat(review["time"]), ZoneInfo(review["timezone"])
    )
    return ServicePolicy(
        zone=ZoneInfo(payload["timezone"]),
        limits={
            (t["indicator"], t["incident_severity"], t["statistic"]): timedelta(seconds=t["limit"])
            for t in payload["targets"]
        },
        deadlines={
            Severity(severity): {
                Stage(stage): meeting if rule == "weekly_review" else timedelta(seconds=rule)
                for stage, rule in stages.items()
            }
            for severity, stages in payload["deadlines"].items()
        },
    )


def _differences(policy: ServicePolicy, loaded: Loaded[Settings]) -> Iterator[str]:
    """Yield what the configuration here sets to another value than the service has; defaults say nothing."""
    settings = loaded.settings
    sections = {key.partition(".")[0]: origin for key, origin in loaded.origins.items()}
    if "display_timezone" in sections and settings.display_timezone.key != policy.zone.key:
        origin = sections["display_timezone"]
        yield f"display_timezone is {settings.display_timezone.key} in {origin}, {policy.zone.key} in the service"
    if "targets" in sections:
        local: Limits = {(p.indicator, p.severity, p.statistic): p.limit for p in settings.targets.each()}
        measured = {key: limit for key, limit in policy.limits.items() if key[0] not in ("draft", "finalize")}
        for key in sorted({*local, *measured}, key=str):
            if local.get(key) != measured.get(key):
                name = ".".join(part for part in key if part)
                values = [duration(limit) if limit else "not set" for limit in (local.get(key), measured.get(key))]
                yield f"targets.{name} is {values[0]} in {sections['targets']}, {values[1]} in the service"
    if {"deadlines", "weekly_review"} & sections.keys():
        origin = sections.get("deadlines") or sections["weekly_review"]
        for severity, stages in deadlines_of(settings).items():
            if stages != policy.deadlines.get(severity, {}):
                yield f"deadlines.{severity} in {origin} differ from those of the service"
