"""Aggregates of the episodes of an incident with very many, stored with it so that adding one is cheap.

They replace the episodes only if the incident was never closed or reopened (`suffices`): the result then does not
depend on the order in which alerts fired and people acted.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from service.domain.description import (
    DOMAIN_LABEL,
    TYPE_LABEL,
    carrier_rank,
    dimensions_of,
    domains_of,
    labels_of,
    types_of,
)
from service.domain.episodes import Episode
from service.domain.events import INTO_KEY, EventKind
from service.domain.history import History
from service.domain.policy import Domain, IncidentType, Milestone, Severity

_CLOSING = (EventKind.RESOLVED, EventKind.REOPENED, EventKind.DISMISSED)


@dataclass(frozen=True, slots=True, order=True)
class Carrier:
    """The episode that gives an incident its value of a label: of the worst that carry it, the earliest."""

    severity: Severity
    starts_at: datetime
    fingerprint: str
    value: str

    @property
    def rank(self) -> tuple[Severity, datetime, str]:
        """The sort key of its episode (`carrier_rank`)."""
        return self.severity, self.starts_at, self.fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Firings:
    """Aggregates of many episodes. `fingerprint` and `title` are of the earliest, which began at `starts_at`.

    Of `count` episodes `open` are still firing, `stale` have an assumed end and `end_unknown` an unknown one;
    `ends_at` is the latest end. `labels` are those that all of them share, `carriers` the episodes from which the
    incident has its dimensions.
    """

    count: int
    open: int
    stale: int
    end_unknown: int
    starts_at: datetime
    fingerprint: str
    title: str
    ends_at: datetime | None
    onset_at: datetime | None
    severity: Severity
    types: tuple[IncidentType, ...]
    domains: tuple[Domain, ...]
    labels: Mapping[str, str]
    carriers: Mapping[str, Carrier]

    def replaced(self, old: Episode | None, new: Episode) -> "Firings | None":
        """Return the aggregates with `new` in place of `old`, or with `new` added.

        None if all episodes have to be read again: `old` had the minimum or maximum of a field.
        """
        changed = self.joined(_of_episode(new))
        if old is None or changed is None:
            return changed
        is_less = (
            (old.starts_at == self.starts_at and new.starts_at > old.starts_at)
            or (
                old.ends_at is not None
                and old.ends_at == self.ends_at
                and (new.ends_at is None or new.ends_at < old.ends_at)
            )
            or (old.onset_at is not None and old.onset_at == self.onset_at and changed.onset_at != new.onset_at)
            or (new.starts_at > old.starts_at and carrier_rank(old) in self._ranks)
        )
        return None if is_less else changed._without(old)

    def joined(self, other: "Firings") -> "Firings | None":
        """Return the aggregates of both; None if they do not show which began first."""
        first, second = sorted((self, other), key=lambda f: (f.starts_at, f.fingerprint))
        if (first.starts_at, first.fingerprint) == (
            second.starts_at,
            second.fingerprint,
        ) and first.title != second.title:
            return None
        return Firings(
            count=self.count + other.count,
            open=self.open + other.open,
            stale=self.stale + other.stale,
            end_unknown=self.end_unknown + other.end_unknown,
            starts_at=first.starts_at,
            fingerprint=first.fingerprint,
            title=first.title,
            ends_at=max((at for at in (self.ends_at, other.ends_at) if at is not None), default=None),
            onset_at=min((at for at in (self.onset_at, other.onset_at) if at is not None), default=None),
            severity=min(self.severity, other.severity),
            types=tuple(t for t in IncidentType if t in self.types or t in other.types),
            domains=tuple(d for d in Domain if d in self.domains or d in other.domains),
            labels={k: v for k, v in self.labels.items() if other.labels.get(k) == v},
            carriers={
                name: min(carriers)
                for name in {*self.carriers, *other.carriers}
                if (carriers := [of[name] for of in (self.carriers, other.carriers) if name in of])
            },
        )

    def _without(self, old: Episode) -> "Firings":
        """Subtract one episode from the counts; minimum and maximum stay."""
        return replace(
            self,
            count=self.count - 1,
            open=self.open - (old.ends_at is None),
            stale=self.stale - old.stale,
            end_unknown=self.end_unknown - old.end_unknown,
        )

    def stand_ins(self) -> tuple[Episode, ...]:
        """Return a few episodes with the same result in the fold as all of these."""
        stand_in = Episode(
            id=0,
            source="",
            fingerprint=self.fingerprint,
            starts_at=self.starts_at,
            ends_at=None if self.open else self.ends_at,
            name=self.title,
            severity=self.severity,
            incident_id=0,
            stale=bool(self.stale),
            end_unknown=bool(self.end_unknown),
            onset_at=self.onset_at,
            labels=self.labels,
        )
        values = {TYPE_LABEL: ",".join(self.types), DOMAIN_LABEL: ",".join(self.domains)}
        values = {name: text for name, text in values.items() if text}
        return stand_in, replace(stand_in, labels={**values, **self.labels}), *self._carrying(stand_in)

    def _carrying(self, stand_in: Episode) -> Iterator[Episode]:
        """Yield an episode for each that gives the incident a dimension."""
        for rank in sorted(self._ranks):
            severity, starts_at, fingerprint = rank
            labels = {n: c.value for n, c in self.carriers.items() if c.rank == rank} | dict(self.labels)
            yield replace(stand_in, severity=severity, starts_at=starts_at, fingerprint=fingerprint, labels=labels)

    @property
    def _ranks(self) -> Set[tuple[Severity, datetime, str]]:
        return {carrier.rank for carrier in self.carriers.values()}


def add_up(episodes: Sequence[Episode]) -> Firings:
    """Aggregate all episodes of an incident, in order of their ids; at least one is needed."""
    first = min(episodes, key=lambda e: (e.starts_at, e.fingerprint))
    return Firings(
        count=len(episodes),
        open=sum(e.ends_at is None for e in episodes),
        stale=sum(e.stale for e in episodes),
        end_unknown=sum(e.end_unknown for e in episodes),
        starts_at=first.starts_at,
        fingerprint=first.fingerprint,
        title=first.annotations.get("summary") or first.name,
        ends_at=max((e.ends_at for e in episodes if e.ends_at is not None), default=None),
        onset_at=min((e.onset_at for e in episodes if e.onset_at is not None), default=None),
        severity=min(e.severity for e in episodes),
        types=types_of((), episodes),
        domains=domains_of((), episodes),
        labels=labels_of((), episodes),
        carriers=_carriers(episodes),
    )


def _carriers(episodes: Sequence[Episode]) -> dict[str, Carrier]:
    """Return the carrier of each dimension: for every value, that of the first episode in order of rank with it."""
    carriers: dict[str, Carrier] = {}
    for episode in sorted(episodes, key=carrier_rank):
        for name, value in dimensions_of((), [episode]).items():
            carriers.setdefault(name, Carrier(*carrier_rank(episode), value))
    return carriers


def _of_episode(episode: Episode) -> Firings:
    return add_up([episode])


def suffices(history: History) -> bool:
    """Return whether the aggregates of the episodes suffice for the fold of these events."""
    return Milestone.RESOLVED not in history.overrides and not any(
        e.kind in _CLOSING or (e.kind is EventKind.MERGED and INTO_KEY in e.data) for e in history.events
    )
