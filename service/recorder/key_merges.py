"""Merges reported by a sender's own keys, possibly before the other incident was reported."""

from dataclasses import replace

from service.domain.events import INTO_KEY, Event, EventKind
from service.recorder.incidents import Incidents
from service.store.batch import Batch, IncidentState


def into_key_of(event: Event) -> str:
    """Return the sender's key of the incident that this one was merged into; "" if the event is not such a merge."""
    is_by_key = event.kind is EventKind.MERGED and "into" not in event.data
    return str(event.data.get(INTO_KEY, "")) if is_by_key else ""


class KeyMerges:
    """Merges incidents of one batch."""

    def __init__(self, batch: Batch, incidents: Incidents) -> None:
        self._batch = batch
        self._incidents = incidents

    def merge(self, entry: IncidentState, event: Event, digest: bytes | None = None) -> IncidentState:
        """Append the event and return the incident that it counts for.

        A target not reported yet gets this incident's number: its events will be recorded here, and until the first of
        them the fold counts this incident as dismissed.
        """
        key = (event.source, into_key_of(event))
        if key not in self._batch.keys:
            self._batch.keys[key] = self._batch.new_keys[key] = entry.id
            self._batch.append(entry, event, digest)
            return entry
        into = self._incidents.existing(self._batch.keys[key])
        merged = replace(event, data={**event.data, "into": f"INC-{into.id}"})
        self._batch.append(entry, merged, digest)
        if into.id != entry.id:
            self._incidents.merge(entry, into)
        return into
