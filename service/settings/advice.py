"""From the errors of pydantic to problems: the path of the key, its value, and what would be right."""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from service import companions
from service.settings.errors import Problem, shown
from service.settings.table import PREFIX, keys_at, rows

_RIGHT = {
    "missing": "is required",
    "string_type": "should be a string; put it in quotes",
    "int_parsing": "should be a whole number",
    "int_type": "should be a whole number",
    "int_from_float": "should be a whole number",
    "bool_parsing": "should be true or false",
    "bool_type": "should be true or false",
    "path_type": "should be the path of a file",
    "tuple_type": "should be a list, such as [a, b]",
    "dict_type": "should be keys and values",
    "mapping_type": "should be keys and values",
    "model_type": "should be keys and values",
    "pattern_regex": "should be a regular expression",
    "pattern_type": "should be a regular expression",
}


def path_of(details: ErrorDetails) -> list[str]:
    """Return the path of the key that is invalid; a validator of several keys names one below its own."""
    key = details.get("ctx", {}).get("key")
    return [str(part) for part in (*details["loc"], *(key.split(".") if key else ())) if part != "[key]"]


def problems_of(error: ValidationError, model: type[BaseModel], origins: Mapping[str, str]) -> Iterator[Problem]:
    """Yield what is wrong, without the values of secrets. `origins`: where each key is set."""
    secrets = {row.key for row in rows(model) if row.secret}
    for details in error.errors():
        context = details.get("ctx", {})
        key = ".".join(path_of(details))
        value = context.get("value", details["input"])
        is_key = details["type"] == "extra_forbidden" or details["loc"][-1:] == ("[key]",)
        is_secret = key in secrets or (key.startswith("sources.") and key.endswith(".secrets"))
        hidden = is_key or is_secret or context.get("value", "") is None
        origin = origins.get(key, "")
        name = f"{key} ({origin})" if origin.startswith(PREFIX) else key
        yield Problem(name, _advice(details, model), None if hidden else shown(value))


def _advice(details: ErrorDetails, model: type[BaseModel]) -> str:
    context = details.get("ctx", {})
    match details["type"]:
        case "extra_forbidden":
            return unknown(str(details["loc"][-1]), keys_at(model, [str(part) for part in details["loc"][:-1]]), "key")
        case "value_error":
            return str(context["error"])
        case "literal_error" | "enum":
            values = re.findall(r"'([^']*)'", context["expected"])
            if details["type"] == "enum" and details["loc"][-1] == "[key]":
                return unknown(str(details["input"]), values, "key")
            return f"should be {' or '.join((', '.join(values[:-1]), values[-1]))}"
        case "greater_than_equal" | "less_than_equal":
            low_or_high = "at least" if details["type"] == "greater_than_equal" else "at most"
            return f"should be {low_or_high} {context.get('ge', context.get('le'))}"
        case "string_pattern_mismatch":
            return f"should match {context['pattern']}"
        case kind:
            return _RIGHT.get(kind, details["msg"])


def unknown(name: str, names: Iterable[str], what: str) -> str:
    """Return the advice for the name of a key or a variable that does not exist."""
    section = name.removeprefix(PREFIX).lower().partition("_")[0]
    if section in companions.COMPANIONS and not companions.is_installed(section):
        return f"belongs to the companion {section}, which is not installed"
    by_ending = {name.removeprefix(PREFIX): name for name in names}  # the common prefix would make all similar
    near = get_close_matches(name.removeprefix(PREFIX), by_ending, n=1)
    if near:
        return f"unknown {what}; did you mean {by_ending[near[0]]}?"
    return f"unknown {what}" + (f"; known are {', '.join(by_ending)}" if len(by_ending) < 20 else "")
