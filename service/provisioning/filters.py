"""Dashboards whose tables of incidents are filtered by dimensions: the bundled ones by `team` and `service`.

The rows by dimension need no change: they ask the exporter which dimensions there are.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from service.provisioning.rules import BUNDLED_LABELS

_VARIABLES = tuple(f"incident_{label}" for label in BUNDLED_LABELS)


def with_filters(model: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
    """Return a bundled dashboard with a variable for each of these dimensions, by which its queries are filtered."""
    text = json.dumps(model).replace(_matchers(BUNDLED_LABELS), _matchers(labels))
    adapted: dict[str, Any] = json.loads(text)
    adapted["templating"]["list"] = list(_variables(adapted["templating"]["list"], labels))
    return adapted


def _matchers(labels: Sequence[str]) -> str:
    """Return the matchers of a selector as they stand in JSON."""
    return json.dumps("".join(f', incident_{label}=~"$incident_{label}"' for label in labels))[1:-1]


def _variables(variables: Sequence[dict[str, Any]], labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    for variable in variables:
        if variable["name"] == _VARIABLES[0]:
            yield from (_variable(variable, label) for label in labels)
        elif variable["name"] not in _VARIABLES:
            yield variable


def _variable(bundled: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Return the variable of a dimension, from that of the first bundled one."""
    text = json.dumps(bundled).replace(_VARIABLES[0], f"incident_{label}")
    variable: dict[str, Any] = json.loads(text.replace(f"without a {BUNDLED_LABELS[0]}.", f"without a {label}."))
    return variable | {"label": label.capitalize()}
