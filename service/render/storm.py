"""What the message about a storm names: the incidents without a message of their own, in as much as a message holds."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.domain.incident import OPEN_PHASES, Phase
from service.domain.incident_ids import public_id
from service.domain.policy import Severity
from service.render.lines import one_line, shortened

PAGE = 300
"""Incidents that one message names; more begin another one. Slack edits texts of at most 4,000 characters."""
LONGEST = 3_600
_LONGEST_TITLE = 80


@dataclass(frozen=True, slots=True)
class GatheredIncident:
    """An incident that a storm's message names."""

    incident_id: int
    title: str
    severity: Severity
    phase: Phase


@dataclass(frozen=True, slots=True)
class StormLine:
    """Incidents of one severity and title; the title is "" where there is no room for it."""

    severity: Severity
    title: str
    incidents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Storm:
    """The incidents that were gathered since `began_at`: the open ones, the worst first, and those that are over.

    `acknowledged` counts open ones that someone has responded to. `url` is that of the list of incidents.
    """

    began_at: datetime
    lines: tuple[StormLine, ...]
    over: tuple[str, ...]
    acknowledged: int
    url: str | None

    @property
    def open(self) -> int:
        """The number of open incidents."""
        return sum(len(line.incidents) for line in self.lines)


def storm_of(incidents: Iterable[GatheredIncident], began_at: datetime, public_url: str | None) -> Storm:
    """Return a storm of at most about `PAGE` incidents; titles are left out where they do not fit."""
    by_title: dict[tuple[Severity, str], list[str]] = defaultdict(list)
    over, acknowledged = [], 0
    for incident in incidents:
        if incident.phase not in OPEN_PHASES:
            over.append(public_id(incident.incident_id))
            continue
        acknowledged += incident.phase is not Phase.DETECTED
        title = shortened(one_line(incident.title), _LONGEST_TITLE)
        by_title[incident.severity, title].append(public_id(incident.incident_id))
    groups = sorted(by_title.items(), key=lambda group: (group[0][0].value, -len(group[1])))
    lines = [StormLine(severity, title, tuple(ids)) for (severity, title), ids in groups]
    url = f"{public_url}/incidents" if public_url else None
    return Storm(began_at, tuple(_fitting(lines, LONGEST - _length(over))), tuple(over), acknowledged, url)


def _fitting(lines: Sequence[StormLine], room: int) -> Iterable[StormLine]:
    """Yield the lines, without their titles, and one for each severity, once there is no room for more titles."""
    needed = sum(_length(line.incidents) for line in lines)
    untitled: dict[Severity, tuple[str, ...]] = {}
    for line in lines:
        if not untitled and needed + len(line.title) <= room:
            needed += len(line.title)
            yield line
        else:
            untitled[line.severity] = untitled.get(line.severity, ()) + line.incidents
    for severity, incidents in untitled.items():
        yield StormLine(severity, "", incidents)


def _length(incidents: Sequence[str]) -> int:
    """Return about how many characters these names take, and the line around them."""
    return 12 + sum(len(incident) + 2 for incident in incidents)
