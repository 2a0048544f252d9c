"""What the dispatcher needs of a receiver of deliveries; each receiver is a module beside this one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from service.store.outbox_rows import Claim, OutboxIncident, PlannedRow

Send = Callable[[Callable[[], bool]], int | None]
"""Delivers, and returns the id at the receiver; before it creates anything it asks whether the claim is still held."""
NOT_SENT = bytes(16)
"""The digest of a row for which nothing is to be sent."""


@dataclass(frozen=True, slots=True)
class DeliveryPlan:
    """What to do about a claim. `digest` is that of its content; `planned` are further rows that the incident needs.

    `send` None: there is nothing to send; `remote_id` stands for the id that it would return. `not_before`: it is not
    due until then.
    """

    digest: bytes = NOT_SENT
    planned: Sequence[PlannedRow] = ()
    send: Send | None = None
    not_before: datetime | None = None
    remote_id: int | None = None


class LeaseLost(Exception):
    """The claim ran out before anything was created; another process may have taken it."""


class Receiver(Protocol):
    """A system to deliver to."""

    name: str

    def plan(self, claim: Claim, incident: OutboxIncident | None, now: datetime) -> DeliveryPlan:
        """Return what to do about a claim, without any request; `incident` None: it concerns no single incident."""

    def close(self) -> None:
        """Close the connections."""
