"""What the outbox hands out and takes back: rows to deliver, and the results."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.domain.incident_history import IncidentHistory
from service.render.item_keys import ItemKey, OutboxRow


@dataclass(frozen=True, slots=True)
class OutboxIncident:
    """An incident, of a merged one its merge target, and the rows of all that were merged."""

    history: IncidentHistory
    rows: tuple[OutboxRow, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A row to deliver, leased to `leased_by` until `lease_until`.

    `attempts` counts the deliveries begun before, which may have succeeded. `not_before` is set if the row was planned
    for later.
    """

    row_id: int
    target: str
    key: ItemKey
    generation: int
    digest: bytes | None
    remote_id: int | None
    attempts: int
    not_before: datetime | None
    leased_by: str
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A row to enqueue; `at`: not to be delivered before then."""

    key: ItemKey
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it. `planned`: further rows that the incident needs."""

    claim: Claim
    remote_id: int | None
    digest: bytes
    planned: Sequence[PlannedRow] = ()


@dataclass(frozen=True, slots=True)
class Stopped:
    """The receiver will never accept it as it is; the row rests until it changes or `resume` is called."""

    claim: Claim
    reason: str
    planned: Sequence[PlannedRow] = ()


@dataclass(frozen=True, slots=True)
class Postponed:
    """To be retried at `at`. `attempted` False: nothing was sent, so the attempt does not count; `planned`: on purpose,
    so that until then the row is for later.
    """

    claim: Claim
    at: datetime
    attempted: bool = True
    planned: bool = False


Result = Delivered | Stopped | Postponed


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a target has outstanding: pending rows, how long the oldest has been pending, and rows that were given up.

    `next_at` is when the next row planned for later becomes pending.
    """

    pending: int
    oldest: datetime | None
    stopped: int
    next_at: datetime | None = None
