"""The home page: targets, open incidents with their clocks, what is outstanding, and alerts that need a rule."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from flask import Request, Response

from service.domain.clocks import Due, due_next
from service.domain.incident_history import IncidentHistory
from service.domain.policy import Policy
from service.domain.severity_rules import NO_SEVERITY
from service.store.histories import histories_of
from service.store.incidents import IncidentRow
from service.store.notices import notices_since
from service.store.overview import overview_of
from service.web.pages import targets
from service.web.pages.renderer import PageRenderer
from service.web.services import Services

SOON = timedelta(days=2)
MAX_ROWS = 12
MAX_CLOCKS = 3
MAX_SEVERITIES = 8
NOTICED = timedelta(days=7)
"""How long alerts with an unmapped severity are shown."""
TESTED = timedelta(days=1)
"""How long a received test is shown."""


def show(services: Services, renderer: PageRenderer, request: Request) -> Response:
    """Return the home page."""
    now, policy = services.clock(), services.policy
    asked = request.args.get("window", "")
    window = asked if asked in services.windows else targets.default_window(services.windows)
    against = targets.longer(window, services.windows)
    board = services.store.read(overview_of, policy, now + SOON, MAX_ROWS)
    histories = services.store.read(histories_of, [row.id for row in board.open], policy)
    target_states = targets.target_states(policy, services.indicators, window, against, now)
    return renderer.render(
        request,
        "home",
        now,
        board=board,
        due={row.id: _due(row, histories[row.id], policy)[:MAX_CLOCKS] for row in board.open},
        response=[row for row in target_states if not row.lead_time],
        reports=[row for row in target_states if row.lead_time],
        window=window,
        windows=list(services.windows),
        against=against,
        soon=SOON,
        noticed=NOTICED,
        **_notices(services, now),
    )


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


def _due(row: IncidentRow, history: IncidentHistory, policy: Policy) -> tuple[Due, ...]:
    return due_next(row.milestones, row.due, row.severity, policy, history.last_update_at(row.id))
