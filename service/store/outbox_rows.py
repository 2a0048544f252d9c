"""What the outbox hands out and takes back: rows to be delivered, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

REGION = "region"
"""The item that stands for the whole incident: it is marked when anything changes, and goes out before all others."""
OWED = "owed"
"""The item that stands for an incident which was there before its target; it is marked when the service starts."""
TEAM = 0
"""Instead of an incident's id on rows that concern no single incident."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A row to be delivered, ours until `until`. `attempts`: deliveries begun before, which may have got through.

    `not_before` is set where the row is for later.
    """

    row_id: int
    target: str
    incident_id: int
    item: str
    place: str
    generation: int
    digest: bytes | None
    remote_id: int | None
    attempts: int
    not_before: datetime | None
    lease: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Planned:
    """A row that is wanted, or wanted anew; `at`: not before then."""

    incident_id: int
    item: str
    place: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """The far side has it. `planned`: the rows that the incident needs besides."""

    claim: Claim
    remote_id: int | None
    digest: bytes
    planned: Sequence[Planned] = ()


@dataclass(frozen=True, slots=True)
class Stopped:
    """The far side will never take it as it is; the row rests until it changes or somebody resumes it."""

    claim: Claim
    reason: str
    planned: Sequence[Planned] = ()


@dataclass(frozen=True, slots=True)
class Postponed:
    """It is to be tried again at `at`; `begun` False: nothing was tried, and the next attempt is the same one."""

    claim: Claim
    at: datetime
    begun: bool = True


Result = Delivered | Stopped | Postponed


@dataclass(frozen=True, slots=True)
class Waiting:
    """How a target stands: rows pending, since when the oldest of them waits, and rows that were given up.

    `next_at` is when the next row that is for later will be pending.
    """

    pending: int
    oldest: datetime | None
    stopped: int
    next_at: datetime | None = None
