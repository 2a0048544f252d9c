"""The cells of a line: text of CSV, or values of JSON, as what they are meant to be."""

import json
import re
from collections.abc import Mapping
from typing import Any

from service.history.importing.past import wrong

Fields = Mapping[str, Any]
_SEPARATORS = re.compile(r"[,;|\n]")
_UNFIT = re.compile(r"[\x00\ud800-\udfff]")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
MOST_LABELS = 64


def given(fields: Fields, name: str) -> Any:
    """Return a cell: None where it is empty, a tuple where different values came together in it."""
    value = fields.get(name)
    if isinstance(value, tuple):
        distinct = {str(one): one for one in value if not _is_empty(one)}
        return tuple(distinct.values()) if len(distinct) > 1 else next(iter(distinct.values()), None)
    return None if _is_empty(value) else value


def each(fields: Fields, name: str) -> tuple[Any, ...]:
    """Return all values of a cell."""
    value = given(fields, name)
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def text(fields: Fields, name: str, longest: int) -> str:
    """Return a text without the blanks around it, "" where there is none. Raises PayloadError."""
    value = given(fields, name)
    if value is None:
        return ""
    if isinstance(value, tuple):
        raise wrong(name, "has several different values, and only one can count; map that one to it with --map")
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
    return [word for value in each(fields, name) for word in _words(value, name)]


def _words(value: Any, name: str) -> list[str]:
    if isinstance(value, list):
        if not all(isinstance(one, str) for one in value):
            raise wrong(name, "should be a list of texts")
        return value
    return [word.strip() for word in _SEPARATORS.split(text({name: value}, name, 2000)) if word.strip()]


def labels(fields: Fields, name: str) -> dict[str, str]:
    """Return labels: an object of JSON, a list of objects, or NAME=VALUE with commas between. Raises PayloadError."""
    pairs = [pair for value in each(fields, name) for pair in _labels(value, name)]
    found = {_fit(key, name, 200): value for key, value in pairs if key and value}
    if len(found) > MOST_LABELS:
        raise wrong(name, f"has more than {MOST_LABELS} labels")
    return found


def _labels(value: Any, name: str) -> list[tuple[str, str]]:
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        value = _parsed(value, name)
    if isinstance(value, Mapping):
        return [(key, text(value, key, 4096)) for key in value]
    if isinstance(value, list):
        return [_label(one, name) for one in value]
    pairs = [word.partition("=") for word in _words(value, name)]
    if not all(key and equals for key, equals, _ in pairs):
        raise wrong(name, "should be NAME=VALUE, several with commas between")
    return [(key.strip(), said.strip()) for key, _, said in pairs]


def _label(value: Any, name: str) -> tuple[str, str]:
    """Read an element of a list of labels: a text, or an object with a name, and perhaps with a value.

    A name alone may be `name=value` or `name:value`; else the label is true, for the incident has it.
    """
    if isinstance(value, Mapping):
        key = _first_text(value, "key", "name")
        text_of_value = _first_text(value, "value", "label") if key else ""
        if text_of_value and text_of_value != key:
            return key, text_of_value
        value = key or _first_text(value, "label")
    if not isinstance(value, str) or not value:
        raise wrong(name, "should be a list of texts, or of objects with a name")
    key, _, said = value.partition("=" if "=" in value else ":")
    return key.strip(), said.strip(": ") or "true"


def _first_text(value: Fields, *names: str) -> str:
    """Return the first of these fields that is there; an object stands for its name."""
    for name in names:
        inner = value.get(name)
        if isinstance(inner, Mapping):
            inner = inner.get("name") or inner.get("value")
        if isinstance(inner, str | int) and not isinstance(inner, bool) and str(inner).strip():
            return text({name: inner}, name, 4096)
    return ""


def name_of(fields: Fields, name: str) -> str:
    """Return who somebody is: a name, or the `type` or name of an object that stands for them. Raises PayloadError."""
    value = given(fields, name)
    if isinstance(value, Mapping):
        return (_first_text(value, "type", "name", "display_value", "email", "id") or "person") if value else ""
    return text(fields, name, 200)


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
