"""The names under which what was delivered about an incident is found again."""

from dataclasses import dataclass
from hashlib import blake2b

from service.domain.incident_history import IncidentHistory

INCIDENT_ITEM = "region"
"""The item that stands for the whole incident: it is enqueued when anything changes, and goes out before all others."""


@dataclass(frozen=True, slots=True)
class ItemKey:
    """One item of an incident: `INCIDENT_ITEM`, or a name given by its receiver.

    `dashboard_uid`: the dashboard that an annotation's copy belongs to; "" for all else.
    """

    incident_id: int
    item: str
    dashboard_uid: str = ""


def unique_key(history: IncidentHistory, key: ItemKey) -> str:
    """Return a key that is unique across installations.

    The instant at which an incident was opened, to the microsecond, tells the INC-7 of one installation from that of
    another; it never changes and is in every backup.
    """
    identity = (key.incident_id, history.opened_at[key.incident_id], key.item, key.dashboard_uid)
    return blake2b(repr(identity).encode(), digest_size=8).hexdigest()
