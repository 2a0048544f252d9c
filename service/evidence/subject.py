"""What evidence is collected about: a window of time and, where there is one, the incident. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from service.domain.policy import Milestone


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` up to and including `end`, aware UTC; `zone` is only for what people read."""

    start: datetime
    end: datetime
    zone: ZoneInfo

    def holds(self, instant: datetime) -> bool:
        """Say whether an instant lies in the window."""
        return self.start <= instant <= self.end


@dataclass(frozen=True, slots=True)
class Subject:
    """The window and the incident it is about; `incident` is its JSON as the API tells it, empty without an incident.

    `began` and `ended` are the incident's own instants, without the margin; the window's where there is no incident.
    """

    window: Window
    began: datetime
    ended: datetime
    milestones: Mapping[Milestone, datetime] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    incident: Mapping[str, object] = field(default_factory=dict)

    @property
    def incident_id(self) -> str | None:
        """Return `INC-7`, None where only a window was given."""
        told = self.incident.get("id")
        return told if isinstance(told, str) else None
