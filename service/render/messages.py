"""What is said of an incident in a chat: first report, updates, the end, reminders, and the list for the weekly review.

The words are in Jinja templates (`templates/message-*.j2`; the standard, section 7); teams may bring their own. Nothing
depends on the time of rendering, so that the same state always gives the same text.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from service.domain.actions import Action
from service.domain.durations import parts
from service.domain.policy import Severity, Stage
from service.domain.reminders import Reminder
from service.render.filling import compiled, filled
from service.render.timeline import both, span

PARTS = ("report", "update", "over", "reminder", "review")
"""The templates that there are, each in every language."""


class Ready(str):
    """Text that is written as the chat reads it, and is not escaped again."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a chat writes: `escape` makes a text mean nothing but itself, `link` shows an address under a name."""

    escape: Callable[[str], str]
    link: Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class News:
    """Something that people have not heard of. `kind` is that of the event; `text` is what was said with it."""

    at: datetime
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Owed:
    """A stage of the postmortem; `within` is the time allowed, None where it is due at the weekly review."""

    stage: Stage
    due_at: datetime
    within: timedelta | None
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a message about an incident can tell, each text in one line. `kind` says which message it is; `state` is the
    incident's phase, or merged.

    `began_at` is the detection, or the start where nobody detected; `before` is the severity that was told last, where
    it was another.
    """

    incident: str
    url: str | None
    kind: str
    title: str
    severity: Severity
    state: str
    began_at: datetime
    ended_at: datetime | None
    merged_into: str | None = None
    before: Severity | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    done: tuple[str, ...] = ()
    news: tuple[News, ...] = ()
    unshown: int = 0
    updates_every: timedelta | None = None
    next_update_at: datetime | None = None
    owed: tuple[Owed, ...] = ()
    document: str | None = None
    reminder: Reminder | None = None
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One thing on the list of the weekly review; `due_at` None where nothing is due.

    `at_review`: the review itself is what is due, and `mttx incident review` records it.
    """

    incident: str
    title: str
    severity: str
    url: str | None = None
    stage: str | None = None
    due_at: datetime | None = None
    action: str | None = None
    owner: str | None = None
    at_review: bool = False


@dataclass(frozen=True, slots=True)
class Agenda:
    """What the weekly review is about: incidents since the last one, what is open, what is owed until then.

    `more` counts what did not fit, by the name of the list.
    """

    meeting_at: datetime
    incidents: tuple[Line, ...] = ()
    open: tuple[Line, ...] = ()
    stages: tuple[Line, ...] = ()
    actions: tuple[Line, ...] = ()
    more: Mapping[str, int] = field(default_factory=dict)

    @property
    def to_review(self) -> tuple[str, ...]:
        """The incidents that are done once the review has discussed them."""
        return tuple(dict.fromkeys(line.incident for line in self.stages if line.at_review))

    @property
    def is_empty(self) -> bool:
        """Say whether there is nothing to talk about."""
        return not (self.incidents or self.open or self.stages or self.actions)


class Voice:
    """Writes messages: `templates` by the name of the part, in one language. Raises `BadTemplate` where one is none."""

    def __init__(self, templates: Mapping[str, str], zone: ZoneInfo, dialect: Dialect) -> None:
        escape, filters = _escaping(dialect), _filters(zone, dialect)
        self._templates = {part: compiled(templates[part], escape, filters, f"{part}.txt.j2") for part in PARTS}

    def say(self, part: str, facts: Facts) -> str:
        """Return the text of a message about an incident. Raises `BadTemplate`."""
        return _without_gaps(filled(self._templates[part], facts=facts))

    def review(self, agenda: Agenda) -> str:
        """Return the list for the weekly review. Raises `BadTemplate`."""
        return _without_gaps(filled(self._templates["review"], agenda=agenda))


def _escaping(dialect: Dialect) -> Callable[[Any], Any]:
    def escape(value: Any) -> Any:
        if isinstance(value, Ready) or not isinstance(value, str):
            return value
        return dialect.escape(value)

    return escape


def _filters(zone: ZoneInfo, dialect: Dialect) -> dict[str, Callable[..., Any]]:
    def at(instant: datetime, known: date | datetime | None = None) -> str:
        """Write an instant in both zones, without its day where that is known."""
        text = both(instant, zone)
        day = known.astimezone(instant.tzinfo).date() if isinstance(known, datetime) else known
        return text.split(" ", 1)[1] if day == instant.date() else text

    def duration(length: timedelta, units: Mapping[str, str] = MappingProxyType({})) -> str:
        """Write a duration such as 2h5m, or with the template's own words for the units `d`, `h`, `m` and `s`."""
        return "".join(f"{number}{units.get(unit, unit)}" for number, unit in parts(length))

    def link(name: str, url: str | None) -> str:
        return Ready(dialect.link(name, url)) if url else name

    return {
        "at": at,
        "span": lambda begin, end, going_on: span(begin, end, going_on, zone),
        "duration": duration,
        "link": link,
    }


def _without_gaps(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())
