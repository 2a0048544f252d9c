"""Alert groups of Grafana OnCall, as its API lists them.

Where the API says who acknowledged, nobody means that the source of the alerts did it: that is no person's response.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from service.domain.recovery import ResolutionSource
from service.history.importing.past import Record
from service.history.importing.paths import reach


def rows(records: Sequence[Record]) -> Iterable[tuple[Record, tuple[str, ...]]]:
    """Yield the alert groups in our columns; none has an alias."""
    for record in records:
        yield Record(record.where, _row(record.fields)), ()


def _row(told: Mapping[str, Any]) -> dict[str, Any]:
    labels = _labels(told.get("labels"))
    row: dict[str, Any] = {
        "key": told.get("id"),
        "title": told.get("title") or "Untitled alert group",
        "severity": labels.get("severity"),
        "detected_at": told.get("created_at"),
        "resolved_at": told.get("resolved_at"),
        "labels": labels,
    }
    row["acknowledged_at"] = told.get("acknowledged_at")
    if "acknowledged_by" in told:
        source = ResolutionSource.AUTOMATION if told["acknowledged_by"] is None else ResolutionSource.HUMAN
        row["acknowledged_by"] = source.value
    if "resolved_by" in told:
        source = ResolutionSource.ALERTS if told["resolved_by"] is None else ResolutionSource.HUMAN
        row["resolved_by"] = source.value
    return row


def _labels(value: Any) -> dict[str, str]:
    """Read labels as an object, or as the list of keys and values with names that the API makes of them."""
    if isinstance(value, Mapping):
        return {name: said for name, said in value.items() if isinstance(said, str)}
    pairs = [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
    named = [(reach(one, "key.name"), reach(one, "value.name")) for one in pairs]
    return {name: said for name, said in named if isinstance(name, str) and isinstance(said, str)}
