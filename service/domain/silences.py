"""Silences of Alertmanager: which alerts they match, and whether creating one was a first response."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.domain.episodes import Episode


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; a missing label counts as empty. Patterns match the whole value."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether these labels match; an invalid pattern matches nothing."""
        value = labels.get(self.name, "")
        if not self.is_regex:
            return (value == self.value) is self.is_equal
        try:
            return (re.fullmatch(self.value, value, re.DOTALL) is not None) is self.is_equal
        except re.error:
            return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A silence, created at `made_at` by `author`. It applies to alerts that match all matchers of one of `sets`.

    `starts_at` and `ends_at` are its interval, if known.
    """

    id: str
    made_at: datetime
    author: str
    sets: tuple[tuple[Matcher, ...], ...]
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def covers(self, starts_at: datetime, ends_at: datetime) -> bool:
        """Return whether it covers the whole of an interval."""
        if self.starts_at is None or self.ends_at is None:
            return False
        return self.starts_at <= starts_at and ends_at <= self.ends_at

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether it applies to an alert with these labels."""
        return any(matchers and all(matcher.matches(labels) for matcher in matchers) for matchers in self.sets)


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Decides which silences are by people: `authors` is found in the author, and `machines` is not."""

    authors: re.Pattern[str]
    machines: re.Pattern[str] | None = None

    def made(self, silence: Silence) -> bool:
        """Return whether a person created the silence."""
        author = silence.author
        return bool(self.authors.search(author)) and not (self.machines is not None and self.machines.search(author))


def made_at(starts_at: datetime, updated_at: datetime) -> datetime:
    """Return when a silence was created: at its start unless it was planned, and never after its last update."""
    return min(starts_at, updated_at)


def acknowledged_by(silences: Iterable[Silence], episodes: Sequence[Episode], people: People) -> Silence | None:
    """Return the first silence a person created while a matching alert fired, else None.

    A silence created before the episode does not count: it was for something else.
    """
    first: Silence | None = None
    for silence in silences:
        if (first is None or silence.made_at < first.made_at) and people.made(silence):
            fired = (e for e in episodes if _fires(e, silence.made_at))
            if any(silence.matches(e.labels) for e in fired):
                first = silence
    return first


def _fires(episode: Episode, at: datetime) -> bool:
    return episode.starts_at <= at and (episode.ends_at is None or at <= episode.ends_at)
