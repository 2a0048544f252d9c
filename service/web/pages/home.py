"""The home page: targets, open incidents with their clocks, what is outstanding, and alerts that need a rule."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import Request, Response

from service.domain.clocks import Due, due_next, urgency
from service.domain.indicators import Row
from service.domain.severity_rules import NO_SEVERITY
from service.intake.sources import BY_PEOPLE
from service.store.bodies import last_received
from service.store.histories import histories_of
from service.store.incidents import IncidentFilter, IncidentRow, incident_page
from service.store.notices import notices_since
from service.store.overview import overdue_counts, overview_of
from service.store.recent import Selection
from service.web.pages import targets
from service.web.pages.dimensions import DimensionFilters, dimension_filters
from service.web.pages.renderer import PageRenderer
from service.web.services import Services

SOON = timedelta(days=2)
MAX_ROWS = 12
MAX_CARDS = 12
"""Beyond so many open incidents, a table shows them."""
MAX_OPEN = 200
MAX_CLOCKS = 3
MAX_SEVERITIES = 8
NOTICED = timedelta(days=7)
"""How long alerts with an unmapped severity are shown."""
TESTED = timedelta(days=1)
"""How long a received test is shown."""
SILENT = timedelta(days=1)
"""After so long without a webhook, the page says that silence may also be a broken connection."""
RECEIVER = """\
receivers:
  - name: mttx
    webhook_configs:
      - url: "{url}webhooks/alertmanager"{auth}"""
AUTH = """
        http_config: {authorization: {credentials: TOKEN}}"""


def show(services: Services, renderer: PageRenderer, request: Request) -> Response:
    """Return the home page."""
    now, policy = services.clock(), services.policy
    asked = request.args.get("window", "")
    window = asked if asked in services.windows else targets.default_window(services.windows)
    filters = dimension_filters(services, request.args)
    board = services.store.read(overview_of, policy, now + SOON, MAX_ROWS, MAX_OPEN, dimensions=filters.selected)
    due = _due(services, board.open)
    indicators = _indicators(services, filters) if filters.selected else services.indicators
    target_states = targets.target_states(policy, indicators, window, now)
    return renderer.render(
        request,
        "home",
        now,
        board=board,
        open=sorted(board.open, key=lambda row: urgency(row.severity, due[row.id], row.id)),
        due=due,
        max_cards=MAX_CARDS,
        max_clocks=MAX_CLOCKS,
        overdue=services.store.read(overdue_counts, now, dimensions=filters.selected),
        dimensions=filters,
        response=[row for row in target_states if not row.lead_time],
        reports=[row for row in target_states if row.lead_time],
        window=window,
        windows=list(services.windows),
        noticed=NOTICED,
        **_arrivals(services, request, now),
        **_notices(services, now),
    )


def _indicators(services: Services, filters: DimensionFilters) -> targets.Indicators:
    """Return the indicators of the incidents that the filters select."""

    def indicators(window: str, now: datetime) -> Sequence[Row]:
        selection = Selection(since=now - services.windows[window], dimensions=filters.selected)
        return services.select(selection, now)[""]

    return indicators


def _due(services: Services, rows: Sequence[IncidentRow]) -> dict[int, tuple[Due, ...]]:
    """Return the clocks of open incidents, the next one first; only updates need the history."""
    policy = services.policy
    histories = services.store.read(histories_of, [row.id for row in rows if row.severity in policy.updates], policy)
    last = {incident_id: history.last_update_at(incident_id) for incident_id, history in histories.items()}
    return {row.id: due_next(row.milestones, row.due, row.severity, policy, last.get(row.id)) for row in rows}


def _arrivals(services: Services, request: Request, now: datetime) -> dict[str, Any]:
    """Return when each source last sent something, the latest first; without any incident, how to connect one."""
    webhook_sources = set(services.sources.profiles) - set(BY_PEOPLE)
    received = [*services.store.read(last_received).items(), *services.counters.last_received().items()]
    webhooks = {source: at for source, at in sorted(received, key=lambda pair: pair[1]) if source in webhook_sources}
    latest = sorted(webhooks.items(), key=lambda pair: pair[1], reverse=True)
    is_new = not latest and not services.store.read(incident_page, IncidentFilter(), limit=1).rows
    receiver = RECEIVER.format(url=request.url_root, auth=AUTH if services.tokens else "")
    return {
        "latest": latest,
        "silent": bool(latest) and now - latest[0][1] > SILENT,
        "receiver": receiver if is_new else None,
    }


def _notices(services: Services, now: datetime) -> dict[str, Any]:
    """Return the last test, and the alerts with a severity that is still unmapped."""
    notices, rules = services.store.read(notices_since, now - NOTICED), services.alerts.severities
    unmapped = Counter(severity for severity in notices.unmapped if not rules.maps(severity))
    without = unmapped.pop(NO_SEVERITY, 0)
    tested = notices.test_at is not None and now - notices.test_at < TESTED
    return {
        "tested_at": notices.test_at if tested else None,
        "unmapped": [severity for severity, _ in unmapped.most_common(MAX_SEVERITIES)],
        "more_unmapped": len(unmapped) > MAX_SEVERITIES,
        "unmapped_count": unmapped.total(),
        "without_severity": without,
        "unmapped_severity": rules.unmapped,
    }
