"""Metrics from Prometheus: each query as a table and as a picture, and what the alerting rules say."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from service.clients.json_api import RequestFailed
from service.clients.prometheus import MOST_POINTS, PrometheusApi, RangeSeries, quoted
from service.evidence.curves import Curves
from service.evidence.plot import Titles, draw
from service.evidence.source import Box, File, SourceFailed, with_incident_labels
from service.evidence.subject import Subject, Window
from service.printable import printable

MOST_BYTES = 8 * 1024 * 1024
"""What one answer may be; read into memory it takes twenty times as much."""
PAGE = 2_000
"""Points of a series that are asked for at once; Prometheus itself would give 11,000 (`MOST_POINTS`)."""
MOST_PAGES = 50
"""What is longer is asked for in larger steps."""
HEADER = "time,timestamp,series,value\n"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Query:
    """One query. `expression` may hold `{{ $labels.NAME }}`, within double quotes."""

    name: str
    expression: str
    unit: str
    step: timedelta


class Metrics:
    """Asks one Prometheus. A query that fails leaves the others alone."""

    name = "metrics"

    def __init__(self, prometheus: PrometheusApi, queries: Sequence[Query]) -> None:
        assert PAGE <= MOST_POINTS  # noqa: S101 - what Prometheus would refuse
        self._prometheus = prometheus
        self._queries = queries

    def collect(self, subject: Subject, box: Box) -> None:
        """Write a table and a picture of each query, and the state of the alerting rules."""
        for query in self._queries:
            try:
                self._collect(query, subject, box)
            except (RequestFailed, SourceFailed) as error:
                box.failed(query.name, str(error))
        self._rules(box)

    def _collect(self, query: Query, subject: Subject, box: Box) -> None:
        expression = with_incident_labels(query.expression, subject)
        step = step_for(query.step, subject.window)
        window = subject.window
        curves = Curves(window.start, window.end)
        notes: dict[str, object] = {"unit": query.unit, "step_seconds": step.total_seconds()}
        if step != query.step:
            notes["step_wanted_seconds"] = query.step.total_seconds()
        with box.made(f"{query.name}.csv", query=expression, notes=notes) as table:
            table.write(HEADER.encode())
            for begin, end in pages(window, step):
                for series in sorted(self._prometheus.query_range(expression, begin, end, step), key=_key):
                    name = table.clean(_written(series))
                    _write(table, name, series)
                    curves.add(name, series.samples)
        self._plot(query, expression, curves, subject, box)

    def _plot(self, query: Query, expression: str, curves: Curves, subject: Subject, box: Box) -> None:
        with box.made(f"{query.name}.png", query=expression, notes={"unit": query.unit}) as picture:
            titles = Titles(*(picture.clean(text) for text in (query.name, expression, query.unit)))
            try:
                drawn = draw(titles, curves, subject)
            except Exception as error:  # the library's own; the table is there
                _log.exception("cannot draw %s", query.name)
                raise SourceFailed(f"the picture cannot be drawn: {type(error).__name__}") from error
            picture.write(drawn)

    def _rules(self, box: Box) -> None:
        try:
            groups = self._prometheus.alerting_rules()
        except RequestFailed as error:
            box.failed("alerting rules", str(error))
            return
        told = json.dumps({"groups": groups}, ensure_ascii=False, indent=2, sort_keys=True)
        notes = {"of": "the time of collection: Prometheus keeps no states of the past"}
        with box.text("alerting-rules.json", query="/api/v1/rules?type=alert", notes=notes) as file:
            file.write(f"{told}\n".encode())


def step_for(wanted: timedelta, window: Window) -> timedelta:
    """Return the step, larger in whole seconds where the window has too many of those that are wanted."""
    least = (window.end - window.start) / (PAGE * MOST_PAGES - 1)
    if wanted >= least:
        return wanted
    return timedelta(seconds=-(-least // timedelta(seconds=1)))


def pages(window: Window, step: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Yield the stretches to ask for, each with as many points as one answer should have."""
    begin = window.start
    while begin <= window.end:
        last = begin + (PAGE - 1) * step
        yield begin, min(last, window.end)
        begin = last + step


def _write(table: File, name: str, series: RangeSeries) -> None:
    cell = '"' + name.replace('"', '""') + '"'
    rows = (f"{_utc(at)},{at.timestamp():.3f},{cell},{value}\n" for at, value in series.samples)
    table.write("".join(rows).encode())


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _key(series: RangeSeries) -> list[tuple[str, str]]:
    return sorted(series.labels.items())


def _written(series: RangeSeries) -> str:
    """Write a series as Prometheus does: `up{job="api"}`."""
    labels = ",".join(f"{name}={quoted(value)}" for name, value in _key(series) if name != "__name__")
    return printable(series.labels.get("__name__", "") + (f"{{{labels}}}" if labels else "") or "{}")
