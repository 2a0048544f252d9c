"""What an incident cost: which share of an error budget it spent, by Prometheus, once it is settled."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from service.clients.prometheus import PrometheusApi
from service.domain.budgets import Impact, Slo, budget_measured, budgets_spent, impact_of
from service.domain.description import label_values
from service.domain.policy import Policy
from service.polling.recording import record_event
from service.polling.start_times import AGAIN_AFTER
from service.recorder.writer import Recorder
from service.settings.placeholders import MissingLabel, with_interval, with_labels
from service.store import Store
from service.store.histories import histories_of
from service.store.settled import settled_incidents

log = logging.getLogger(__name__)
LOOKBACK = timedelta(days=1)
"""How long ago an incident may have been settled: after an outage of the service, or of Prometheus."""
_Key = tuple[int, str, Impact]


@dataclass(slots=True)
class BudgetPoll:
    """Records a `budget_measured` event for each settled incident and each objective that concerns it."""

    name: ClassVar[str] = "error budgets"
    prometheus: PrometheusApi
    store: Store
    recorder: Recorder
    policy: Policy
    objectives: Sequence[Slo]
    _asked: dict[_Key, tuple[int, datetime]] = field(init=False, default_factory=dict)

    def run(self, now: datetime) -> None:
        """Ask about every incident that is due. Raises RequestFailed, Busy or StoreUnavailable."""
        settled = self.store.read(settled_incidents, now - LOOKBACK, now)
        impacts = {row.id: impact for row in settled if (impact := impact_of(row.milestones, row.resolution_source))}
        keys = {(row_id, slo.name, impact) for row_id, impact in impacts.items() for slo in self.objectives}
        self._asked = {key: asked for key, asked in self._asked.items() if key in keys}
        for incident_id in sorted({key[0] for key in keys if self._is_due(key, now)}):
            self._measure(incident_id, impacts[incident_id], now)

    def _measure(self, incident_id: int, impact: Impact, now: datetime) -> None:
        history = self.store.read(histories_of, [incident_id], self.policy)[incident_id]
        measured = budgets_spent(history.effective_events, impact)
        labels = label_values(history.incident.labels, history.episodes)
        for slo in self.objectives:
            key = (incident_id, slo.name, impact)
            if not self._is_due(key, now):
                continue
            query = _query(slo, impact, labels)
            if query is None or slo.name in measured or not slo.concerns(history.incident.severity, labels):
                self._count(key, now, is_final=True)
                continue
            spent_ratio = self._spent_ratio(slo, query, impact)
            if spent_ratio is not None:
                record_event(self.recorder, incident_id, budget_measured(slo.name, impact, spent_ratio, query, now))
            self._count(key, now, is_final=spent_ratio is not None)

    def _is_due(self, key: _Key, now: datetime) -> bool:
        times, last = self._asked.get(key, (0, now))
        return times < len(AGAIN_AFTER) and now >= last + AGAIN_AFTER[times]

    def _count(self, key: _Key, now: datetime, *, is_final: bool) -> None:
        times, _ = self._asked.get(key, (0, now))
        self._asked[key] = (len(AGAIN_AFTER) if is_final else times + 1, now)

    def _spent_ratio(self, slo: Slo, query: str, impact: Impact) -> float | None:
        """Return the only value of the query at the end of the impact."""
        values = [series.samples[-1][1] for series in self.prometheus.query(query, impact.ended_at)]
        if len(values) > 1:
            log.warning("slo %s: ignoring the values of a query that returns %d series", slo.name, len(values))
        return values[0] if len(values) == 1 and math.isfinite(values[0]) and values[0] >= 0 else None


def _query(slo: Slo, impact: Impact, labels: Mapping[str, frozenset[str]]) -> str | None:
    """Return the query, None if it names a label of which the incident has not exactly one value."""
    single = {name: next(iter(values)) for name, values in labels.items() if len(values) == 1}
    try:
        return with_labels(with_interval(slo.query, impact.started_at, impact.ended_at), single)
    except MissingLabel:
        return None
