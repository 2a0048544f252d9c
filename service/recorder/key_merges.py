"""Merges that a sender reports by its own keys, while the other incident may not have been reported yet."""

from dataclasses import replace

from service.domain.events import INTO_KEY, Event, EventKind
from service.recorder.incidents import Incidents
from service.store.ledger import Entry, Ledger


def into_key_of(event: Event) -> str:
    """Return the sender's key of the incident that this one was merged into; "" if the event is no such merge."""
    is_by_key = event.kind is EventKind.MERGED and "into" not in event.data
    return str(event.data.get(INTO_KEY, "")) if is_by_key else ""


class KeyMerges:
    """Merges incidents of one ledger."""

    def __init__(self, ledger: Ledger, incidents: Incidents) -> None:
        self._ledger = ledger
        self._incidents = incidents

    def merge(self, entry: Entry, event: Event, digest: bytes | None = None) -> Entry:
        """Append the event and return the incident that it counts for.

        An incident that nobody reported yet gets this one's number: its events will be recorded here, and until the
        first of them the fold counts this one as dismissed.
        """
        key = (event.source, into_key_of(event))
        if key not in self._ledger.keys:
            self._ledger.keys[key] = self._ledger.new_keys[key] = entry.id
            self._ledger.append(entry, event, digest)
            return entry
        into = self._incidents.existing(self._ledger.keys[key])
        known = replace(event, data={**event.data, "into": f"INC-{into.id}"})
        self._ledger.append(entry, known, digest)
        if into.id != entry.id:
            self._incidents.absorb(entry, into)
        return into
