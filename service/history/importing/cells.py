"""The cells of a line, text of CSV or values of JSON, as typed values."""

import json
import re
from collections.abc import Mapping
from typing import Any

from service.history.importing.imported import column_error

Fields = Mapping[str, Any]
_SEPARATORS = re.compile(r"[,;|\n]")
_UNFIT = re.compile(r"[\x00\ud800-\udfff]")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
MAX_LABELS = 64


def cell(fields: Fields, name: str) -> Any:
    """Return a cell: None if it is empty, a tuple if it has several different values."""
    value = fields.get(name)
    if isinstance(value, tuple):
        distinct = {str(element): element for element in value if not _is_empty(element)}
        return tuple(distinct.values()) if len(distinct) > 1 else next(iter(distinct.values()), None)
    return None if _is_empty(value) else value


def each(fields: Fields, name: str) -> tuple[Any, ...]:
    """Return all values of a cell."""
    value = cell(fields, name)
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def text(fields: Fields, name: str, longest: int) -> str:
    """Return a text without surrounding blanks, "" for an empty cell. Raises PayloadError."""
    value = cell(fields, name)
    if value is None:
        return ""
    if isinstance(value, tuple):
        raise column_error(name, "has several different values; map the one that counts with --map")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise column_error(name, "should be text")
    return _checked(str(value).strip() if isinstance(value, str) else _digits(value, name), name, longest)


def _digits(value: int, name: str) -> str:
    if abs(value) >= 2**63:
        raise column_error(name, "is out of range")
    return str(value)


def _checked(content: str, name: str, longest: int) -> str:
    if len(content) > longest:
        raise column_error(name, f"is longer than {longest} characters")
    if _UNFIT.search(content):
        raise column_error(name, "has a character that databases cannot store in text")
    return content


def words(fields: Fields, name: str) -> list[str]:
    """Return a list: of JSON, or of a cell separated by commas, semicolons or bars. Raises PayloadError."""
    return [word for value in each(fields, name) for word in _words(value, name)]


def _words(value: Any, name: str) -> list[str]:
    if isinstance(value, list):
        if not all(isinstance(element, str) for element in value):
            raise column_error(name, "should be a list of strings")
        return value
    return [word.strip() for word in _SEPARATORS.split(text({name: value}, name, 2000)) if word.strip()]


def labels(fields: Fields, name: str) -> dict[str, str]:
    """Return labels: an object of JSON, a list of objects, or NAME=VALUE separated by commas. Raises PayloadError."""
    pairs = [pair for value in each(fields, name) for pair in _labels(value, name)]
    by_name = {_checked(key, name, 200): value for key, value in pairs if key and value}
    if len(by_name) > MAX_LABELS:
        raise column_error(name, f"has more than {MAX_LABELS} labels")
    return by_name


def _labels(value: Any, name: str) -> list[tuple[str, str]]:
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        value = _parsed(value, name)
    if isinstance(value, Mapping):
        return [(key, text(value, key, 4096)) for key in value]
    if isinstance(value, list):
        return [_label(element, name) for element in value]
    pairs = [word.partition("=") for word in _words(value, name)]
    if not all(key and equals for key, equals, _ in pairs):
        raise column_error(name, "should be NAME=VALUE, separated by commas")
    return [(key.strip(), content.strip()) for key, _, content in pairs]


def _label(value: Any, name: str) -> tuple[str, str]:
    """Read an element of a list of labels: a text, or an object with a name, and perhaps with a value.

    A name alone may be `name=value` or `name:value`; otherwise the label has the value `true`.
    """
    if isinstance(value, Mapping):
        key = _first_text(value, "key", "name")
        text_of_value = _first_text(value, "value", "label") if key else ""
        if text_of_value and text_of_value != key:
            return key, text_of_value
        value = key or _first_text(value, "label")
    if not isinstance(value, str) or not value:
        raise column_error(name, "should be a list of strings, or of objects with a name")
    key, _, content = value.partition("=" if "=" in value else ":")
    return key.strip(), content.strip(": ") or "true"


def _first_text(value: Fields, *names: str) -> str:
    """Return the first of these fields that is not empty; an object stands for its name."""
    for name in names:
        inner = value.get(name)
        if isinstance(inner, Mapping):
            inner = inner.get("name") or inner.get("value")
        if isinstance(inner, str | int) and not isinstance(inner, bool) and str(inner).strip():
            return text({name: inner}, name, 4096)
    return ""


def name_of(fields: Fields, name: str) -> str:
    """Return a name, or the `type` or name of an object that describes a person. Raises PayloadError."""
    value = cell(fields, name)
    if isinstance(value, Mapping):
        return (_first_text(value, "type", "name", "display_value", "email", "id") or "person") if value else ""
    return text(fields, name, 200)


def objects(fields: Fields, name: str) -> list[dict[str, Any]]:
    """Return an array of JSON objects, which may be JSON text in a cell. Raises PayloadError."""
    value = cell(fields, name)
    if isinstance(value, str):
        value = _parsed(value, name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(element, dict) for element in value):
        raise column_error(name, "should be a JSON array of objects")
    return value


def truth(fields: Fields, name: str) -> bool | None:
    """Return true or false, None for an empty cell. Raises PayloadError."""
    value = cell(fields, name)
    if value is None or isinstance(value, bool):
        return value
    boolean = _TRUTH.get(text(fields, name, 20).lower())
    if boolean is None:
        raise column_error(name, "should be true or false")
    return boolean


def _parsed(content: str, name: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise column_error(name, "is not valid JSON") from None
