"""Where a value is in a record: a column's name, or a path with dots and brackets into the objects of JSON.

severity.name                          an object's field
milestones[type=resolved].occurred_at  the elements of an array that have this value
updates[0].at                          an element by its index; negative from the end
changed_at[state=Resolved]             a column, on the lines whose column `state` has this value
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_STEP = re.compile(r"(?P<name>[^.\[\]]+)(?P<selectors>(?:\[[^\[\]]+\])*)(?:\.(?=[^.])|$)")
_SELECTOR = re.compile(r"\[([^\[\]]+)\]")
_INDEX = re.compile(r"-?[0-9]{1,6}", re.ASCII)


class NoPath(Exception):
    """The text is not a path; the message shows what one looks like."""


@dataclass(frozen=True, slots=True)
class _PathStep:
    name: str
    selectors: tuple[str, ...] = ()


@lru_cache(maxsize=1024)
def parse_path(text: str) -> tuple[_PathStep, ...]:
    """Read a path. Raises NoPath."""
    steps: list[_PathStep] = []
    end = 0
    for match in _STEP.finditer(text):
        if match.start() != end:
            break
        steps.append(_PathStep(match["name"], tuple(_SELECTOR.findall(match["selectors"]))))
        end = match.end()
    if end != len(text) or not steps:
        msg = f"{text!r} is not a path such as severity.name or milestones[type=resolved].occurred_at"
        raise NoPath(msg)
    return tuple(steps)


def reach(fields: Mapping[str, Any], path: str) -> Any:
    """Return the value of a column or path: None without a value, a tuple of several."""
    values = [value for value in _walk(fields, path) if value is not None]
    return values[0] if len(values) == 1 else tuple(values) or None


def leads(fields: Mapping[str, Any], path: str) -> bool:
    """Return whether the record has such a column or path, even an empty one."""
    return bool(_walk(fields, path))


def _walk(fields: Mapping[str, Any], path: str) -> list[Any]:
    if path in fields:
        return [fields[path]]
    try:
        steps = parse_path(path)
    except NoPath:
        return []
    values: list[Any] = [fields]
    for step in steps:
        values = [value for parent in _flat(values) for value in _take(parent, step)]
    return values


def without(fields: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """Return the record without the column, or the field of an object, at a path; arrays are kept whole."""
    if path in fields:
        return {name: value for name, value in fields.items() if name != path}
    try:
        steps = parse_path(path)
    except NoPath:
        return fields
    return _without(fields, [step.name for step in steps])


def _without(fields: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
    first, *rest = names
    inner = fields.get(first)
    if not rest:
        return {name: value for name, value in fields.items() if name != first}
    return {**fields, first: _without(inner, rest)} if isinstance(inner, Mapping) else fields


def _flat(values: Iterable[Any]) -> list[Any]:
    return [element for value in values for element in (value if isinstance(value, list | tuple) else (value,))]


def _take(parent: Any, step: _PathStep) -> Sequence[Any]:
    if not isinstance(parent, Mapping) or step.name not in parent:
        return ()
    value = parent[step.name]
    if not step.selectors:
        return (value,)
    if not isinstance(value, list):
        return (value,) if all(_has(parent, selector) for selector in step.selectors) else ()
    for selector in step.selectors:
        if _INDEX.fullmatch(selector):
            index = int(selector)
            value = value[index:][:1] if index >= 0 else value[index:][: 1 if len(value) >= -index else 0]
        else:
            value = [element for element in value if _has(element, selector)]
    return value


def _has(element: Any, selector: str) -> bool:
    """Return whether an object has the value of `path=value`, ignoring case."""
    name, equals, text = selector.partition("=")
    if not equals or not isinstance(element, Mapping):
        return False
    return any(str(value).strip().casefold() == text.strip().casefold() for value in _flat([reach(element, name)]))
