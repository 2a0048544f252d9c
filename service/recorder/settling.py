"""Histogram samples, taken once an incident's resolution is final and can no longer be taken back.

Each writer first counts what is due, then applies its own commands: the times of the samples decide, not the order
of arrival.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.domain.indicators import intervals
from service.domain.policy import Policy
from service.domain.totals import Counted, Increment, new_samples
from service.store.store import Transaction


@dataclass(frozen=True, slots=True)
class Settled:
    """What one incident adds to the running totals."""

    incident_id: int
    at: datetime
    added: tuple[Increment, ...]


def settle(transaction: Transaction, policy: Policy, limits: Sequence[int], now: datetime | None) -> list[Settled]:
    """Mark what is due as counted; the caller adds the samples in the same transaction."""
    if now is None:
        return []
    settled: list[Settled] = []
    counted: list[tuple[int, Counted]] = []
    for incident in transaction.unsettled(now):
        measured = intervals(incident.milestones, incident.resolution_source, policy.resolve_from)
        flags = incident.counted | Counted.SETTLED
        added, flags = new_samples(measured, incident.severity, flags, limits, settled=True)
        counted.append((incident.id, flags))
        settled.append(Settled(incident.id, incident.settled_at, tuple(added)))
    transaction.mark_settled(counted)
    return settled
