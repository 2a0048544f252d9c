"""What the web needs from the rest of the house, handed in by `service.app`; the tests hand in fakes."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from flask import Blueprint

from service.domain.incident import Phase
from service.domain.indicators import Row
from service.domain.policy import Policy, Severity
from service.domain.silences import People
from service.intake import alertmanager, lifecycle
from service.intake.grafana import Reading as GrafanaReading
from service.intake.pagerduty import Reading as PagerDutyReading
from service.intake.signatures import Signing
from service.recorder.commands import Command, Outcome
from service.settings.tokens import Token
from service.store.board import Board, Filter, ListPage
from service.store.concerns import Concern
from service.store.notices import Notices
from service.store.records import BodyPage, IncidentRecord, Page, RecordPage
from service.web.operation import Operation
from service.web.rate import Rate


class Recorder(Protocol):
    """The one writer."""

    def submit(self, command: Command) -> tuple[Outcome, ...]:
        """Return when it is committed. Raises Refused, Busy or StoreUnavailable; then nothing is stored."""

    @property
    def alive(self) -> bool:
        """Whether the writer runs."""

    def check_ready(self) -> None:
        """Raise Busy where a command would not be taken now, StoreUnavailable where commits fail."""


class Incidents(Protocol):
    """What is read of the store. Every method raises StoreUnavailable."""

    def incident(self, incident_id: int) -> IncidentRecord | None:
        """Return an incident, of a merged one the record of the incident that absorbed it; None: there is none."""

    def incidents(
        self,
        *,
        now: datetime,
        phases: Collection[Phase] = (),
        severities: Collection[Severity] = (),
        open_only: bool = False,
        before: int | None = None,
        limit: int = 100,
    ) -> Page:
        """Return a page of incidents, newest first."""

    def listing(
        self, wanted: Filter, *, now: datetime, before: int | None = None, after: int | None = None, limit: int
    ) -> ListPage:
        """Return a page of the incidents that are asked for, newest first, before or after an id."""

    def board(self, *, now: datetime, until: datetime, limit: int) -> Board:
        """Return what is open at `now`, and what is owed until `until`; at most `limit` of each."""

    def postmortems(self, *, owing_only: bool, before: int | None, limit: int) -> RecordPage:
        """Return a page of incidents with all that is known of them, newest first."""

    def bodies(self, incident_id: int, *, skip: int = 0, limit: int) -> BodyPage:
        """Return the raw bodies that told of an incident, the earliest first."""

    def concerns(self, since: datetime) -> tuple[Concern, ...]:
        """Return the incidents that are open or were detected after `since`, with their firings."""

    def notices(self, since: datetime) -> Notices:
        """Return the tests received, and the severities not mapped, after `since`."""

    def ping(self) -> None:
        """Do nothing but ask whether the store answers."""


class Tally(Protocol):
    """Counts this process's own operation. Sources, failures and reasons are those of `service.intake.reasons`."""

    def request(self, source: str) -> None:
        """Count a request that came in."""

    def failure(self, source: str, reason: str) -> None:
        """Count a request that was refused, or that failed."""

    def ignored(self, source: str, reason: str, count: int) -> None:
        """Count alerts that never become an incident."""

    def rejected(self, source: str, reason: str, count: int) -> None:
        """Count alerts that were not recorded while others of their notification were."""

    def unmapped(self, source: str, count: int) -> None:
        """Count alerts whose severity no rule maps."""

    def started_at_unreadable(self, source: str, count: int) -> None:
        """Count alerts that were recorded without the `started_at` that they carry."""

    def truncated(self, source: str, count: int) -> None:
        """Count alerts that the sender cut off."""

    def heard(self, source: str, at: datetime) -> None:
        """Note when a source last said something that was accepted."""


class Occupied(Exception):
    """What was asked for is being done for another request; try again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """How the webhooks of other systems are read, and how they sign; without a signing they need a token.

    `people` says whose silences acknowledge, None: nobody's.
    """

    grafana: GrafanaReading = field(default_factory=GrafanaReading)
    grafana_signing: Signing | None = None
    pagerduty: PagerDutyReading = field(default_factory=PagerDutyReading)
    pagerduty_signing: Signing | None = None
    people: People | None = None


@dataclass(frozen=True, slots=True)
class Extension:
    """What a companion adds to the API: its routes, and how they are described."""

    add_routes: Callable[[Blueprint, "Parts"], None]
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The collaborators. Without `tokens` there is no authentication and only loopback is served.

    `indicators` answers None for a window that is not configured. `exposition` takes the Accept and Accept-Encoding
    headers and when the request came in, by the monotonic clock, and answers the scrape and its headers. `windows` are
    those of the indicators by name. `most_bytes` bounds request bodies, `rate` how often one sender may ask.
    """

    recorder: Recorder
    store: Incidents
    indicators: Callable[[str, datetime], Sequence[Row] | None]
    exposition: Callable[[str | None, str | None, float | None], tuple[bytes, dict[str, str]]]
    tally: Tally
    clock: Callable[[], datetime]
    alerts: alertmanager.Reading
    events: lifecycle.Reading
    policy: Policy
    zone: ZoneInfo
    extensions: tuple[Extension, ...] = ()
    sources: Sources = field(default_factory=Sources)
    tokens: tuple[Token, ...] = ()
    metrics_auth: bool = False
    windows: Mapping[str, timedelta] = field(default_factory=lambda: {"30d": timedelta(days=30)})
    grafana_url: str | None = None
    most_bytes: int = 2 * 1024 * 1024
    rate: Rate | None = None
