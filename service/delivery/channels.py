"""Which channel messages about an incident go to: that of its team, say, or the chat's own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from service.domain.breakdown import NO_VALUE
from service.domain.incident import Incident
from service.render.item_keys import OutboxKind, OutboxRow

OWN = ""
"""The channel that the chat has without this: `slack.channel`."""


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels by dimension and value; of several dimensions whose value has one, the first decides."""

    by_dimension: Sequence[tuple[str, Mapping[str, str]]] = ()

    def of(self, incident: Incident) -> str:
        """Return the channel of an incident as it is now."""
        values = ((channels, incident.dimensions.get(label, NO_VALUE)) for label, channels in self.by_dimension)
        return next((channels[value] for channels, value in values if value in channels), OWN)

    def of_threads(self, incident: Incident, incident_id: int, rows: Iterable[OutboxRow]) -> tuple[str, ...]:
        """Return the channels in which an incident has a thread, or needs one: that of its value first.

        A thread stays where it began if the value changes, as long as its channel is configured.
        """
        configured = {OWN, *(channel for _, channels in self.by_dimension for channel in channels.values())}
        began = (
            row.key.channel
            for row in rows
            if row.key.kind is OutboxKind.MESSAGE and row.key.incident_id == incident_id and row.was_sent
        )
        return tuple(dict.fromkeys((self.of(incident), *(channel for channel in began if channel in configured))))
