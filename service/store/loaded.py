"""What the commands of a batch may change: the keys by which it is loaded, and the loaded rows as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from service.domain.episodes import AlertReport, Episode
from service.domain.events import Event, Observation
from service.domain.firings import Firings
from service.domain.incident import Incident
from service.domain.senders import plain_source
from service.domain.totals import Counted
from service.store.refolding import Shown
from service.store.settling import Unsettled

AlertKey = tuple[str, str]
"""Source, without its sender, and fingerprint: reports of several senders are computed together."""
GroupKey = tuple[str, str]
"""Source and group key."""
IncidentKey = tuple[str, str]
"""Source and the sender's key."""
ALIAS = "alias"
"""The source of keys that several sources share; such a key moves to the latest incident that has it."""


def alert_key(observation: Observation) -> AlertKey:
    """Return the key of the alert that an observation reports."""
    return plain_source(observation.source), observation.fingerprint


@dataclass(slots=True)
class BatchKeys:
    """What a batch of commands may change; each command adds its own keys.

    `received_at` is when the first command was received, `since` the earliest start among its observations. Of the
    alerts in `groups`, and of stored ones, the reports of every sender are loaded. `ended` are the alerts of which an
    end was reported without its start (`Observation.is_end_only`). `neighbours`: also load incidents of the same alert
    groups that the named ones may be joined with. `stale_before`: also load the open incidents that became stale before
    then. `outdated`: also load so many of the incidents that an earlier version computed, and all reports of their
    alerts.
    """

    incidents: set[int] = field(default_factory=set)
    keys: set[IncidentKey] = field(default_factory=set)
    alerts: set[AlertKey] = field(default_factory=set)
    ended: set[AlertKey] = field(default_factory=set)
    groups: set[GroupKey] = field(default_factory=set)
    received_at: datetime | None = None
    since: datetime | None = None
    neighbours: bool = False
    stale_before: datetime | None = None
    outdated: int = 0


@dataclass(slots=True)
class IncidentState:
    """One incident in a batch. `merged_ids` are the ids of the incidents merged into it.

    `detected_at` and `title` are as stored; `incident` is what was computed in this batch, None if nothing changed;
    `settled_at` when its resolution becomes final, if its samples are not taken yet. `firings`: the sums over all
    episodes of an incident with very many. `partial`: only some of these are loaded.
    """

    id: int
    opened_at: datetime
    last_seen_at: datetime
    detected_at: datetime | None = None
    title: str = ""
    counted: Counted = Counted.NOTHING
    refold: bool = False
    settled_at: datetime | None = None
    merged_into: int | None = None
    firings: Firings | None = None
    partial: bool = False
    incident: Incident | None = None
    events: list[Event] = field(default_factory=list)
    episodes: set[int] = field(default_factory=set)
    merged_ids: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report, the id of its episode (0 for an end that waits for its start), and the digest of a new one's body."""

    report: AlertReport
    episode_id: int
    digest: bytes | None = None


@dataclass(slots=True)
class LoadedRows:
    """The rows that a batch may change.

    `events` are in the order in which they were recorded, each with the incident for which it counts. Of the groups in
    `sampled` only the `SAMPLE` episodes that ended last or are open are loaded, and as many more open ones. `stale` and
    `outdated` are what `BatchKeys` asks for by these names, `unsettled` the incidents whose resolution is final.
    """

    MANY: ClassVar[int] = 250
    """Incidents and groups with more episodes are loaded in part if that is enough: each takes 16 µs."""
    SAMPLE: ClassVar[int] = 100

    incidents: dict[int, IncidentState] = field(default_factory=dict)
    events: list[tuple[int, Event]] = field(default_factory=list)
    episodes: dict[int, Episode] = field(default_factory=dict)
    groups_of: dict[int, frozenset[GroupKey]] = field(default_factory=dict)
    sampled: set[GroupKey] = field(default_factory=set)
    reports: dict[AlertKey, dict[Observation, StoredReport]] = field(default_factory=dict)
    keys: dict[IncidentKey, int] = field(default_factory=dict)
    last_incident_id: int = 0
    last_episode_id: int = 0
    unsettled: Sequence[Unsettled] = ()
    stale: Sequence[int] = ()
    outdated: Mapping[int, Shown] = field(default_factory=dict)
