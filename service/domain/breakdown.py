"""Breaking incidents down by dimensions: labels such as `team`, of which every incident has at most one value.

`service.domain.description` says which value an incident has; here values are bounded and counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

LONGEST_VALUE = 120
"""Characters of a value; a longer one is cut, and keeps apart by a hash."""
OTHER = "other"
"""Where the values that are not named are counted together, and an incident whose value is literally this."""
NO_VALUE = ""


@dataclass(frozen=True, slots=True)
class Dimension:
    """A label to break incidents down by, and how many of its values are named in metrics."""

    label: str
    values: int


@dataclass(frozen=True, slots=True)
class NamedValues:
    """The values of one dimension that are named; `folded` others count as `OTHER`."""

    names: tuple[str, ...]
    folded: int

    def name_of(self, value: str) -> str:
        """Return under which name a value counts; an incident without a value keeps `NO_VALUE`."""
        return value if value in self.names or value == NO_VALUE else OTHER


def dimension_value(text: str) -> str:
    """Return a label's value on one line, of at most `LONGEST_VALUE` characters."""
    value = text if text.isprintable() and text == text.strip() else " ".join(_printable(text).split())
    if len(value) <= LONGEST_VALUE:
        return value
    digest = sha256(value.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{value[: LONGEST_VALUE - len(digest) - 1]}…{digest}"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def named_values(incidents: Mapping[str, int], dimension: Dimension) -> NamedValues:
    """Return the most frequent values by their numbers of incidents, ties by value; `OTHER` is never named."""
    values = [value for value in incidents if value != NO_VALUE]
    ordered = sorted((v for v in values if v != OTHER), key=lambda v: (-incidents[v], v))
    names = tuple(ordered[: dimension.values])
    return NamedValues(names, len(values) - len(names))
