"""What incidents spent of the error budgets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, Dialect, Select, bindparam, select

from service.domain.policy import Severity
from service.store import tables as t
from service.store.breakdown import value_of
from service.store.statements import Read

RECENT = timedelta(days=30)
"""How long ago an incident was detected whose share of a budget is listed: as long as most budgets."""
_c = t.error_budgets.c


@dataclass(frozen=True, slots=True)
class SpentBudget:
    """The share of a budget that an incident spent; `values` are its values of the labels that were asked for."""

    slo: str
    spent_ratio: float
    severity: Severity
    detected_at: datetime
    values: tuple[str, ...] = ()


def spent_budgets(connection: Connection, since: datetime, labels: Sequence[str]) -> list[SpentBudget]:
    """Return what the incidents detected after `since` spent, in the order of detection."""
    rows = _spent(tuple(labels)).rows(connection, since=since)
    return [
        SpentBudget(slo, spent_ratio, Severity(severity), detected_at, tuple(values))
        for slo, spent_ratio, severity, detected_at, *values in rows
    ]


@cache
def _spent(labels: tuple[str, ...]) -> Read:
    def make(dialect: Dialect) -> Select[Any]:
        values: list[Any] = [value_of(label, dialect).label(f"value_{i}") for i, label in enumerate(labels)]
        return (
            select(_c.slo, _c.spent_ratio, t.incidents.c.severity, _c.detected_at, *values)
            .join(t.incidents, t.incidents.c.id == _c.incident_id)
            .where(_c.detected_at > bindparam("since", type_=_c.detected_at.type))
            .order_by(_c.detected_at, _c.incident_id, _c.slo)
        )

    return Read(make)
