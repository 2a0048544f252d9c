"""The trends: each indicator over the last months or weeks, as charts with their tables, and all of it as CSV."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Request, Response

from service.domain.indicators import Row
from service.domain.periods import Calendar, latest_periods
from service.domain.policy import Indicator, Severity, Statistic
from service.render.chart import BOTTOM, HEIGHT, LEFT, RIGHT, WIDTH, Chart, chart
from service.render.spreadsheets import Cell, csv_text
from service.web.pages.dimensions import dimension_filters
from service.web.pages.period_tables import PeriodRows, PeriodTables
from service.web.pages.renderer import PageRenderer
from service.web.services import Services
from service.web.spreadsheets import csv_response

PERIODS: Mapping[Calendar, int] = {Calendar.MONTH: 12, Calendar.WEEK: 26}
SHOWN = (Statistic.P50, Statistic.P95)
COLUMNS = (
    *("period", "begins_at", "ends_at", "goes_on", "indicator", "severity", "incidents", "p50_seconds", "p95_seconds"),
    *("mean_seconds", "max_seconds", "within_target_ratio", "target_statistic", "target_seconds"),
)


@dataclass(frozen=True, slots=True)
class Trend:
    """An indicator over the periods: one row each, None without a sample."""

    indicator: Indicator
    rows: Sequence[Row | None]
    chart: Chart


def show(services: Services, renderer: PageRenderer, request: Request, tables: PeriodTables) -> Response:
    """Return the page, or the CSV with all severities."""
    now = services.clock()
    calendar = Calendar.WEEK if request.args.get("by") == "week" else Calendar.MONTH
    severity = next((s for s in Severity if s.value == request.args.get("severity")), None)
    filters = dimension_filters(services, request.args)
    periods = latest_periods(calendar, PERIODS[calendar], now, services.zone)
    trends = tables.of(periods, filters.selected, now)
    trends = trends[next((i for i, of_period in enumerate(trends) if of_period.rows), len(trends) - 1) :]
    if request.args.get("format") == "csv":
        rows = [line for of_period in trends for line in _lines(of_period, of_period.period.goes_on(now))]
        return csv_response(f"mttx-trends-{calendar.value}", csv_text(COLUMNS, rows))
    return renderer.render(
        request,
        "trends",
        now,
        periods=[of_period.period for of_period in trends],
        trends=[trend for indicator in Indicator if (trend := _trend(indicator, severity, trends))],
        calendar=calendar.value,
        severity_shown=severity and severity.value,
        severities=[s.value for s in Severity],
        dimensions=filters,
        size=(WIDTH, HEIGHT),
        area=(LEFT, RIGHT, BOTTOM),
    )


def _trend(indicator: Indicator, severity: Severity | None, trends: Sequence[PeriodRows]) -> Trend | None:
    """Return the trend of an indicator, None without a single sample."""
    rows = [_row(of_period.rows, indicator, severity) for of_period in trends]
    target = next((row.target for row in reversed(rows) if row and row.target), None)
    series = [[row.summary.statistics[statistic] if row else None for row in rows] for statistic in SHOWN]
    drawn = chart(series, target.limit.total_seconds() if target else None)
    return None if drawn.is_empty else Trend(indicator, rows, drawn)


def _row(rows: Sequence[Row], indicator: Indicator, severity: Severity | None) -> Row | None:
    return next((r for r in rows if r.indicator is indicator and r.severity is severity), None)


def _lines(trend: PeriodRows, goes_on: bool) -> list[list[Cell]]:
    period = trend.period
    return [
        [
            *(period.name, period.begins_at, period.ends_at, "yes" if goes_on else "no"),
            *(row.indicator.value, row.severity.value if row.severity else "all", row.summary.incidents),
            *(row.summary.statistics.get(s) for s in (*SHOWN, Statistic.MEAN, Statistic.MAX)),
            row.within_target_ratio,
            row.target.statistic.value if row.target else None,
            row.target.limit.total_seconds() if row.target else None,
        ]
        for row in trend.rows
    ]
