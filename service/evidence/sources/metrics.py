"""Metrics from Prometheus: each query as a table and as a picture, and the state of the alerting rules."""

import json
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from service.clients.errors import RequestFailed
from service.clients.prometheus import MAX_POINTS, PrometheusApi, RangeSeries, quoted
from service.evidence.curves import Curves
from service.evidence.plot import Titles, draw
from service.evidence.settings import MetricsQuery
from service.evidence.source import with_incident_labels
from service.evidence.staging import SourceFailed, SourceFiles, StagedFile
from service.evidence.window import EvidenceWindow
from service.printable import printable

MAX_BYTES = 8 * 1024 * 1024
"""How large one response may be; parsed, it takes twenty times as much memory."""
PAGE = 2_000
"""Points of a series per request; Prometheus itself would return 11,000 (`MAX_POINTS`)."""
MAX_PAGES = 50
"""Longer windows are queried in larger steps."""
HEADER = "time,timestamp,series,value\n"

_log = logging.getLogger(__name__)


class MetricSource:
    """Asks one Prometheus. A query that fails leaves the others alone."""

    name = "metrics"

    def __init__(self, prometheus: PrometheusApi, queries: Sequence[MetricsQuery]) -> None:
        assert PAGE <= MAX_POINTS  # noqa: S101 - Prometheus would refuse it
        self._prometheus = prometheus
        self._queries = queries

    def collect(self, window: EvidenceWindow, files: SourceFiles) -> None:
        """Write a table and a picture of each query, and the state of the alerting rules."""
        for query in self._queries:
            try:
                self._collect(query, window, files)
            except (RequestFailed, SourceFailed) as error:
                files.add_failure(query.name, str(error))
        self._rules(files)

    def _collect(self, query: MetricsQuery, window: EvidenceWindow, files: SourceFiles) -> None:
        expression = with_incident_labels(query.query, window)
        step = step_for(query.step, window)
        curves = Curves(window.start, window.end)
        notes: dict[str, object] = {"unit": query.unit, "step_seconds": step.total_seconds()}
        if step != query.step:
            notes["step_wanted_seconds"] = query.step.total_seconds()
        with files.generated(f"{query.name}.csv", query=expression, notes=notes) as table:
            table.write(HEADER.encode())
            for begin, end in pages(window, step):
                for series in sorted(self._prometheus.query_range(expression, begin, end, step), key=_key):
                    name = table.clean(_series_name(series))
                    _write(table, name, series)
                    curves.add(name, series.samples)
        self._plot(query, expression, curves, window, files)

    def _plot(
        self, query: MetricsQuery, expression: str, curves: Curves, window: EvidenceWindow, files: SourceFiles
    ) -> None:
        with files.generated(f"{query.name}.png", query=expression, notes={"unit": query.unit}) as picture:
            titles = Titles(*(picture.clean(text) for text in (query.name, expression, query.unit)))
            try:
                drawn = draw(titles, curves, window)
            except Exception as error:  # any error of the library; the table is complete
                _log.exception("cannot draw %s", query.name)
                raise SourceFailed(f"the picture cannot be drawn: {type(error).__name__}") from error
            picture.write(drawn)

    def _rules(self, files: SourceFiles) -> None:
        try:
            groups = self._prometheus.alerting_rules()
        except RequestFailed as error:
            files.add_failure("alerting rules", str(error))
            return
        text = json.dumps({"groups": groups}, ensure_ascii=False, indent=2, sort_keys=True)
        notes = {"of": "the time of collection: Prometheus keeps no earlier states"}
        with files.text("alerting-rules.json", query="/api/v1/rules?type=alert", notes=notes) as file:
            file.write(f"{text}\n".encode())


def step_for(step: timedelta, window: EvidenceWindow) -> timedelta:
    """Return the configured step, or a larger one in whole seconds if the window has too many of them."""
    least = (window.end - window.start) / (PAGE * MAX_PAGES - 1)
    if step >= least:
        return step
    return timedelta(seconds=-(-least // timedelta(seconds=1)))


def pages(window: EvidenceWindow, step: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Yield the time ranges to query, each with at most as many points as one response should have."""
    begin = window.start
    while begin <= window.end:
        last = begin + (PAGE - 1) * step
        yield begin, min(last, window.end)
        begin = last + step


def _write(table: StagedFile, name: str, series: RangeSeries) -> None:
    cell = '"' + name.replace('"', '""') + '"'
    rows = (f"{_utc(at)},{at.timestamp():.3f},{cell},{value}\n" for at, value in series.samples)
    table.write("".join(rows).encode())


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _key(series: RangeSeries) -> list[tuple[str, str]]:
    return sorted(series.labels.items())


def _series_name(series: RangeSeries) -> str:
    """Return a series as Prometheus writes it: `up{job="api"}`."""
    labels = ",".join(f"{name}={quoted(value)}" for name, value in _key(series) if name != "__name__")
    return printable(series.labels.get("__name__", "") + (f"{{{labels}}}" if labels else "") or "{}")
