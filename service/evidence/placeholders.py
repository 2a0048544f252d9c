"""Queries with an incident's labels put in, each written so that it stays what it was: a text."""

import re
from collections.abc import Callable, Mapping

from service.evidence.source import SourceFailed

_LABEL = re.compile(r"\{\{\s*\$labels\.([a-zA-Z_][a-zA-Z0-9_]*)\s*\}\}")


def filled(template: str, labels: Mapping[str, str], inside_quotes: Callable[[str], str]) -> str:
    """Put labels in the place of `{{ $labels.NAME }}`. Raises SourceFailed where the incident lacks one.

    `inside_quotes` writes a text as it has to be between the quotes of the query's language.
    """
    missing = sorted({name for name in _LABEL.findall(template) if name not in labels})
    if missing:
        raise SourceFailed(f"the incident has no label {', '.join(missing)}, which the query asks for")
    return _LABEL.sub(lambda match: inside_quotes(labels[match[1]]), template)
