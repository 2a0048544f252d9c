"""The frame of a dashboard: variables, links, annotations, and the grid the panels stand in."""

GRID_COLUMNS = 24
SCHEMA_VERSION = 37  # Grafana 9's own; later ones migrate it (38 turns a table's displayMode into cellOptions)
ANNOTATION_TAG = "mttx"
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
        "description": "The Prometheus that scrapes mttx-exporter.",
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
    """Choose among the values of a label; several at once unless told."""
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
    """Choose the scrape jobs."""
    return query_variable("job", "Job", "The scrape job of mttx-exporter.", "label_values(mttx_build_info, job)")


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
    chosen, others = "30d", ("7d", "90d")
    return {
        "name": "window",
        "label": "Window",
        "description": "How far back the indicators look. An incident belongs to it by the instant of its detection.",
        "type": "custom",
        "query": "7d,30d,90d",
        "current": {"selected": True, "text": chosen, "value": chosen},
        "hide": hide,
        "includeAll": False,
        "multi": False,
        "options": [
            {"selected": value == chosen, "text": value, "value": value} for value in (others[0], chosen, others[1])
        ],
        "skipUrlSync": False,
    }


def exporter_url():
    """Say where incident pages are, as seen from the reader's browser."""
    address = "http://127.0.0.1:9877"
    return {
        "name": "exporter_url",
        "label": "Exporter URL",
        "description": "The address of mttx-exporter as your browser reaches it, for links to incident pages.",
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


def _annotations():
    tagged = {"type": "tags", "tags": [ANNOTATION_TAG], "matchAny": False, "limit": ANNOTATION_LIMIT}
    own = {"type": "dashboard", "tags": [], "matchAny": False, "limit": ANNOTATION_LIMIT}
    return [
        {
            "name": "Annotations & Alerts",
            "builtIn": 1,
            "type": "dashboard",
            "datasource": GRAFANA,
            "enable": True,
            "hide": True,
            "iconColor": "rgba(0, 211, 255, 1)",
            "target": own,
        },
        {
            "name": "Incidents",
            "datasource": GRAFANA,
            "enable": True,
            "hide": False,
            "iconColor": "red",
            "target": tagged,
        },
    ]


def section(title, *lines):
    """Give a heading and its lines of panels; a line is (height, (width, panel), …)."""
    return title, lines


def place(sections):
    """Number the panels and give each its place, from the top left to the bottom right."""
    placed, y = [], 0
    for title, lines in sections:
        heading = {"type": "row", "title": title, "collapsed": False, "panels": []}
        placed.append(heading | {"gridPos": {"h": 1, "w": GRID_COLUMNS, "x": 0, "y": y}})
        y += 1
        for height, *cells in lines:
            x = 0
            for width, panel in cells:
                placed.append(panel | {"gridPos": {"h": height, "w": width, "x": x, "y": y}})
                x += width
            y += height
    return [{"id": number} | panel for number, panel in enumerate(placed, start=1)]


def frame(uid, description, variables, sections, *, since, refresh="1m"):
    """Give the whole dashboard; its time zone is UTC, which the standard holds authoritative."""
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
        "annotations": {"list": _annotations()},
        "templating": {"list": variables},
        "panels": place(sections),
    }
