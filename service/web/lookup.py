"""Look up the incident that a path names."""

import re

from service.domain.incident_history import IncidentHistory
from service.domain.incident_ids import incident_id_of, public_id
from service.intake.event_data import INCIDENT_ID
from service.recorder.commands import UnknownIncident
from service.store.histories import history_of
from service.web.services import Services

_ID = re.compile(INCIDENT_ID)


def incident_number(incident_id: str) -> int:
    """Return the number of `INC-7`. Raises `UnknownIncident` for anything else."""
    if not _ID.fullmatch(incident_id):
        raise UnknownIncident("There is no such incident; an id looks like INC-1.")
    return incident_id_of(incident_id)


def incident_history(services: Services, number: int) -> IncidentHistory:
    """Return the incident, or the one it was merged into. Raises `UnknownIncident`, `StoreUnavailable`."""
    history = services.store.read(history_of, number, services.policy)
    if history is None:
        raise UnknownIncident(f"There is no incident {public_id(number)}.")
    return history
