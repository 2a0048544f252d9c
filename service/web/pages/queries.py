"""The query parameters of the pages; invalid values are ignored."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from service.domain.incident import OPEN_PHASES, Phase
from service.domain.policy import IncidentType, Severity
from service.store.incidents import IncidentFilter
from service.web.pages.dimensions import Arguments, DimensionFilters

INCIDENT_NUMBER = re.compile(r"(?:INC-)?([1-9][0-9]{0,17})", re.IGNORECASE)
_LONGEST_SEARCH = 200
STATES: Mapping[str, tuple[Phase, ...]] = {"open": OPEN_PHASES, **{phase.value: (phase,) for phase in Phase}}

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The query of the list; empty texts do not filter."""

    state: str
    severities: tuple[Severity, ...]
    types: tuple[IncidentType, ...]
    window: str
    text: str
    dimensions: DimensionFilters
    before: int | None
    after: int | None

    @property
    def kept(self) -> dict[str, Any]:
        """Return the parameters for links to other pages of the list."""
        return {
            "state": self.state,
            "severity": [severity.value for severity in self.severities],
            "type": [kind.value for kind in self.types],
            "window": self.window,
            "q": self.text,
            **self.dimensions.kept,
        }

    def filter(self, windows: Mapping[str, timedelta], now: datetime) -> IncidentFilter:
        """Return the filter for the store."""
        number = INCIDENT_NUMBER.fullmatch(self.text)
        return IncidentFilter(
            phases=STATES.get(self.state, ()),
            severities=self.severities,
            types=self.types,
            detected_since=now - windows[self.window] if self.window else None,
            text=self.text,
            dimensions=self.dimensions.selected,
            number=int(number[1]) if number else None,
        )


def search_of(arguments: Arguments, windows: Iterable[str], dimensions: DimensionFilters) -> Search:
    """Parse the query of the list."""
    state, window = arguments.get("state", ""), arguments.get("window", "")
    return Search(
        state=state if state in STATES else "",
        severities=_several(arguments, "severity", Severity),
        types=_several(arguments, "type", IncidentType),
        window=window if window in windows else "",
        text=arguments.get("q", "").replace("\0", "").strip()[:_LONGEST_SEARCH],
        dimensions=dimensions,
        before=cursor_of(arguments, "before"),
        after=cursor_of(arguments, "after"),
    )


def cursor_of(arguments: Arguments, name: str) -> int | None:
    """Parse the id that a page continues from."""
    text = arguments.get(name, "")
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _several(arguments: Arguments, name: str, choices: type[Choice]) -> tuple[Choice, ...]:
    values = {choice.value: choice for choice in choices}
    return tuple(values[text] for text in dict.fromkeys(arguments.getlist(name)) if text in values)
