"""The dimensions by which incidents are broken down."""

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from service.domain.breakdown import Dimension
from service.settings.section import SettingsSection, problem_at
from service.settings.values import LabelName

LONGEST_LABEL = 40
MOST_DIMENSIONS = 5
QUERIES = frozenset(
    {
        *(
            "after",
            "all",
            "before",
            "by",
            "cursor",
            "file",
            "format",
            "from",
            "full",
            "incident",
            "lang",
            "limit",
            "open",
        ),
        *("outstanding", "page", "phase", "q", "query", "severity", "skip", "state", "to", "type", "window"),
    }
)
"""Parameters of pages and of the API, beside which a dimension is one too."""
LABELS = frozenset(["dimension", "domain", "indicator", "kind", "stage", "statistic", "title", "value"])
"""Names that stand for something else in metrics, rows and files."""


class DimensionSettings(SettingsSection):
    """A label by which incidents are broken down, and the number of its values that metrics name."""

    whole: ClassVar[bool] = True

    label: LabelName
    values: Annotated[int, Field(ge=1, le=1000)] = 20


def _valid(dimensions: tuple[DimensionSettings, ...]) -> tuple[DimensionSettings, ...]:
    labels: set[str] = set()
    for i, dimension in enumerate(dimensions):
        label = dimension.label
        if label in QUERIES:
            raise problem_at(f"{i}.label", "is a parameter of pages and of the API; rename the label", label)
        if label in LABELS or label.startswith("mttx_"):
            raise problem_at(f"{i}.label", "is a name of the metrics' own; rename the label", label)
        if len(label) > LONGEST_LABEL:
            raise problem_at(f"{i}.label", f"should have at most {LONGEST_LABEL} characters", label)
        if label.lower() in labels:
            raise problem_at(f"{i}.label", "is there twice", label)
        labels.add(label.lower())
    return dimensions


Breakdown = Annotated[tuple[DimensionSettings, ...], Field(max_length=MOST_DIMENSIONS), AfterValidator(_valid)]
BREAKDOWN = (DimensionSettings(label="team", values=20), DimensionSettings(label="service", values=50))


def dimensions_of(breakdown: tuple[DimensionSettings, ...]) -> tuple[Dimension, ...]:
    """Return the dimensions of the domain."""
    return tuple(Dimension(dimension.label, dimension.values) for dimension in breakdown)
