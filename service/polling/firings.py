"""From the samples of Prometheus' ALERTS to firings. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from service.clients.prometheus import Series

SELECTOR = 'ALERTS{alertstate="firing"}'
USUAL_INTERVAL = timedelta(minutes=1)
"""How often rules are evaluated, where a series has too few samples to show it."""
LONGEST_PAUSE = timedelta(minutes=5)
"""Samples further apart belong to two firings: beyond that Prometheus itself takes a series for gone."""


@dataclass(frozen=True, slots=True)
class Firing:
    """One firing as Prometheus evaluated it; `ends_at` None: it goes on. `labels` are those of the rule's alert."""

    labels: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None


def firings(series: Sequence[Series], now: datetime) -> list[Firing]:
    """Return the firings that the samples show, earliest first.

    A firing ends with the first evaluation that does not have it any more: one interval after its last sample. Where
    the last sample is so young that the next one may still come, it goes on.
    """
    usual = _interval([at for one in series for at in _gaps(one)], USUAL_INTERVAL)
    found: list[Firing] = []
    for one in series:
        labels = {name: value for name, value in one.labels.items() if name != "alertstate"}
        interval = _interval(_gaps(one), usual)
        for first, last in _stretches([at for at, _ in one.samples]):
            ended_at = last + interval
            found.append(Firing(labels, first, ended_at if ended_at + 2 * interval < now else None))
    return sorted(found, key=lambda f: f.starts_at)


def _gaps(series: Series) -> list[timedelta]:
    times = [at for at, _ in series.samples]
    return [after - before for before, after in pairwise(times) if after - before <= LONGEST_PAUSE]


def _interval(gaps: list[timedelta], otherwise: timedelta) -> timedelta:
    return sorted(gaps)[len(gaps) // 2] if gaps else otherwise


def _stretches(times: list[datetime]) -> list[tuple[datetime, datetime]]:
    found: list[tuple[datetime, datetime]] = []
    for at in times:
        if found and at - found[-1][1] <= LONGEST_PAUSE:
            found[-1] = (found[-1][0], at)
        else:
            found.append((at, at))
    return found
