"""The first page: targets now, open incidents with their clocks, and what is owed."""

from datetime import timedelta

from flask import Request, Response

from service.domain.clocks import Due, due_next
from service.domain.policy import Policy
from service.store.board import Listed
from service.web.pages import targets
from service.web.pages.drawing import Pages
from service.web.parts import Parts

SOON = timedelta(days=2)
MOST = 12
MOST_CLOCKS = 3


def show(parts: Parts, drawn: Pages, request: Request) -> Response:
    """Return the first page."""
    now, policy = parts.clock(), parts.policy
    asked = request.args.get("window", "")
    window = asked if asked in parts.windows else targets.default_window(parts.windows)
    against = targets.longer(window, parts.windows)
    board = parts.store.board(now=now, until=now + SOON, limit=MOST)
    standings = targets.standings(policy, parts.indicators, window, against, now)
    return drawn.page(
        request,
        "home",
        now,
        board=board,
        due={one.id: _due(one, policy)[:MOST_CLOCKS] for one in board.open},
        response=[one for one in standings if not one.lead_time],
        reports=[one for one in standings if one.lead_time],
        window=window,
        windows=list(parts.windows),
        against=against,
        soon=SOON,
    )


def _due(one: Listed, policy: Policy) -> tuple[Due, ...]:
    return due_next(one.milestones, one.due, one.severity, policy, one.told_at or one.opened_at)
