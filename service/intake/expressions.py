"""The expressions of declared sources: a part of JMESPath that ends, and makes nothing larger than what it is given.

An expression selects from a body, compares and joins; it has no loops, and what would multiply (flattening, objects,
functions of functions) is left out. The steps of all expressions for one body are counted together.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions, signature
from jmespath.visitor import Options, TreeInterpreter

LONGEST_EXPRESSION = 500
"""Characters of one expression."""
DEEPEST = 30
MAX_STEPS = 20_000
"""Steps for one body: about 50 ms."""
LONGEST_JOINED = 10_000
_NODES = frozenset(
    {
        "and_expression",
        "comparator",
        "current",
        "field",
        "filter_projection",
        "function_expression",
        "identity",
        "index",
        "index_expression",
        "literal",
        "not_expression",
        "or_expression",
        "pipe",
        "projection",
        "subexpression",
    }
)
FUNCTIONS = (
    "contains",
    "ends_with",
    "join",
    "keys",
    "length",
    "lower",
    "not_null",
    "starts_with",
    "to_number",
    "to_string",
    "type",
)
_JOIN = "join"
_EMPTY: tuple[Any, ...] = ("", [], {})


class BadExpression(ValueError):
    """The expression cannot work; the text says why."""


class TooExpensive(Exception):
    """The expressions took more than `MAX_STEPS` for one body."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression, parsed and checked."""

    text: str
    tree: Any


class _Functions(Functions):
    @signature({"types": ["string"]}, {"types": ["array-string"]})
    def _func_join(self, separator: str, texts: list[str]) -> str:
        if sum(map(len, texts)) + len(texts) * len(separator) > LONGEST_JOINED:
            raise TooExpensive
        return separator.join(texts)

    @signature({"types": ["string"]})
    def _func_lower(self, text: str) -> str:
        return text.lower()


_TABLE: Mapping[str, Mapping[str, Any]] = _Functions.FUNCTION_TABLE


def expression(text: str) -> Expression:
    """Parse an expression. Raises BadExpression for what is no JMESPath, or not of the part that is understood here."""
    if len(text) > LONGEST_EXPRESSION:
        raise BadExpression(f"is longer than {LONGEST_EXPRESSION} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PendingDeprecationWarning)
            tree: Any = jmespath.compile(text).parsed
    except PendingDeprecationWarning:
        raise BadExpression("has a literal that is not JSON: texts are in single quotes") from None
    except (JMESPathError, ValueError) as error:
        raise BadExpression(f"is not JMESPath: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise BadExpression("is nested too deeply") from None
    _check(tree, 0)
    return Expression(text, tree)


def _check(node: Any, depth: int) -> None:
    kind, name, children = node["type"], node.get("value"), node["children"]
    if depth > DEEPEST:
        raise BadExpression("is nested too deeply")
    if kind not in _NODES:
        raise BadExpression(f"uses what declarations do not have ({kind.replace('_', ' ')})")
    if kind == "subexpression" and children[0]["type"] == "not_expression":
        raise BadExpression("selects a part of a truth value; it means !(a.b), not !a.b")
    if kind == "function_expression":
        _check_call(name, len(children))
    for index, child in enumerate(children):
        is_joined = name == _JOIN and index == 1 and child["type"] == "multi_select_list"
        for part in child["children"] if is_joined else [child]:
            _check(part, depth + 1)


def _check_call(name: str, count: int) -> None:
    if name not in FUNCTIONS:
        raise BadExpression(f"calls {name}(); known are {', '.join(FUNCTIONS)}")
    expected = _TABLE[name]["signature"]
    variadic = bool(expected[-1].get("variadic"))
    if count < len(expected) or (count > len(expected) and not variadic):
        more = " or more" if variadic else ""
        raise BadExpression(f"calls {name}() with {count} arguments; it takes {len(expected)}{more}")


class Evaluation(TreeInterpreter):
    """Evaluates expressions on one body."""

    def __init__(self, body: Any) -> None:
        super().__init__(Options(custom_functions=_Functions()))
        self._body = body
        self._steps = 0

    def narrow(self, part: Expression) -> None:
        """Evaluate all that follows on the part of the body that an expression selects. Raises TooExpensive."""
        self._body = self.value(part)

    def value(self, expression: Expression) -> Any:
        """Return what the expression selects; None for nothing, and if a type does not fit. Raises TooExpensive."""
        try:
            return self.visit(expression.tree, self._body)
        except (JMESPathError, TypeError, ValueError, OverflowError):
            return None

    def holds(self, condition: Expression | None) -> bool:
        """Return whether a condition is true as JMESPath understands it; without one it is. Raises TooExpensive."""
        if condition is None:
            return True
        value = self.value(condition)
        return value is not None and value is not False and value not in _EMPTY

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        """Visit one node of an expression."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise TooExpensive
        return super().visit(node, *args, **kwargs)
