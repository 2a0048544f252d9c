"""From the samples of Prometheus' ALERTS to the intervals in which alerts fired. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from service.clients.prometheus import Series

SELECTOR = 'ALERTS{alertstate="firing"}'
USUAL_INTERVAL = timedelta(minutes=1)
"""How often rules are assumed to be evaluated if a series has too few samples to show it."""
LONGEST_PAUSE = timedelta(minutes=5)
"""Samples further apart belong to two intervals: after that time Prometheus itself considers a series stale."""


@dataclass(frozen=True, slots=True)
class FiringInterval:
    """One interval in which an alert fired, as Prometheus evaluated it; `ends_at` None: it is still firing."""

    labels: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None


def firing_intervals(series: Sequence[Series], now: datetime) -> list[FiringInterval]:
    """Return the intervals that the samples show, earliest first.

    One ends with the first evaluation that no longer has the alert: one evaluation after its last sample. If that
    sample is so recent that the next one may still come, the alert is still firing.
    """
    usual = _evaluation_interval([gap for s in series for gap in _gaps(s)], USUAL_INTERVAL)
    intervals: list[FiringInterval] = []
    for s in series:
        labels = {name: value for name, value in s.labels.items() if name != "alertstate"}
        evaluation = _evaluation_interval(_gaps(s), usual)
        for first, last in _runs([at for at, _ in s.samples]):
            ends_at = last + evaluation
            intervals.append(FiringInterval(labels, first, ends_at if ends_at + 2 * evaluation < now else None))
    return sorted(intervals, key=lambda interval: interval.starts_at)


def is_series_of(series: Mapping[str, str], alert: Mapping[str, str]) -> bool:
    """Return whether a series' labels are those of an alert, which may have external labels in addition."""
    return all(alert.get(name) == value for name, value in series.items())


def _gaps(series: Series) -> list[timedelta]:
    times = [at for at, _ in series.samples]
    return [after - before for before, after in pairwise(times) if after - before <= LONGEST_PAUSE]


def _evaluation_interval(gaps: list[timedelta], default: timedelta) -> timedelta:
    return sorted(gaps)[len(gaps) // 2] if gaps else default


def _runs(times: list[datetime]) -> list[tuple[datetime, datetime]]:
    """Return the first and last of each run of times without a longer pause."""
    runs: list[tuple[datetime, datetime]] = []
    for at in times:
        if runs and at - runs[-1][1] <= LONGEST_PAUSE:
            runs[-1] = (runs[-1][0], at)
        else:
            runs.append((at, at))
    return runs
