"""The dependencies of the web layer, injected by `service.wiring`; tests inject fakes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint

from service.domain.events import EventKind
from service.domain.indicators import Row
from service.domain.policy import Policy, Severity
from service.domain.severity_rules import PRIORITY_MAP
from service.domain.silences import People
from service.intake import lifecycle
from service.intake.alerts import AlertParseOptions
from service.intake.declaration import SourceDeclaration
from service.intake.signatures import Verifier
from service.intake.sources import PROFILES, SenderProfile
from service.metrics.gathering import Breakdown
from service.metrics.process_counters import ProcessCounters
from service.recorder.writer import Recorder
from service.settings.tokens import Token
from service.store import Store
from service.store.recent import Selection
from service.web.operation import Operation
from service.web.rate import Rate
from service.web.users import Users


class Occupied(Exception):
    """The operation is in progress for another request; try again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """How webhooks of other systems are parsed and signed; without a signing they need a token.

    `priorities` has the severities of PagerDuty's priorities. `people` decides whose silences acknowledge; None: no
    silence does. `resolved_cdevent` is what a CDEvent `resolved` means. `declared` are the declared sources.
    """

    priorities: Mapping[str, Severity] = field(default_factory=lambda: dict(PRIORITY_MAP))
    signings: Mapping[str, Verifier] = field(default_factory=dict)
    declared: tuple[SourceDeclaration, ...] = ()
    people: People | None = None
    resolved_cdevent: EventKind = EventKind.RESOLVED

    @property
    def profiles(self) -> dict[str, SenderProfile]:
        """How the senders of every source behave."""
        return {**PROFILES, **{declaration.source: declaration.profile for declaration in self.declared}}


@dataclass(frozen=True, slots=True)
class Extension:
    """A companion's addition to the API: its routes and their descriptions."""

    add_routes: Callable[[Blueprint, "Services"], None]
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The dependencies. Without `tokens` there is no authentication and only loopback is served.

    `indicators` returns None for a window that is not configured, `breakdowns` the dimensions that incidents have
    values of, and `select` the indicators of any period. `exposition` takes the Accept and Accept-Encoding
    headers and the request's time of arrival (monotonic), and returns the scrape and its headers. `windows` are the
    indicators' windows by name. `max_bytes` limits request bodies, `rate` the requests of each sender. `slack`
    answers what people do there, None without buttons.
    """

    recorder: Recorder
    store: Store
    indicators: Callable[[str, datetime], Sequence[Row] | None]
    breakdowns: Callable[[datetime], Mapping[str, Breakdown]]
    select: Callable[[Selection, datetime], Mapping[str, Sequence[Row]]]
    exposition: Callable[[str | None, str | None, float | None], tuple[bytes, dict[str, str]]]
    counters: ProcessCounters
    clock: Callable[[], datetime]
    alerts: AlertParseOptions
    events: lifecycle.EventParseOptions
    policy: Policy
    zone: ZoneInfo
    extensions: tuple[Extension, ...] = ()
    sources: Sources = field(default_factory=Sources)
    tokens: tuple[Token, ...] = ()
    users: Users = field(default_factory=lambda: Users({}))
    metrics_auth: bool = False
    windows: Mapping[str, timedelta] = field(default_factory=lambda: {"30d": timedelta(days=30)})
    grafana_url: str | None = None
    max_bytes: int = 2 * 1024 * 1024
    rate: Rate | None = None
    slack: Callable[[Mapping[str, Any], datetime], Mapping[str, Any]] | None = None
