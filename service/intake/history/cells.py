"""The cells of a line: text of CSV, or values of JSON, as what they are meant to be."""

import json
import re
from collections.abc import Mapping
from typing import Any

from service.intake.history.past import wrong

Fields = Mapping[str, Any]
_SEPARATORS = re.compile(r"[,;|\n]")
_UNFIT = re.compile(r"[\x00\ud800-\udfff]")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
MOST_LABELS = 64


def given(fields: Fields, name: str) -> Any:
    """Return a cell, None where it is empty."""
    value = fields.get(name)
    return None if value is None or (isinstance(value, str) and not value.strip()) else value


def reach(fields: Fields, path: str) -> Any:
    """Return the cell of a name, or what a path with dots leads to; None where it leads nowhere."""
    if path in fields:
        return fields[path]
    found: Any = fields
    for part in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def text(fields: Fields, name: str, longest: int) -> str:
    """Return a text without the blanks around it, "" where there is none. Raises PayloadError."""
    value = given(fields, name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise wrong(name, "should be text")
    return _fit(str(value).strip() if isinstance(value, str) else _digits(value, name), name, longest)


def _digits(value: int, name: str) -> str:
    if abs(value) >= 2**63:
        raise wrong(name, "is a number that is out of range")
    return str(value)


def _fit(said: str, name: str, longest: int) -> str:
    if len(said) > longest:
        raise wrong(name, f"is longer than {longest} characters")
    if _UNFIT.search(said):
        raise wrong(name, "has a character that no database keeps in text")
    return said


def words(fields: Fields, name: str) -> list[str]:
    """Return a list: of JSON, or of a cell with commas, semicolons or bars between. Raises PayloadError."""
    value = given(fields, name)
    if isinstance(value, list):
        if not all(isinstance(one, str) for one in value):
            raise wrong(name, "should be a list of texts")
        return value
    return [word.strip() for word in _SEPARATORS.split(text(fields, name, 2000)) if word.strip()]


def labels(fields: Fields, name: str) -> dict[str, str]:
    """Return labels: an object of JSON, or NAME=VALUE with commas between. Raises PayloadError."""
    value = given(fields, name)
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = _parsed(value, name)
    if isinstance(value, Mapping):
        found = {key: text(value, key, 4096) for key in value}
    else:
        pairs = [word.partition("=") for word in words(fields, name)]
        if not all(key and equals for key, equals, _ in pairs):
            raise wrong(name, "should be NAME=VALUE, several with commas between")
        found = {key.strip(): said.strip() for key, _, said in pairs}
    if len(found) > MOST_LABELS:
        raise wrong(name, f"has more than {MOST_LABELS} labels")
    return {_fit(key, name, 200): said for key, said in found.items() if key and said}


def objects(fields: Fields, name: str) -> list[dict[str, Any]]:
    """Return an array of JSON objects, also one that is written in a cell. Raises PayloadError."""
    value = given(fields, name)
    if isinstance(value, str):
        value = _parsed(value, name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise wrong(name, "should be a JSON array of objects")
    return value


def truth(fields: Fields, name: str) -> bool | None:
    """Return true or false, None where nothing is said. Raises PayloadError."""
    value = given(fields, name)
    if value is None or isinstance(value, bool):
        return value
    said = _TRUTH.get(text(fields, name, 20).lower())
    if said is None:
        raise wrong(name, "should be true or false")
    return said


def _parsed(written: str, name: str) -> Any:
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        raise wrong(name, "is no valid JSON") from None
