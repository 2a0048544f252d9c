"""The dimensions on pages: a filter for each that incidents have values of, and what it selects."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from service.domain.breakdown import NO_VALUE, dimension_value
from service.store.breakdown import distinct_values
from service.web.services import Services

Arguments = MultiDict[str, str]
NONE = " "
"""Selects the incidents without a value: no value begins with a space, and an empty one means all incidents."""
MAX_CHOICES = 100
"""Of a dimension with more values, the value is typed."""


@dataclass(frozen=True, slots=True)
class DimensionFilter:
    """The filter of one dimension. `values` are to choose from, None if there are too many; `chosen`: "" means all."""

    label: str
    values: tuple[str, ...] | None
    chosen: str


@dataclass(frozen=True, slots=True)
class DimensionFilters:
    """The filters of a page."""

    fields: tuple[DimensionFilter, ...]

    @property
    def kept(self) -> dict[str, str]:
        """Return the parameters for links to other pages of a list."""
        return {field.label: field.chosen for field in self.fields}

    @property
    def selected(self) -> dict[str, str]:
        """Return the value of each filtered dimension, `NO_VALUE` for incidents without one."""
        chosen = {field.label: field.chosen for field in self.fields if field.chosen}
        return {label: NO_VALUE if value == NONE else value for label, value in chosen.items()}

    def cells(self, dimensions: Mapping[str, str]) -> Iterator[str]:
        """Yield the columns of an incident."""
        return (dimensions.get(field.label, NO_VALUE) for field in self.fields)


def dimension_filters(services: Services, arguments: Arguments) -> DimensionFilters:
    """Return the filters of the configured dimensions; none for one without values, unless the query names it."""
    return DimensionFilters(tuple(_filters(services, arguments)))


def _filters(services: Services, arguments: Arguments) -> Iterator[DimensionFilter]:
    for dimension in services.policy.breakdown:
        values = services.store.read(distinct_values, dimension.label, MAX_CHOICES + 1)
        text = arguments.get(dimension.label, "")
        chosen = NONE if text == NONE else dimension_value(text.replace("\0", ""))
        if values or chosen:
            offered = dict.fromkeys([*values, chosen] if chosen not in ("", NONE) else values)
            yield DimensionFilter(dimension.label, tuple(offered) if len(values) <= MAX_CHOICES else None, chosen)
