"""Filling in templates: ours, and those that teams bring. What somebody said is escaped wherever it comes out."""

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment


class BadTemplate(Exception):
    """The template cannot be filled in; the text says where and why."""


def compiled(template: str, escape: Callable[[Any], Any], filters: Mapping[str, Callable[..., Any]]) -> Template:
    """Return a template for `filled`; everything that comes out of it passes `escape`. Raises `BadTemplate`."""
    environment = SandboxedEnvironment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # not HTML; `escape` knows what it is
        finalize=escape,
    )
    environment.filters.update(filters)
    try:
        return environment.from_string(template)
    except TemplateError as error:
        raise _bad(error) from error


def filled(template: Template, **names: Any) -> str:
    """Fill it in; ends in exactly one line feed. Raises `BadTemplate`."""
    try:
        return template.render(**names).rstrip("\n") + "\n"
    except TemplateError as error:
        raise _bad(error) from error


def _bad(error: TemplateError) -> BadTemplate:
    line = getattr(error, "lineno", None)
    return BadTemplate(f"line {line}: {error.message}" if line else str(error.message))
