"""What a transaction writes, as plain data; `saving` writes it, `service.recorder.changes` derives it."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from service.domain.budgets import BudgetTotal
from service.domain.episodes import Episode
from service.domain.events import Event, ReceivedWebhook
from service.domain.totals import Counted, Total
from service.store.loaded import GroupKey, IncidentKey, IncidentState, StoredReport


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be appended to the history of an incident, and the digest of the body it came in."""

    incident_id: int
    event: Event
    digest: bytes | None


Membership = tuple[GroupKey, Episode]
"""An alert group, and an episode that was seen in it."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What to write: rows to insert, to update or to delete.

    `announced` are the incidents to enqueue for every target; `redrawn` those for targets that draw incidents as they
    are, without announcing anything. `bodies` are raw webhooks by their digests, and how often each came. `settled` are
    the flags of incidents whose resolution became final.
    """

    new_incidents: Sequence[IncidentState]
    changed_incidents: Sequence[IncidentState]
    settled: Mapping[int, Counted]
    new_episodes: Sequence[Episode]
    changed_episodes: Sequence[Episode]
    dropped_episodes: Sequence[int]
    joined_groups: Sequence[Membership]
    left_groups: Sequence[Membership]
    new_reports: Sequence[StoredReport]
    changed_reports: Sequence[StoredReport]
    new_events: Sequence[NewEvent]
    moved_events: Sequence[tuple[Event, int]]
    keys: Mapping[IncidentKey, int]
    bodies: Mapping[bytes, tuple[ReceivedWebhook, int]]
    totals: Sequence[Total]
    budget_totals: Sequence[BudgetTotal]
    announced: Set[int]
    redrawn: Set[int]
    delete_bodies_before: datetime | None
