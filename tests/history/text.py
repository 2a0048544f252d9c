"""Reading OpenMetrics text with times, and holding it to what the format asks for.

prometheus_client's own parser takes no histogram of more than one instant; whether promtool reads it, tests/real shows.
"""

import re
from dataclasses import dataclass, field

_LINE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\]|\\.)*",?)*)\})? (\S+) (\d+)')
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


@dataclass
class Text:
    """Types by family; samples as (name, labels, instant, value) in the order of the text."""

    types: dict = field(default_factory=dict)
    samples: list = field(default_factory=list)
    family_of: dict = field(default_factory=dict)


def parsed(text):
    """Parse it; fails where a family or a series is in two pieces, or time goes back."""
    *lines, end = text.splitlines()
    assert end == "# EOF"
    whole, family, last = Text(), None, {}
    for line in lines:
        if line.startswith("#"):
            _, word, name, value_type = line.split(" ", 3)
            assert (word, name in whole.types) in (("HELP", False), ("TYPE", False)), line
            if word == "TYPE":
                family = name
                whole.types[name] = value_type
            continue
        match = _LINE.fullmatch(line)
        assert match, line
        name, labels, value, at = match.groups()
        pairs = [(key, re.sub(r"\\.", lambda m: _ESCAPES[m[0]], label)) for key, label in _LABEL.findall(labels or "")]
        assert name.startswith(family), line
        series = (name, *pairs)
        assert last.get(series, -1) < int(at), f"time goes back: {line}"
        last[series] = int(at)
        whole.family_of[name] = family
        whole.samples.append((name, dict(pairs), int(at), float(value)))
    _check_pieces(whole)
    return whole


def _check_pieces(whole):
    """Every point (labels without `le`) of a family has all of its samples together."""
    seen, current = set(), None
    for name, labels, _, _ in whole.samples:
        point = (whole.family_of[name], *((k, v) for k, v in labels.items() if k != "le"))
        if point != current:
            assert point not in seen, f"in two pieces: {point}"
            seen.add(point)
            current = point
