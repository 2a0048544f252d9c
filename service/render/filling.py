"""Filling in templates: ours, and those that teams bring. What somebody said is escaped wherever it comes out."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from jinja2 import DictLoader, StrictUndefined, Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment


class BadTemplate(Exception):
    """The template cannot be filled in; the text says where and why."""


Filters = Mapping[str, Callable[..., Any]]
_WRONG = (TemplateError, TypeError, ValueError, AttributeError, LookupError, ArithmeticError)
"""What a template can do wrong: besides what Jinja finds, whatever an expression in it does."""


def compiled(
    template: str,
    escape: Callable[[Any], Any],
    filters: Filters,
    name: str = "",
    parents: Mapping[str, str] = MappingProxyType({}),
) -> Template:
    """Return a template for `filled`; everything that comes out of it passes `escape`. It may extend its `parents`.

    Raises `BadTemplate`, which tells the `name`.
    """
    environment = SandboxedEnvironment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # not HTML; `escape` knows what it is
        finalize=escape,
        loader=DictLoader(parents),
    )
    environment.filters.update(filters)
    try:
        made = environment.from_string(template)
    except TemplateError as error:
        raise _bad(error, name) from error
    made.name = name
    return made


def filled(template: Template, **names: Any) -> str:
    """Fill it in; ends in exactly one line feed. Raises `BadTemplate`."""
    try:
        return template.render(**names).rstrip("\n") + "\n"
    except _WRONG as error:
        raise _bad(error, template.name or "") from error


def _bad(error: Exception, name: str) -> BadTemplate:
    line = getattr(error, "lineno", None)
    where = ", ".join(part for part in (name, f"line {line}" if line else "") if part)
    said = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
    return BadTemplate(f"{where}: {said}" if where else str(said))
