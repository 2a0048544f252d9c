"""The keys of a model as one flat table, for the names of variables, the documentation and `mttx config show`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import EnumType
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

from service.settings.section import is_section

PREFIX = "MTTX_"


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One key. `structured`: a list or a mapping, written as YAML in the environment."""

    path: tuple[str, ...]
    description: str
    structured: bool
    nullable: bool
    secret: bool

    @property
    def key(self) -> str:
        """The dotted key, such as `log.level`."""
        return ".".join(self.path)

    @property
    def env(self) -> str:
        """The environment variable that sets it, such as `MTTX_LOG_LEVEL`."""
        return PREFIX + "_".join(self.path).replace("-", "_").upper()


def rows(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[SettingRow]:
    """Yield every key of a model, in order."""
    for name, field in model.model_fields.items():
        yield from _rows(field.annotation, (*above, field.alias or name), field.description or "")


def _rows(annotation: Any, path: tuple[str, ...], description: str) -> Iterator[SettingRow]:
    """Yield the keys of a section, or of a mapping with the values of an enumeration as keys, else the key itself."""
    if is_section(annotation) and not annotation.whole:
        yield from rows(annotation, path)
    elif get_origin(annotation) is Mapping and isinstance(get_args(annotation)[0], EnumType):
        keys, values = get_args(annotation)
        for key in keys:
            yield from _rows(values, (*path, str(key)), description)
    else:
        kinds = set(_kinds(annotation))
        structured = any(isinstance(kind, type) and issubclass(kind, _STRUCTURES) for kind in kinds)
        yield SettingRow(path, description, structured, type(None) in kinds, SecretStr in kinds)


_STRUCTURES = (BaseModel, list, tuple, Mapping)


def _kinds(annotation: Any) -> Iterator[Any]:
    """Yield the plain types that a field may hold, without their parameters."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for alternative in get_args(annotation):
            yield from _kinds(alternative)
    else:
        yield origin or annotation


def keys_at(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    """Return the keys of the section at a path."""
    parts = iter(path)
    for part in parts:
        if not part.isdigit():  # the number of an entry in a list of sections
            held = next(f.annotation for name, f in model.model_fields.items() if part == (f.alias or name))
            if get_origin(held) is dict:
                next(parts, None)  # the name of an entry in a mapping of sections
            model = next(kind for argument in (held, *get_args(held)) for kind in _kinds(argument) if is_section(kind))
    return [field.alias or name for name, field in model.model_fields.items()]


def value_at(tree: Mapping[str, Any], path: Sequence[str]) -> Any:
    """Return the value at a path of a dumped model."""
    value: Any = tree
    for key in path:
        value = value[key]
    return value


def dumped(settings: BaseModel) -> dict[str, Any]:
    """Return the values in the form of the configuration file, from which they can be read again. Masks secrets."""
    tree = settings.model_dump(mode="json", by_alias=True)
    defaults = type(settings)().model_dump(mode="json", by_alias=True)
    for row in rows(type(settings)):
        if row.structured:
            parent = value_at(tree, row.path[:-1])
            value = _without_nulls(parent[row.path[-1]])
            parent[row.path[-1]] = _with_removals(value, _without_nulls(value_at(defaults, row.path)))
    return tree


def _without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _without_nulls(entry) for key, entry in value.items()}
    return {key: entry for key, entry in inner.items() if entry is not None and (entry != {} or value[key] == {})}


def _with_removals(value: Any, default: Any) -> Any:
    """Add null for each entry of the default that was removed: without it the default would apply again."""
    if not isinstance(value, dict) or not isinstance(default, dict):
        return value
    kept = {key: _with_removals(entry, default.get(key)) for key, entry in value.items()}
    return kept | dict.fromkeys(key for key in default if key not in value)
