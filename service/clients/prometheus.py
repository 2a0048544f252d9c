"""Prometheus' HTTP API, as far as we read it. Times are UTC; a sample's time is exact to the millisecond."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from service.clients.json_api import AskingFailed, JsonApi

Labels = Mapping[str, str]
MOST_POINTS = 11_000
"""What Prometheus answers of one series at most (web/api/v1/api.go)."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its labels without the metric's name, and its samples, the earliest first."""

    labels: Labels
    samples: tuple[tuple[datetime, float], ...]


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """An alert as a rule has it now, pending or firing; `active_at` is since when its condition holds."""

    labels: Labels
    active_at: datetime


@dataclass(frozen=True, slots=True)
class Sampled:
    """One series of a range query: all its labels, and each sample as Prometheus wrote it, the earliest first."""

    labels: Labels
    samples: tuple[tuple[datetime, str], ...]


class _Vector(BaseModel):
    metric: dict[str, str]
    value: tuple[float, float]


class _Matrix(BaseModel):
    metric: dict[str, str]
    values: list[tuple[float, float]]


class _Range(BaseModel):
    metric: dict[str, str]
    values: list[tuple[float, str]] = []


class _Alert(BaseModel):
    labels: dict[str, str]
    active_at: datetime = Field(alias="activeAt")


_VECTOR = TypeAdapter(list[_Vector])
_MATRIX = TypeAdapter(list[_Matrix])
_RANGES = TypeAdapter(list[_Range])
_GROUPS = TypeAdapter(list[dict[str, Any]])
_ALERTS = TypeAdapter(list[_Alert])
_LABELS = TypeAdapter(dict[str, str])


class Prometheus:
    """Reads one Prometheus. Every method raises AskingFailed."""

    def __init__(self, api: JsonApi) -> None:
        self._api = api

    def at(self, expression: str, instant: datetime) -> list[Series]:
        """Return the instant vector that an expression had."""
        answer = self._query(expression, instant)
        return [Series(_named(one.metric), ((_time(one.value[0]), one.value[1]),)) for one in self._as(_VECTOR, answer)]

    def samples(self, selector: str, begin: datetime, end: datetime) -> list[Series]:
        """Return the samples of a selector as they were written, after `begin` and up to `end`."""
        milliseconds = max(1, round((end - begin) / timedelta(milliseconds=1)))
        answer = self._query(f"{selector}[{milliseconds}ms]", end)
        return [
            Series(_named(one.metric), tuple((_time(at), value) for at, value in one.values))
            for one in self._as(_MATRIX, answer)
        ]

    def sampled(self, expression: str, begin: datetime, end: datetime, step: timedelta) -> list[Sampled]:
        """Return what an expression was from `begin` to `end`, both of them included, in steps.

        Prometheus answers at most 11,000 points of a series (`MOST_POINTS`); more of them are an AskingFailed.
        """
        form = {
            "query": expression,
            "start": f"{begin.timestamp():.3f}",
            "end": f"{end.timestamp():.3f}",
            "step": f"{step.total_seconds():.3f}",
        }
        answer = self._data(self._api.post("/api/v1/query_range", form)).get("result")
        return [
            Sampled(one.metric, tuple((_time(at), value) for at, value in one.values))
            for one in self._as(_RANGES, answer)
        ]

    def alerting_rules(self) -> list[dict[str, Any]]:
        """Return the groups of alerting rules with their state and their alerts now, as Prometheus tells them."""
        groups = self._data(self._api.get("/api/v1/rules", {"type": "alert"})).get("groups")
        told: list[dict[str, Any]] = self._as(_GROUPS, groups)
        return told

    def active_alerts(self) -> list[ActiveAlert]:
        """Return the alerts that are pending or firing now."""
        data = self._data(self._api.get("/api/v1/alerts"))
        found = self._as(_ALERTS, data.get("alerts"))
        return [ActiveAlert(one.labels, one.active_at.astimezone(UTC)) for one in found]

    def external_labels(self) -> Labels:
        """Return the labels that Prometheus adds to every alert it sends."""
        text = self._data(self._api.get("/api/v1/status/config")).get("yaml")
        try:
            read = yaml.safe_load(text) if isinstance(text, str) else None
        except yaml.YAMLError as error:
            raise AskingFailed(f"{self._api.url}: its configuration cannot be read") from error
        general = read.get("global") if isinstance(read, dict) else None
        labels: dict[str, str] = self._as(_LABELS, (general or {}).get("external_labels") or {})
        return labels

    def _query(self, expression: str, instant: datetime) -> Any:
        form = {"query": expression, "time": f"{instant.timestamp():.3f}"}
        return self._data(self._api.post("/api/v1/query", form)).get("result")

    def _data(self, answer: Any) -> dict[str, Any]:
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), dict):
            raise AskingFailed(f"{self._api.url}: this is not Prometheus' API")
        data: dict[str, Any] = answer["data"]
        return data

    def _as(self, adapter: TypeAdapter[Any], value: object) -> Any:
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            raise AskingFailed(f"{self._api.url}: answered in another form than Prometheus does") from error


def selector(metric: str, labels: Labels) -> str:
    """Write a selector of the series of a metric that have these labels."""
    matchers = ",".join(f"{name}={quoted(value)}" for name, value in sorted(labels.items()))
    return f"{metric}{{{matchers}}}"


def quoted(text: str) -> str:
    """Write a text as PromQL does."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _named(metric: dict[str, str]) -> Labels:
    return {name: value for name, value in metric.items() if name != "__name__"}


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(round(seconds * 1000) / 1000, UTC)
