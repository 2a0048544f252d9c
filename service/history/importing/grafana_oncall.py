"""Alert groups of Grafana OnCall, as its API lists them.

An `acknowledged_by` of null means that the source of the alerts acknowledged: that is not a person's response.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from service.domain.recovery import ResolutionSource
from service.history.importing.imported import Record
from service.history.importing.paths import reach


def rows(records: Sequence[Record]) -> Iterable[tuple[Record, tuple[str, ...]]]:
    """Yield the alert groups in our columns; none has an alias."""
    for record in records:
        yield Record(record.where, _row(record.fields)), ()


def _row(group: Mapping[str, Any]) -> dict[str, Any]:
    labels = _labels(group.get("labels"))
    row: dict[str, Any] = {
        "key": group.get("id"),
        "title": group.get("title") or "Untitled alert group",
        "severity": labels.get("severity"),
        "detected_at": group.get("created_at"),
        "resolved_at": group.get("resolved_at"),
        "labels": labels,
    }
    row["acknowledged_at"] = group.get("acknowledged_at")
    if "acknowledged_by" in group:
        source = ResolutionSource.AUTOMATION if group["acknowledged_by"] is None else ResolutionSource.HUMAN
        row["acknowledged_by"] = source.value
    if "resolved_by" in group:
        source = ResolutionSource.ALERTS if group["resolved_by"] is None else ResolutionSource.HUMAN
        row["resolved_by"] = source.value
    return row


def _labels(value: Any) -> dict[str, str]:
    """Read labels as an object, or as the list of keys and values with names that the API makes of them."""
    if isinstance(value, Mapping):
        return {name: content for name, content in value.items() if isinstance(content, str)}
    pairs = [pair for pair in value if isinstance(pair, Mapping)] if isinstance(value, list) else []
    named = [(reach(pair, "key.name"), reach(pair, "value.name")) for pair in pairs]
    return {name: content for name, content in named if isinstance(name, str) and isinstance(content, str)}
