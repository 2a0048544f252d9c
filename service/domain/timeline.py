"""What happened in an incident, in order: events, and alerts that fire and end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import itemgetter
from typing import TypeVar

from service.domain.episodes import Episode

T = TypeVar("T")


class AlertState(StrEnum):
    """What an alert did; `STALE`: it ended because it was no longer reported."""

    FIRING = "firing"
    RESOLVED = "resolved"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class AlertChange:
    """The start or the end of an episode."""

    state: AlertState
    episode: Episode


def merged_timeline(
    events: Iterable[tuple[datetime, T]], episodes: Sequence[Episode]
) -> list[tuple[datetime, T | AlertChange]]:
    """Return everything with its time, in order; at the same time alerts fire first and end last.

    An end at an unknown time is left out.
    """
    starts = [(e.starts_at, AlertChange(AlertState.FIRING, e)) for e in episodes]
    ends = [
        (e.ends_at, AlertChange(AlertState.STALE if e.stale else AlertState.RESOLVED, e))
        for e in episodes
        if e.ends_at is not None and not e.end_unknown
    ]
    return sorted([*starts, *events, *ends], key=itemgetter(0))
