"""Every route that the application has, by a table: which scope it asks for. A route that is not in it fails."""

import re

import pytest

from service.web.webhooks import WEBHOOKS
from tests.web.fakes import World
from tests.web.test_auth import INGEST, READ, TOKENS, WRITE, bearer

TOKEN = {"ingest": INGEST, "write": WRITE, "read": READ}
OPEN = "open"
SCOPES = {
    **{f"{method.upper()} {webhook.source.path}": "ingest" for webhook in WEBHOOKS for method in webhook.methods},
    "GET /api/v1/incidents": "read",
    "POST /api/v1/incidents": "write",
    "GET /api/v1/incidents/<incident_id>": "read",
    "GET /api/v1/incidents/<incident_id>/timeline": "read",
    "GET /api/v1/incidents/<incident_id>/bodies": "read",
    "POST /api/v1/incidents/<incident_id>/evidence": "write",
    "POST /api/v1/incidents/<incident_id>/events": "write",
    "GET /api/v1/postmortems": "read",
    "GET /api/v1/indicators": "read",
    "GET /api/v1/policy": "read",
    "GET /": "read",
    "GET /incidents": "read",
    "GET /incidents/<incident_id>": "read",
    "GET /incidents/<incident_id>/<action>": "read",
    "POST /incidents/<incident_id>/<action>": "write",
    "GET /postmortems": "read",
    "GET /reports": "read",
    "GET /reports/<month>": "read",
    "GET /runbook": "read",
    "GET /trends": "read",
    "GET /assets/<digest>/<name>": OPEN,
    "GET /metrics": OPEN,
    "GET /-/healthy": OPEN,
    "GET /-/ready": OPEN,
    "GET /openapi.json": OPEN,
}
SEALED = {"POST /incidents/<incident_id>/<action>"}
"""Forms of pages: without the seal of the page they are refused to whoever has the scope, too."""
VALUES = {"month": "2026-10", "incident_id": "INC-1", "action": "acknowledge", "name": "pages.css", "digest": "0"}


@pytest.fixture
def guarded():
    return World(tokens=TOKENS)


def routes(app):
    for rule in app.url_map.iter_rules():
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            yield f"{method} {rule.rule}"


def ask(world, route, **headers):
    method, _, path = route.partition(" ")
    path = re.sub(r"<(\w+)>", lambda match: VALUES[match[1]], path)
    return world.client.open(path, method=method, data=b"{}", headers=headers)


def test_the_table_names_every_route_and_no_other(guarded):
    assert sorted(set(routes(guarded.app))) == sorted(SCOPES)


@pytest.mark.parametrize("route", [route for route, scope in SCOPES.items() if scope != OPEN])
def test_it_answers_nobody_without_the_scope(guarded, route):
    assert ask(guarded, route).status_code == 401
    for scope, token in TOKEN.items():
        status = ask(guarded, route, **bearer(token)).status_code
        if scope != SCOPES[route]:
            assert status == 403, scope
        else:
            assert status == 403 if route in SEALED else status in (200, 400)


@pytest.mark.parametrize("route", SCOPES)
def test_every_answer_says_that_it_is_not_to_be_guessed_at(guarded, route):
    for headers in ({}, bearer(READ), bearer(WRITE)):
        answer = ask(guarded, route, **headers)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Request-ID"]
        if answer.mimetype == "text/html":
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("route", [route for route, scope in SCOPES.items() if scope in ("ingest", "write")])
def test_no_page_of_another_site_makes_a_browser_do_anything(guarded, world, route, site):
    token = bearer(TOKEN[SCOPES[route]])
    for caller, headers in ((guarded, token), (world, {})):
        assert ask(caller, route, **{"Sec-Fetch-Site": site}, **headers).status_code == 403
        assert caller.recorder.commands == caller.evidence.windows == []
