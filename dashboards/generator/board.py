"""The frame of a dashboard: variables, links, annotations, and the grid the panels stand in."""

from dataclasses import dataclass

from generator.panels import SEVERITY_COLOURS

GRID_COLUMNS = 24
NO_REGIONS = ((), False)
SCHEMA_VERSION = 37  # Grafana 9's own; later ones migrate it (38 turns a table's displayMode into cellOptions)
INCIDENT_REGIONS = ("mttx", "what:incident")  # the tags of one region per incident; single actions are points
ANNOTATION_LIMIT = 500  # Grafana's default of 100 drops the older half of a busy quarter without a word
TITLES = {
    "mttx-overview": "Incident response (MTTx)",
    "mttx-postmortems": "Postmortems",
    "mttx-timeline": "Incident timeline",
    "mttx-exporter": "mttx-exporter",
}
INCIDENT_PAGE = "${exporter_url:raw}/incidents/${__value.raw}"
INCIDENT_PAGE_BY_LABEL = "${exporter_url:raw}/incidents/${__field.labels.incident}"
VISIBLE, HIDDEN = 0, 2

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
GRAFANA = {"type": "grafana", "uid": "-- Grafana --"}
ALL = {"selected": True, "text": ["All"], "value": ["$__all"]}


def datasource():
    """Choose the Prometheus to ask."""
    return {
        "name": "datasource",
        "label": "Data source",
        "description": "Prometheus that scrapes mttx-exporter.",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "hide": VISIBLE,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "regex": "",
        "skipUrlSync": False,
    }


def query_variable(name, label, description, query, *, hide=VISIBLE, several=True, sort=1):
    """Choose among the values of a label; several at once by default."""
    variable = {
        "name": name,
        "label": label,
        "description": description,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": f"variable-{name}"},
        "current": ALL if several else {},
        "hide": hide,
        "includeAll": several,
        "multi": several,
        "options": [],
        "refresh": 2,
        "regex": "",
        "skipUrlSync": False,
        "sort": sort,
    }
    return variable | ({"allValue": ".+"} if several else {})


def job():
    """Choose the scrape jobs; the rows of a dashboard are repeated for each."""
    return query_variable(
        "job",
        "Job",
        "The scrape job of mttx-exporter. Rows are repeated for each job.",
        "label_values(mttx_build_info, job)",
    )


def severity(hide=VISIBLE):
    """Choose severities; numbers over all severities stay what they are."""
    return query_variable(
        "severity",
        "Severity",
        "Narrows what is shown per severity. Numbers over all severities do not change.",
        'label_values(mttx_incidents_open{job=~"$job"}, incident_severity)',
        hide=hide,
    )


def window(hide=VISIBLE):
    """Choose how many days back the indicators look."""
    return _custom(
        "window",
        "Window",
        "How far back the indicators look. An incident belongs to the window in which it was detected.",
        {days: days for days in ("7d", "30d", "90d")},
        chosen="30d",
        hide=hide,
    )


def zone():
    """Choose the zone of the second column of instants; the values are seconds ahead of UTC.

    Fixed offsets, because PromQL knows no time zones; the name in the heading of the column says which one it is.
    """
    return _custom(
        "zone",
        "Display zone",
        "The second column of every instant is in this zone; the first is UTC. Offsets are fixed, without summer time.",
        {"JST": 9 * 3600} | {_offset_name(hours): hours * 3600 for hours in range(-11, 14)} | {"IST": 11 * 1800},
        chosen="JST",
    )


def _offset_name(hours):
    return f"UTC{hours:+}" if hours else "UTC"


def _custom(name, label, description, values, *, chosen, hide=VISIBLE):
    options = [{"selected": text == chosen, "text": text, "value": str(value)} for text, value in values.items()]
    return {
        "name": name,
        "label": label,
        "description": description,
        "type": "custom",
        "query": ", ".join(text if text == str(value) else f"{text} : {value}" for text, value in values.items()),
        "current": {"selected": True, "text": chosen, "value": str(values[chosen])},
        "hide": hide,
        "includeAll": False,
        "multi": False,
        "options": options,
        "skipUrlSync": False,
    }


def exporter_url():
    """Say where incident pages are, as seen from the reader's browser."""
    address = "http://127.0.0.1:9877"
    return {
        "name": "exporter_url",
        "label": "Exporter URL",
        "description": "Address of mttx-exporter as seen from the browser, for links to incident pages.",
        "type": "textbox",
        "query": address,
        "current": {"selected": True, "text": address, "value": address},
        "hide": VISIBLE,
        "options": [{"selected": True, "text": address, "value": address}],
        "skipUrlSync": False,
    }


def to_dashboard(uid):
    """Link a panel to another dashboard, with the same variables and time range."""
    return {
        "title": TITLES[uid],
        "url": f"/d/{uid}?${{__all_variables}}&${{__url_time_range}}",
        "targetBlank": False,
    }


def _links(uid):
    shared = {"type": "link", "asDropdown": False, "tags": [], "tooltip": ""}
    others = [
        shared
        | {"title": title, "url": f"/d/{other}", "icon": "dashboard", "targetBlank": False}
        | {"includeVars": True, "keepTime": True}
        for other, title in TITLES.items()
        if other != uid
    ]
    page = shared | {"title": "Incident pages", "url": "${exporter_url:raw}/", "icon": "external link"}
    return [*others, page | {"targetBlank": True, "includeVars": False, "keepTime": False}]


def incident_regions(*panels, enabled):
    """Give one annotation query per severity, in its colour, for the panels with these titles.

    Switched off on dashboards that open with more than seven days: a month of regions hides the graphs under them.
    Grafana before 9.5 does not know `filter` and draws the regions on every graph.
    """
    return panels, enabled


def _annotations(regions, panels):
    shown_on, enabled = regions
    ids = sorted(panel["id"] for panel in panels if panel["title"] in shown_on)
    built_in = {
        "name": "Annotations & Alerts",
        "builtIn": 1,
        "type": "dashboard",
        "datasource": GRAFANA,
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "target": {"type": "dashboard", "tags": [], "matchAny": False, "limit": ANNOTATION_LIMIT},
    }
    return [built_in, *(_regions(severity, colour, ids, enabled) for severity, colour in _colours(ids))]


def _colours(ids):
    return SEVERITY_COLOURS.items() if ids else ()


def _regions(severity, colour, ids, enabled):
    tags = [*INCIDENT_REGIONS, severity.lower().replace("-", ":")]
    return {
        "name": f"{severity} incidents",
        "datasource": GRAFANA,
        "enable": enabled,
        "hide": False,
        "iconColor": colour,
        "filter": {"exclude": False, "ids": ids},
        "target": {"type": "tags", "tags": tags, "matchAny": False, "limit": ANNOTATION_LIMIT},
    }


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and lines of panels; a line is (height, (width, panel), …). `repeat` is a variable: once per value."""

    title: str
    lines: tuple
    collapsed: bool
    repeat: str


def section(title, *lines, collapsed=False):
    """Give a section per job; a collapsed one is opened by a click on its heading, and asks nothing until then."""
    return Section(f"{title} · $job", lines, collapsed, "job")


def section_per_dimension(title, *lines):
    """Give a collapsed section for each dimension; a row is repeated by one variable, so that it shows all jobs."""
    return Section(title, lines, collapsed=True, repeat="dimension")


def place(sections):
    """Number the panels and give each its place, from the top left to the bottom right."""
    placed, y, number = [], 0, 0
    for part in sections:
        number += 1
        heading = {"id": number, "type": "row", "title": part.title, "repeat": part.repeat, "panels": []}
        heading |= {"collapsed": part.collapsed, "gridPos": {"h": 1, "w": GRID_COLUMNS, "x": 0, "y": y}}
        panels = list(_cells(part.lines, y + 1, number + 1))
        placed += [heading | {"panels": panels}] if part.collapsed else [heading, *panels]
        y += 1 + (0 if part.collapsed else sum(line[0] for line in part.lines))
        number += len(panels)
    return placed


def _cells(lines, y, number):
    for height, *cells in lines:
        x = 0
        for width, panel in cells:
            yield {"id": number} | panel | {"gridPos": {"h": height, "w": width, "x": x, "y": y}}
            x, number = x + width, number + 1
        y += height


def frame(uid, description, variables, sections, *, since, refresh="1m", regions=NO_REGIONS):
    """Give the whole dashboard; its time zone is UTC, which the standard holds authoritative."""
    panels = place(sections)
    return {
        "uid": uid,
        "title": TITLES[uid],
        "description": description,
        "tags": ["mttx", "incidents"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "utc",
        "time": {"from": since, "to": "now"},
        "refresh": refresh,
        "links": _links(uid),
        "annotations": {"list": _annotations(regions, panels)},
        "templating": {"list": variables},
        "panels": panels,
    }
