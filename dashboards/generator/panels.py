"""Panels: one function per kind of picture, each returns Grafana's Classic JSON without id and position.

`board.place` adds those. Only options that Grafana 9 to 13 read alike are used.
"""

from dataclasses import dataclass

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
OLDEST_GRAFANA = "9.0.0"  # without a plugin version Grafana runs the migrations of 6.x on stat and bar gauge
NO_VALUE = "–"

GREEN, YELLOW, ORANGE, RED, BLUE, GREY = "green", "yellow", "orange", "red", "blue", "#808080"
TEXT, TRANSPARENT = "text", "transparent"
SEVERITY_COLOURS = {"SEV-1": RED, "SEV-2": ORANGE, "SEV-3": YELLOW, "SEV-4": BLUE}
# "nan" only in columns of numbers: every text is no number.
NULL_IS_A_DASH, NAN_IS_A_PLAIN_DASH = (
    {"type": "special", "options": {"match": match, "result": {"text": NO_VALUE, "color": TRANSPARENT, "index": 0}}}
    for match in ("null", "nan")
)

# `noValue` is the sentence of a panel without data; ticks and gaps without a value would show it as well.
NULL_IS_SILENT = {"type": "special", "options": {"match": "null", "result": {"text": "", "index": 0}}}
NAN_IS_A_DASH = {"type": "special", "options": {"match": "nan", "result": {"text": NO_VALUE, "index": 0}}}


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel: `ref` is Grafana's refId, `legend` may name labels as {{label}}."""

    ref: str
    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: `source` is a label, or the refId of the query whose value it shows.

    `steps` colour the cell by value, `colours` by text; `heading` may hold variables, which `title` may not.
    """

    source: str
    title: str
    unit: str = "string"
    width: int | None = None
    link: str | None = None
    steps: tuple | None = None
    decimals: int | None = None
    colours: dict | None = None
    heading: str | None = None


def thresholds(*steps):
    """Give colours from (value, colour) pairs; the first value is None, the start of the scale."""
    return {"mode": "absolute", "steps": [{"color": colour, "value": value} for value, colour in steps]}


def override(name, **properties):
    """Give other properties to the series or column `name`; `custom__width` stands for `custom.width`."""
    return {"matcher": {"id": "byName", "options": name}, "properties": _properties(properties)}


def override_query(ref, **properties):
    """Give other properties to whatever query `ref` returns."""
    return {"matcher": {"id": "byFrameRefID", "options": ref}, "properties": _properties(properties)}


def _properties(properties):
    return [{"id": name.replace("__", "."), "value": value} for name, value in properties.items()]


def fixed(colour):
    """Colour without regard to the value."""
    return {"mode": "fixed", "fixedColor": colour}


def by_severity():
    """Colour every series whose name begins with a severity alike on every panel, and those of all severities."""
    colours = {"all": TEXT} | SEVERITY_COLOURS
    return [override_named(severity, color=fixed(colour)) for severity, colour in colours.items()]


def override_named(prefix, **properties):
    """Give other properties to every series whose name begins with `prefix`."""
    return {"matcher": {"id": "byRegexp", "options": f"/^{prefix}/"}, "properties": _properties(properties)}


def target_line(ref):
    """Draw query `ref` as a dashed line: a target, not a measurement."""
    return override_query(
        ref,
        custom__lineStyle={"fill": "dash", "dash": [10, 6]},
        custom__lineWidth=1,
        custom__hideFrom={"legend": True, "tooltip": False, "viz": False},
    )


def thin_line(ref):
    """Draw query `ref` as a thin line that the legend leaves out."""
    return override_query(ref, custom__lineWidth=1, custom__hideFrom={"legend": True, "tooltip": False, "viz": False})


def _panel(kind, title, description, queries, *, defaults, options, overrides=(), links=()):
    return {
        "type": kind,
        "title": title,
        "description": description,
        "pluginVersion": OLDEST_GRAFANA,
        "datasource": DATASOURCE,
        "targets": queries,
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": options,
        "links": list(links),
    }


def _ranged(queries, **more):
    return [
        {"refId": q.ref, "datasource": DATASOURCE, "editorMode": "code", "expr": q.expr, "legendFormat": q.legend}
        | {"range": True, "instant": False}
        | more
        for q in queries
    ]


def _instant(queries, **more):
    return _ranged(queries, range=False, instant=True, **more)


def stat(title, description, queries, unit, no_value, *, steps=((None, TEXT),), overrides=(), links=(), **options):
    """Show the latest value of each query, its name beside it; `decimals` and `text` (the sizes) are optional."""
    defaults = {
        "mappings": [NAN_IS_A_DASH],
        "unit": unit,
        "noValue": no_value,
        "color": {"mode": "thresholds"},
        "thresholds": thresholds(*steps),
    }
    if "decimals" in options:
        defaults["decimals"] = options.pop("decimals")
    common = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "horizontal",
        "textMode": "value_and_name",
        "text": {"titleSize": 14, "valueSize": 20},
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    return _panel(
        "stat",
        title,
        description,
        _instant(queries),
        defaults=defaults,
        options=common | options,
        overrides=overrides,
        links=links,
    )


def bar_gauge(title, description, queries, unit, no_value, *, steps=((None, BLUE),), links=()):
    """Compare the latest values of a few series as bars."""
    defaults = {
        "unit": unit,
        "noValue": no_value,
        "min": 0,
        "color": {"mode": "thresholds"},
        "thresholds": thresholds(*steps),
    }
    options = {
        "displayMode": "basic",
        "orientation": "horizontal",
        "showUnfilled": True,
        "minVizHeight": 16,
        "minVizWidth": 8,
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    return _panel("bargauge", title, description, _instant(queries), defaults=defaults, options=options, links=links)


def graph(title, description, queries, unit, no_value, *, bars=False, stacked=False, overrides=(), **more):
    """Draw queries over time. `more` sets properties of the panel, such as its interval.

    Lines have no area below them: several areas on top of each other mix to brown.
    """
    custom = {
        "drawStyle": "bars" if bars else "line",
        "lineInterpolation": "linear",
        "lineWidth": 0 if bars else 2,
        "fillOpacity": 80 if bars else 0,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
    }
    defaults = {"unit": unit, "noValue": no_value, "color": {"mode": "palette-classic"}, "custom": custom}
    defaults |= {"min": 0, "mappings": [NULL_IS_SILENT]}
    if unit == "none":
        defaults["decimals"] = 0
        custom["axisSoftMax"] = 4
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return (
        _panel(
            "timeseries",
            title,
            description,
            _ranged(queries),
            defaults=defaults,
            options=options,
            overrides=overrides,
        )
        | more
    )


def state_timeline(title, description, queries, states, no_value, *, links=()):
    """Draw one bar per series, coloured by state; `states` is (value, text, colour) for each."""
    mapping = {str(value): {"text": text, "color": colour, "index": value} for value, text, colour in states}
    defaults = {
        "unit": "none",
        "noValue": no_value,
        "color": {"mode": "fixed", "fixedColor": GREY},  # mode `thresholds` ignores the mappings
        "mappings": [{"type": "value", "options": mapping}, NULL_IS_SILENT],
        "custom": {"fillOpacity": 90, "lineWidth": 0, "spanNulls": False},
        "links": list(links),
    }
    options = {
        "mergeValues": True,
        "showValue": "never",
        "alignValue": "left",
        "rowHeight": 0.8,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    queries = _ranged(queries)
    return _panel("state-timeline", title, description, queries, defaults=defaults, options=options)


def table(title, description, queries, shown, no_value, *, sort=(), descending=False):
    """Show one row per label set; queries are joined on the labels that all of them have.

    `shown` lists the columns from left to right; labels and values that are not in it stay hidden. `sort` names the
    columns to sort by, the first first. At least two queries, because Grafana calls the value of a single one
    differently.
    """
    sources = [_field(queries, column) for column in shown]
    hidden = ["Time", "job", *(f"Value #{q.ref}" for q in queries)]
    organize = {
        "excludeByName": {name: True for name in hidden if name not in sources},
        "indexByName": {source: position for position, source in enumerate(sources)},
        "renameByName": {source: column.title for source, column in zip(sources, shown, strict=True)},
    }
    defaults = {"unit": "string", "noValue": no_value, "custom": {"align": "auto", "filterable": False}}
    options = {"showHeader": True, "footer": {"show": False, "reducer": ["sum"], "fields": ""}}
    options["sortBy"] = [{"displayName": title, "desc": descending} for title in sort]
    cells = [_cell(column) for column in shown]
    targets = _instant(queries, format="table")
    panel = _panel("table", title, description, targets, defaults=defaults, options=options, overrides=cells)
    panel["transformations"] = [{"id": "merge", "options": {}}, {"id": "organize", "options": organize}]
    return panel


def _field(queries, column):
    return f"Value #{column.source}" if column.source in {q.ref for q in queries} else column.source


def _cell(column):
    properties = {"unit": column.unit, "noValue": NO_VALUE, "mappings": _mappings(column)}
    if column.heading:
        properties["displayName"] = column.heading
    if column.width:
        properties["custom__width"] = column.width
    if column.decimals is not None:
        properties["decimals"] = column.decimals
    if column.link:
        properties["links"] = [{"title": "Open the incident page", "url": column.link, "targetBlank": True}]
    if column.steps or column.colours:
        properties |= {
            "custom__displayMode": "color-background-solid",  # Grafana 9.5 and later turn it into cellOptions
            "color": {"mode": "thresholds"},
            "thresholds": thresholds(*(column.steps or ((None, TRANSPARENT),))),
        }
    return override(column.title, **properties)


def _mappings(column):
    """Give the colours of texts, and a dash without colour for a cell without a value."""
    named = {text: {"text": text, "color": colour, "index": n} for n, (text, colour) in _numbered(column.colours)}
    dashes = [NULL_IS_A_DASH] if column.unit == "string" else [NULL_IS_A_DASH, NAN_IS_A_PLAIN_DASH]
    return [*([{"type": "value", "options": named}] if named else []), *dashes]


def _numbered(colours):
    return enumerate((colours or {}).items(), start=1)
