"""Compiling and rendering templates: the bundled ones, and those of teams. All values are escaped."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from jinja2 import DictLoader, StrictUndefined, Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment


class BadTemplate(Exception):
    """The template cannot be rendered; the text says where and why."""


Filters = Mapping[str, Callable[..., Any]]
_WRONG = (TemplateError, TypeError, ValueError, AttributeError, LookupError, ArithmeticError)
"""What a template can raise: besides Jinja's errors, whatever an expression in it does."""


def compile_template(
    template: str,
    escape: Callable[[Any], Any],
    filters: Filters,
    name: str = "",
    parents: Mapping[str, str] = MappingProxyType({}),
) -> Template:
    """Return a template for `render_template`; all its output passes through `escape`. It may extend its `parents`.

    Raises `BadTemplate`, which contains the `name`.
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
        compiled = environment.from_string(template)
    except TemplateError as error:
        raise _error(error, name) from error
    compiled.name = name
    return compiled


def render_template(template: Template, **names: Any) -> str:
    """Render it; the text ends in exactly one line feed. Raises `BadTemplate`."""
    try:
        return template.render(**names).rstrip("\n") + "\n"
    except _WRONG as error:
        raise _error(error, template.name or "") from error


def _error(error: Exception, name: str) -> BadTemplate:
    line = getattr(error, "lineno", None)
    position = ", ".join(part for part in (name, f"line {line}" if line else "") if part)
    message = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
    return BadTemplate(f"{position}: {message}" if position else str(message))
