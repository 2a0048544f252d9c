"""Reads the dashboards as a reader's browser would: panels, and their expressions with the variables filled in."""

import json
import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "dashboards"
UIDS = ("mttx-overview", "mttx-postmortems", "mttx-timeline", "mttx-exporter")

FILLED = {
    "job": ".+",
    "instance": ".+",
    "severity": ".+",
    "window": "30d",
    "incident": "INC-1",
    "incident_team": ".*",
    "incident_service": ".*",
    "dimension": "team",
    "zone": "32400",
    "__interval": "1d",
    "__rate_interval": "5m",
    "__range": "30d",
}

# Queries that share out the same values by verdict, and the bounds that only some targets have: each may be empty, all
# of a panel together may not.
SHARED_OUT = {
    *(f"Time to {verb}: trend" for verb in ("detect", "acknowledge", "resolve")),
    *(f"Postmortem {stage}: trend" for stage in ("draft", "final")),
    *(f"Time to {verb}" for verb in ("detect", "acknowledge", "resolve")),
    *(f"Postmortem {stage}{what}" for stage in ("draft", "final") for what in ("", ": on time")),
}

VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$([a-zA-Z_]\w*)|\[\[(\w+)\]\]")  # $1 is a group of label_replace


def dashboard(uid):
    return json.loads((FOLDER / f"{uid}.json").read_text(encoding="utf-8"))


def panels(dashboard):
    """Give every panel that shows something; the headings of rows are left out, panels folded into them are not."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def targets(dashboard):
    """Give (panel, query) for every query."""
    return [(panel, target) for panel in panels(dashboard) for target in panel["targets"]]


def fill(text, **values):
    """Replace the variables; one that is not known raises KeyError."""
    names = FILLED | values
    return VARIABLE.sub(lambda match: names[next(name for name in match.groups() if name)], text)


def expressions(dashboard, **values):
    """Give (panel title, expression) for every query, variables filled with `values` or else with `FILLED`."""
    return [(panel["title"], fill(target["expr"], **values)) for panel, target in targets(dashboard)]


def as_it_ends(expr):
    """Look at the step of a graph that ends now: the one that begins now has not happened."""
    return expr.replace(f" offset -{FILLED['__interval']}", "")
