"""The messages about an incident: first report, updates, the end, reminders, and the list for the weekly review.

The words are in Jinja templates (`templates/message-*.j2`; the standard, section 7); teams may bring their own. Nothing
depends on the time of rendering, so that the same state always gives the same text.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from service.domain.actions import Action
from service.domain.breakdown import NO_VALUE
from service.domain.durations import parts
from service.domain.policy import Severity, Stage
from service.domain.reminders import Reminder
from service.render.storm import Storm
from service.render.templating import compile_template, render_template
from service.render.timeline import both, span

PARTS = ("report", "update", "over", "reminder", "review", "storm")
"""The templates, each in every language."""


class EscapedText(str):
    """Text in the chat's markup, which is not escaped again."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Markup:
    """The markup of a chat: `escape` makes text literal, `link` renders a link with a name."""

    escape: Callable[[str], str]
    link: Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class Update:
    """An event that was not announced yet. `kind` is that of the event; `text` comes from its data.

    `role` and `name` are those of an assignment, else empty.
    """

    at: datetime
    kind: str
    text: str
    role: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class PostmortemStage:
    """A stage of the postmortem; `within` is the time allowed, None if it is due at the weekly review."""

    stage: Stage
    due_at: datetime
    within: timedelta | None
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFacts:
    """What a message about an incident can contain, each text on one line. `kind` is that of the message; `state` is
    the incident's phase, or `merged`.

    `began_at` is the detection, or the start if there was none; `before` is the last announced severity if it differs.
    `dimensions` has a value for each configured one, "" without one.
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
    news: tuple[Update, ...] = ()
    unshown: int = 0
    updates_every: timedelta | None = None
    next_update_at: datetime | None = None
    owed: tuple[PostmortemStage, ...] = ()
    document: str | None = None
    reminder: Reminder | None = None
    action: Action | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """One line of the weekly review; `due_at` None if nothing is due. `group` is the incident's team, say.

    `at_review`: it is due at the review itself, which `mttx incident review` records.
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
    group: str = NO_VALUE


@dataclass(frozen=True, slots=True)
class Agenda:
    """The agenda of the weekly review: incidents since the last one, what is open, and what is due by the next.

    `more` counts what did not fit, by the name of the list. `dimension` is the label by whose values the lines are
    grouped, None if they have none.
    """

    meeting_at: datetime
    incidents: tuple[ReviewLine, ...] = ()
    open: tuple[ReviewLine, ...] = ()
    stages: tuple[ReviewLine, ...] = ()
    actions: tuple[ReviewLine, ...] = ()
    more: Mapping[str, int] = field(default_factory=dict)
    dimension: str | None = None

    @property
    def to_review(self) -> tuple[str, ...]:
        """The incidents whose postmortem is complete once the review has discussed it."""
        return tuple(dict.fromkeys(line.incident for line in self.stages if line.at_review))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to discuss."""
        return not (self.incidents or self.open or self.stages or self.actions)


class MessageTemplates:
    """Renders messages: `templates` by the name of the part, in one language. Raises `BadTemplate` for a faulty one."""

    def __init__(self, templates: Mapping[str, str], zone: ZoneInfo, markup: Markup) -> None:
        escape, filters = _escape_with(markup), _filters(zone, markup)
        self._templates = {part: compile_template(templates[part], escape, filters, f"{part}.txt.j2") for part in PARTS}

    def render(self, part: str, facts: MessageFacts) -> str:
        """Return the text of a message about an incident. Raises `BadTemplate`."""
        return _without_blank_lines(render_template(self._templates[part], facts=facts))

    def review(self, agenda: Agenda) -> str:
        """Return the list for the weekly review. Raises `BadTemplate`."""
        return _without_blank_lines(render_template(self._templates["review"], agenda=agenda))

    def storm(self, storm: Storm) -> str:
        """Return the message that names the incidents of a storm. Raises `BadTemplate`."""
        return _without_blank_lines(render_template(self._templates["storm"], storm=storm))


def _escape_with(markup: Markup) -> Callable[[Any], Any]:
    def escape(value: Any) -> Any:
        if isinstance(value, EscapedText) or not isinstance(value, str):
            return value
        return markup.escape(value)

    return escape


def _filters(zone: ZoneInfo, markup: Markup) -> dict[str, Callable[..., Any]]:
    def at(instant: datetime, day_shown: date | datetime | None = None) -> str:
        """Write an instant in both zones, without its day if that is `day_shown`."""
        text = both(instant, zone)
        day = day_shown.astimezone(instant.tzinfo).date() if isinstance(day_shown, datetime) else day_shown
        return text.split(" ", 1)[1] if day == instant.date() else text

    def duration(length: timedelta, units: Mapping[str, str] = MappingProxyType({})) -> str:
        """Write a duration such as 2h5m, or with the template's own words for the units `d`, `h`, `m` and `s`."""
        return "".join(f"{number}{units.get(unit, unit)}" for number, unit in parts(length))

    def link(name: str, url: str | None) -> str:
        return EscapedText(markup.link(name, url)) if url else name

    return {
        "at": at,
        "span": lambda begin, end, going_on: span(begin, end, going_on, zone),
        "duration": duration,
        "link": link,
        "groups": _groups,
    }


def _groups(lines: Iterable[ReviewLine]) -> list[tuple[str, list[ReviewLine]]]:
    """Return lines by their group, those without one last."""
    lines = list(lines)
    names = sorted({line.group for line in lines}, key=lambda name: (name == NO_VALUE, name))
    return [(name, [line for line in lines if line.group == name]) for name in names]


def _without_blank_lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())
