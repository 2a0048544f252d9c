"""Strict YAML: duplicate keys are errors and `10:00` is a string. No error quotes the text."""

from collections.abc import Hashable
from typing import Any

import yaml

_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class NotYaml(ValueError):
    """The text is not valid YAML; says where, but never quotes the text: it may be a secret."""


class _Loader(yaml.SafeLoader):
    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """Keep `10:00` a string: YAML 1.1 reads it as 600."""
        tag = str(super().resolve(kind, value, implicit))  # type: ignore[no-untyped-call]  # the stubs leave it out
        return "tag:yaml.org,2002:str" if tag in _NUMBERS and ":" in value else tag

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse duplicate keys, of which PyYAML would use the last."""
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"the duplicate key {key.value}", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def parse_yaml(text: str) -> Any:
    """Parse one YAML document; an empty one is None. Raises NotYaml."""
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise NotYaml(f"should be YAML, but has {error.problem or 'an error'}{where}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise NotYaml("should be YAML") from None


def write_yaml(value: Any) -> str:
    """Format a value on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False)
    return text.removesuffix("...\n").strip(" \n")
