"""Prometheus' HTTP API: queries, rules and alerts. Times are UTC; a sample's time is exact to the millisecond."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml
from pydantic import BaseModel, Field, TypeAdapter

from service.clients.http import JsonApi

Labels = Mapping[str, str]
MAX_POINTS = 11_000
"""The most points that Prometheus returns for one series (web/api/v1/api.go)."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its labels without the metric's name, and its samples, the earliest first."""

    labels: Labels
    samples: tuple[tuple[datetime, float], ...]


@dataclass(frozen=True, slots=True)
class PrometheusAlert:
    """A pending or firing alert of a rule; its condition has held since `active_at`."""

    labels: Labels
    active_at: datetime


@dataclass(frozen=True, slots=True)
class RangeSeries:
    """One series of a range query: all its labels, and its samples as Prometheus writes values, the earliest first."""

    labels: Labels
    samples: tuple[tuple[datetime, str], ...]


class _ResponseJson(BaseModel):
    data: dict[str, Any]


class _InstantJson(BaseModel):
    metric: dict[str, str]
    value: tuple[float, float]


class _MatrixJson(BaseModel):
    metric: dict[str, str]
    values: list[tuple[float, float]]


class _RangeJson(BaseModel):
    metric: dict[str, str]
    values: list[tuple[float, str]] = []


class _AlertStateJson(BaseModel):
    labels: dict[str, str]
    active_at: datetime = Field(alias="activeAt")


_RESPONSE = TypeAdapter(_ResponseJson)
_VECTOR = TypeAdapter(list[_InstantJson])
_MATRIX = TypeAdapter(list[_MatrixJson])
_RANGES = TypeAdapter(list[_RangeJson])
_GROUPS = TypeAdapter(list[dict[str, Any]])
_ALERTS = TypeAdapter(list[_AlertStateJson])
_LABELS = TypeAdapter(dict[str, str])


class PrometheusApi:
    """Client of one Prometheus. Every method raises RequestFailed."""

    def __init__(self, api: JsonApi) -> None:
        self._api = api

    def query(self, expression: str, instant: datetime) -> list[Series]:
        """Return the instant vector of an expression at `instant`."""
        vector = self._api.validated(_VECTOR, self._query(expression, instant))
        return [Series(_labels(s.metric), ((_time(s.value[0]), s.value[1]),)) for s in vector]

    def samples(self, selector: str, begin: datetime, end: datetime) -> list[Series]:
        """Return the raw samples of a selector after `begin` and up to `end`."""
        milliseconds = max(1, round((end - begin) / timedelta(milliseconds=1)))
        matrix = self._api.validated(_MATRIX, self._query(f"{selector}[{milliseconds}ms]", end))
        return [Series(_labels(s.metric), tuple((_time(at), value) for at, value in s.values)) for s in matrix]

    def query_range(self, expression: str, begin: datetime, end: datetime, step: timedelta) -> list[RangeSeries]:
        """Evaluate an expression from `begin` to `end`, both inclusive, every `step`.

        Asking for more than `MAX_POINTS` points of a series raises RequestFailed.
        """
        form = {
            "query": expression,
            "start": f"{begin.timestamp():.3f}",
            "end": f"{end.timestamp():.3f}",
            "step": f"{step.total_seconds():.3f}",
        }
        ranges = self._api.validated(_RANGES, self._data(self._api.post("/api/v1/query_range", form)).get("result"))
        return [RangeSeries(s.metric, tuple((_time(at), value) for at, value in s.values)) for s in ranges]

    def alerting_rules(self) -> list[dict[str, Any]]:
        """Return the groups of alerting rules with their current state and alerts, in Prometheus' own JSON."""
        data = self._data(self._api.get("/api/v1/rules", {"type": "alert"}))
        return self._api.validated(_GROUPS, data.get("groups"))

    def active_alerts(self) -> list[PrometheusAlert]:
        """Return the alerts that are pending or firing now."""
        alerts = self._api.validated(_ALERTS, self._data(self._api.get("/api/v1/alerts")).get("alerts"))
        return [PrometheusAlert(alert.labels, alert.active_at.astimezone(UTC)) for alert in alerts]

    def external_labels(self) -> Labels:
        """Return the labels that Prometheus adds to every alert it sends."""
        text = self._data(self._api.get("/api/v1/status/config")).get("yaml")
        try:
            config = yaml.safe_load(text) if isinstance(text, str) else None
        except yaml.YAMLError as error:
            raise self._api.unexpected("cannot parse Prometheus' configuration") from error
        global_section = config.get("global") if isinstance(config, dict) else None
        return self._api.validated(_LABELS, (global_section or {}).get("external_labels") or {})

    def _query(self, expression: str, instant: datetime) -> Any:
        form = {"query": expression, "time": f"{instant.timestamp():.3f}"}
        return self._data(self._api.post("/api/v1/query", form)).get("result")

    def _data(self, response: Any) -> dict[str, Any]:
        return self._api.validated(_RESPONSE, response).data


def selector(metric: str, labels: Labels) -> str:
    """Return the selector of a metric's series with these labels."""
    matchers = ",".join(f"{name}={quoted(value)}" for name, value in sorted(labels.items()))
    return f"{metric}{{{matchers}}}"


def quoted(text: str) -> str:
    """Return a PromQL string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _labels(metric: dict[str, str]) -> Labels:
    return {name: value for name, value in metric.items() if name != "__name__"}


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(round(seconds * 1000) / 1000, UTC)
