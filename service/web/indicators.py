"""The indicators over the API: of a configured window or of any period, of all incidents or by a dimension."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from flask import Blueprint, Response, request
from pydantic import BaseModel, ConfigDict, Field

from service.domain.indicators import Row
from service.domain.periods import Period
from service.intake.reasons import Failure
from service.intake.wire import PayloadError
from service.store.recent import Selection
from service.store.types import MICROSECOND
from service.web.auth import authorize
from service.web.indicator_schemas import IndicatorRow, indicator_row
from service.web.query import dimensions_of, instant_of, parsed
from service.web.responses import json_response
from service.web.services import Services

DEFAULT_WINDOW = "30d"


class IndicatorQuery(BaseModel):
    """The query of the indicators: one of the configured windows, or a period of detection.

    `from` is part of the period and `to` is not; either is a time, or a date that means the start of that day in the
    display zone. `by` is a configured dimension. A configured dimension is a parameter too: `team=payments`.
    """

    model_config = ConfigDict(extra="forbid")

    window: str | None = Field(None, description=f"Default without a period: {DEFAULT_WINDOW}")
    from_: str | None = Field(None, alias="from")
    to: str | None = None
    by: str | None = None


class IndicatorTable(BaseModel):
    """The indicators over one window or period; `dimension` is what they are broken down by."""

    window: str | None
    from_: datetime | None = Field(serialization_alias="from")
    to: datetime | None
    dimension: str | None
    indicators: list[IndicatorRow]


def add_routes(bp: Blueprint, services: Services) -> None:
    """Add the route of the indicators."""

    @bp.get("/api/v1/indicators", strict_slashes=False)
    def show_indicators() -> Response:
        authorize(request, services.tokens, "read")
        dimensions, now = dimensions_of(request, services.policy), services.clock()
        query = parsed(request, IndicatorQuery, besides=dimensions)
        by = _checked_dimension(query.by, services)
        if query.from_ is None and query.to is None:
            window = DEFAULT_WINDOW if query.window is None else query.window
            if window not in services.windows:
                raise _invalid("window: is none of the configured `windows`")
            selection = Selection(since=now - services.windows[window], dimensions=dimensions)
            plain = not dimensions
            rows = _of_window(services, window, by, now) if plain else _of_selection(services, selection, by, now)
            return json_response(IndicatorTable(window=window, from_=None, to=None, dimension=by, indicators=rows))
        if query.window is not None:
            raise _invalid("window: give either a window or a period")
        since = instant_of("from", query.from_, services.zone)
        until = instant_of("to", query.to, services.zone)
        if since is None:
            raise _invalid("from: is missing; a period needs its beginning")
        if until is not None and until <= since:
            raise _invalid("to: is not after from")
        selection = Selection(since=since - MICROSECOND, until=until, dimensions=dimensions)
        rows = _of_selection(services, selection, by, now)
        return json_response(IndicatorTable(window=None, from_=since, to=until, dimension=by, indicators=rows))


def selection_of(period: Period, dimensions: Mapping[str, str]) -> Selection:
    """Return the incidents detected in a period, as the API selects them by `from` and `to`."""
    return Selection(since=period.begins_at - MICROSECOND, until=period.ends_at, dimensions=dimensions)


def _of_window(services: Services, window: str, by: str | None, now: datetime) -> list[IndicatorRow]:
    """Return the numbers of the metrics."""
    if by is None:
        return _schemas(None, None, services.indicators(window, now) or ())
    breakdown = services.breakdowns(now).get(by)
    if breakdown is None:
        return _of_selection(services, Selection(since=now - services.windows[window]), by, now)
    return [row for value, group in breakdown.groups.items() for row in _schemas(by, value, group.tables[window])]


def _of_selection(services: Services, selection: Selection, by: str | None, now: datetime) -> list[IndicatorRow]:
    tables = services.select(replace(selection, labels=[by] if by else [], compared=not by), now)
    return [row for value, rows in tables.items() for row in _schemas(by, value if by else None, rows)]


def _schemas(dimension: str | None, value: str | None, rows: Iterable[Row]) -> list[IndicatorRow]:
    return [indicator_row(row, dimension, value) for row in rows]


def _checked_dimension(by: str | None, services: Services) -> str | None:
    labels: Sequence[str] = [dimension.label for dimension in services.policy.breakdown]
    if by is not None and by not in labels:
        raise _invalid(f"by: is none of the configured dimensions ({', '.join(labels) or 'there are none'})")
    return by


def _invalid(detail: str) -> PayloadError:
    return PayloadError(Failure.INVALID_PAYLOAD, detail)
