"""The committed dashboards: what the generator writes, laid out to be read, and true with one replica or two.

Grafana itself cannot be installed everywhere: what a person saw there is in docs/dashboards.md, and what of it can be
read off the JSON is held here. `promtool` evaluates every expression over a month.
"""

import json
import re
import shutil
import subprocess
import sys
from itertools import pairwise

import pytest
import yaml

from service.domain.incident import Phase
from service.domain.policy import Severity
from service.provisioning.filters import with_filters
from tests.dashboards import promql
from tests.dashboards.catalogue import catalogue, counting
from tests.dashboards.expressions import (
    FOLDER,
    SHARED_OUT,
    UIDS,
    as_it_ends,
    dashboard,
    expressions,
    fill,
    panels,
    targets,
)
from tests.dashboards.month import NOW, input_series

ADDED_BY_PROMETHEUS = {"job", "instance", "pod"}
EXPORTED_PHASES = set(Phase) - {Phase.DISMISSED}
ON_DASHBOARDS_WITH_INSTANTS = {"mttx-postmortems", "mttx-timeline"}
SCRAPED_HOURLY = {"__rate_interval": "4h", "__range": "3d"}


@pytest.fixture(params=UIDS)
def board(request):
    return dashboard(request.param)


@pytest.fixture
def promtool(require, tmp_path):
    path = require("promtool")

    def run(command, document):
        (tmp_path / "file.yml").write_text(json.dumps(document), encoding="utf-8")
        return subprocess.run(
            [path, *command, tmp_path / "file.yml"], capture_output=True, text=True, check=False, timeout=120
        )

    return run


def generate(*arguments):
    command = [sys.executable, FOLDER / "generate.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


# What is committed


def test_the_committed_json_is_what_the_generator_writes():
    result = generate("--check")
    assert result.returncode == 0, result.stderr


def test_the_check_names_a_file_that_was_edited_by_hand(tmp_path):
    generate("--output", tmp_path)
    edited = tmp_path / "mttx-timeline.json"
    edited.write_text(edited.read_text(encoding="utf-8").replace("Phase", "Stage"), encoding="utf-8")
    result = generate("--check", "--output", tmp_path)
    assert result.returncode == 1
    assert "mttx-timeline.json" in result.stderr
    assert "mttx-overview.json" not in result.stderr


def test_uids_and_titles_are_unique_and_no_other_json_lies_in_the_folder():
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.rglob("*.json")]
    assert sorted(board["uid"] for board in boards) == sorted(UIDS)
    assert len({board["title"] for board in boards}) == len(UIDS)


def test_it_is_classic_json_that_grafana_9_reads(board):
    assert board["schemaVersion"] == 37
    assert "id" not in board
    assert "__inputs" not in board
    assert board["editable"] is False
    assert not any("elements" in panel or "spec" in panel for panel in board["panels"])


# Layout


def test_panels_fill_rows_of_24_columns_without_overlap(board):
    rows = [row for row in board["panels"] if row["type"] == "row" and row["collapsed"]]
    for shown in ([panel for panel in board["panels"] if panel not in rows], *(row["panels"] for row in rows)):
        cells = {}
        for panel in shown:
            place = panel["gridPos"]
            assert place["w"] > 0
            assert place["x"] + place["w"] <= 24, panel["title"]
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    assert cells.setdefault((x, y), panel["title"]) == panel["title"], (x, y)
        height = max(y for _, y in cells) - min(y for _, y in cells) + 1
        assert len(cells) == 24 * height, "a hole in the grid"


def test_every_section_has_panels_and_is_repeated_for_each_job_by_name(board):
    headings = [panel for panel in board["panels"] if panel["type"] == "row"]
    assert board["panels"][0] in headings
    for heading, following in pairwise([*board["panels"], {"type": "row"}]):
        if heading in headings:
            assert heading["panels"] if heading["collapsed"] else following["type"] != "row"
    assert all(f"${row['repeat']}" in row["title"] for row in headings)
    repeated = [row["repeat"] for row in headings]
    assert repeated == ["job"] * len(headings) or (board["uid"], repeated[-1]) == ("mttx-overview", "dimension")
    assert set(repeated[:-1]) == {"job"}


def test_panel_ids_and_titles_are_unique_within_a_dashboard(board):
    every = [*board["panels"], *panels(board)]
    assert len({panel["id"] for panel in every}) == len({json.dumps(panel) for panel in every})
    titles = [panel["title"] for panel in panels(board)]
    assert len(set(titles)) == len(titles)


def test_every_panel_explains_itself(board):
    for panel in panels(board):
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["description"], panel["title"]
        assert defaults["unit"], panel["title"]
        assert defaults["noValue"], panel["title"]


# What a real Grafana draws: each of these was seen wrong there


def cells(board):
    """Give (panel, column, its properties) for every column of every table."""
    for panel in panels(board):
        if panel["type"] == "table":
            for override, properties in zip(panel["fieldConfig"]["overrides"], _properties(panel), strict=True):
                yield panel, override["matcher"]["options"], properties


def test_a_cell_without_a_value_is_a_dash_without_colour(board):
    """Else it takes the colour of the lowest threshold: a dash on red."""
    for panel, column, properties in cells(board):
        results = [m["options"]["result"] for m in properties["mappings"] if m["type"] == "special"]
        assert {(result["text"], result["color"]) for result in results} == {("–", "transparent")}, (panel, column)


def test_a_coloured_column_of_names_has_a_colour_for_each(board):
    expected = {"Severity": set(Severity), "Phase": EXPORTED_PHASES - {Phase.RESOLVED}}
    for panel, column, properties in cells(board):
        if column in expected and "custom.displayMode" in properties:
            mapped = next(m["options"] for m in properties["mappings"] if m["type"] == "value")
            assert expected[column] <= set(mapped), panel["title"]


def test_a_state_timeline_names_and_colours_every_phase():
    """In colour mode `thresholds` the mappings are ignored: grey bars."""
    for panel in panels(dashboard("mttx-timeline")):
        if panel["type"] == "state-timeline":
            defaults = panel["fieldConfig"]["defaults"]
            assert defaults["color"]["mode"] == "fixed"
            mapping, _ = defaults["mappings"]
            assert {state["text"] for state in mapping["options"].values()} == EXPORTED_PHASES
            assert len({state["color"] for state in mapping["options"].values()}) == len(EXPORTED_PHASES)


def test_counts_have_whole_numbers_on_their_axis(board):
    for panel in panels(board):
        defaults = panel["fieldConfig"]["defaults"]
        if panel["type"] == "timeseries" and defaults["unit"] == "none":
            assert defaults["decimals"] == 0, panel["title"]


def test_a_graph_does_not_print_its_sentence_for_no_data_at_ticks_or_gaps(board):
    """A number, or nothing, as `noValue` is no way out: Grafana draws it where there is no sample."""
    for panel in panels(board):
        if panel["type"] in {"timeseries", "state-timeline"}:
            silent = [m["options"] for m in panel["fieldConfig"]["defaults"]["mappings"] if m["type"] == "special"]
            assert [(options["match"], options["result"]["text"]) for options in silent] == [("null", "")]
            assert not any("noValue" in properties for properties in _properties(panel)), panel["title"]


def test_long_durations_are_drawn_in_minutes_or_hours(board):
    """An axis in seconds has ticks such as 16.7 min."""
    for panel in panels(board):
        unit = panel["fieldConfig"]["defaults"]["unit"]
        fast = panel["title"] in {"Commit duration, mean", "Scrape duration"}
        assert panel["type"] != "timeseries" or unit != "s" or fast, panel["title"]


def test_areas_do_not_lie_on_top_of_each_other(board):
    for panel in panels(board):
        if panel["type"] == "timeseries":
            custom = panel["fieldConfig"]["defaults"]["custom"]
            assert custom["fillOpacity"] == 0 or custom["stacking"]["mode"] == "normal", panel["title"]


def test_a_severity_has_the_same_colour_everywhere_and_its_target_too():
    seen = {}
    for board in map(dashboard, UIDS):
        for query in board["annotations"]["list"][1:]:
            seen.setdefault(query["name"].split()[0], set()).add(query["iconColor"])
        for panel in panels(board):
            for override, properties in zip(panel["fieldConfig"]["overrides"], _properties(panel), strict=True):
                severity = re.match(r"/\^(SEV-\d)/", str(override["matcher"]["options"]))
                if severity:
                    seen.setdefault(severity[1], set()).add(properties["color"]["fixedColor"])
                if override["matcher"]["options"] == "Severity":
                    for mapping in (m for m in properties["mappings"] if m["type"] == "value"):
                        for name, state in mapping["options"].items():
                            seen.setdefault(name, set()).add(state["color"])
    assert set(seen) == set(Severity)
    assert all(len(colours) == 1 for colours in seen.values()), seen
    assert len(set.union(*seen.values())) == len(Severity)


def test_a_table_names_every_column_it_shows(board):
    for panel in panels(board):
        if panel["type"] != "table":
            continue
        assert len(panel["targets"]) > 1, "the value of a single query has another name"
        organize = panel["transformations"][1]["options"]
        styled = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
        assert set(organize["renameByName"].values()) == styled
        labels = {name for name in organize["renameByName"] if not name.startswith("Value #")}
        for target in panel["targets"]:
            assert target["format"] == "table"
            assert target["instant"]
        grouped = {label for target in panel["targets"] for label in promql.grouped_labels(target["expr"])}
        assert labels <= grouped, panel["title"]


# Variables, links, annotations


def test_every_variable_in_use_is_defined(board):
    defined = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-zA-Z_]\w*)", json.dumps(board)))
    assert {name for name in used if not name.startswith("__")} <= defined


def test_every_visible_variable_is_used_somewhere(board):
    text = json.dumps([board["panels"], board["links"]] + [v.get("query") for v in board["templating"]["list"]])
    for variable in board["templating"]["list"]:
        if variable["hide"] == 0:
            assert re.search(rf"\${{?{variable['name']}\b", text), variable["name"]


def test_the_data_source_is_the_variable_everywhere(board):
    for panel in panels(board):
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])
        assert panel["targets"]


def test_it_links_to_the_other_dashboards_and_to_the_incident_pages(board):
    links = {link["url"]: link for link in board["links"]}
    others = {f"/d/{uid}" for uid in UIDS if uid != board["uid"]}
    assert others | {"${exporter_url:raw}/"} == set(links)
    assert all(links[url]["includeVars"] and links[url]["keepTime"] for url in others)


def test_a_table_of_incidents_links_each_to_its_page(board):
    for panel in panels(board):
        for override in panel["fieldConfig"]["overrides"]:
            if override["matcher"]["options"] == "Incident":
                links = [p["value"] for p in override["properties"] if p["id"] == "links"]
                assert links[0][0]["url"] == "${exporter_url:raw}/incidents/${__value.raw}"


def regions(board):
    return [query for query in board["annotations"]["list"] if not query.get("builtIn")]


def test_annotation_queries_have_an_explicit_limit(board):
    assert all(query["target"]["limit"] > 100 for query in board["annotations"]["list"])


def test_only_regions_of_incidents_are_annotated_by_severity(board):
    for query in regions(board):
        assert query["datasource"] == {"type": "grafana", "uid": "-- Grafana --"}
        assert query["target"]["tags"][:2] == ["mttx", "what:incident"], "single actions are points"
    severities = [query["target"]["tags"][2] for query in regions(board)]
    assert severities in ([], ["sev:1", "sev:2", "sev:3", "sev:4"])


def test_annotations_are_on_the_panels_that_they_explain(board):
    graphs = {panel["id"] for panel in panels(board) if panel["type"] == "timeseries"}
    for query in regions(board):
        assert query["filter"]["exclude"] is False
        assert query["filter"]["ids"]
        assert set(query["filter"]["ids"]) <= graphs


def test_annotations_are_off_where_the_dashboard_opens_with_more_than_a_week(board):
    number, unit = re.fullmatch(r"now-(\d+)([dh])", board["time"]["from"]).groups()
    days = int(number) / (1 if unit == "d" else 24)
    assert {query["enable"] for query in regions(board)} <= {days <= 7}


def test_instants_are_shown_in_utc_and_in_the_display_zone(board):
    """Both are right only while the dashboard's own zone is UTC."""
    assert board["timezone"] == "utc"
    shifted = [properties for _, _, properties in cells(board) if "displayName" in properties]
    assert all(properties["displayName"].endswith(" (${zone:text})") for properties in shifted)
    assert bool(shifted) == (board["uid"] in ON_DASHBOARDS_WITH_INSTANTS)
    assert "JST" not in json.dumps(board["panels"]), "the zone is the reader's choice"


def test_the_display_zone_is_the_distance_from_utc_in_seconds():
    for uid in ON_DASHBOARDS_WITH_INSTANTS:
        zone = next(v for v in dashboard(uid)["templating"]["list"] if v["name"] == "zone")
        offsets = {option["text"]: int(option["value"]) for option in zone["options"]}
        assert (offsets["JST"], offsets["UTC"], offsets["UTC-5"]) == (32400, 0, -18000)
        assert zone["current"]["text"] == "JST", "the default of display_timezone"
        listed = dict(re.fullmatch(r"(\S+)(?: : (\S+))?", entry).groups() for entry in zone["query"].split(", "))
        assert {text: int(value or text) for text, value in listed.items()} == offsets


# Expressions


def test_legends_name_labels_that_the_metrics_have(board):
    labels = set().union(*catalogue().values()) | ADDED_BY_PROMETHEUS
    for panel, target in targets(board):
        names = labels | promql.made_labels(target["expr"])
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= names, panel["title"]


def test_rates_are_taken_of_counters_only_and_always(board):
    for title, expr in expressions(board):
        rated = promql.rated(expr)
        assert len(rated) == len(re.findall(r"\b(?:i?rate|increase|i?delta|deriv|resets)\(", expr)), title
        assert {metric for _, metric, _ in rated} <= counting(), title
        counters = [s.metric for s in promql.selectors(expr) if s.metric in counting()]
        assert sorted(counters) == sorted(metric for _, metric, _ in rated), title


def test_replicas_are_folded_wherever_the_numbers_come_from_the_store():
    for uid in set(UIDS) - {"mttx-exporter"}:
        for title, expr in expressions(dashboard(uid)):
            for selector in promql.selectors(expr):
                assert promql.is_folded(expr, selector.start), f"{title}: {selector.metric}"


def test_what_is_not_folded_names_the_replica():
    for panel, target in targets(dashboard("mttx-exporter")):
        expr = target["expr"]
        if not all(promql.is_folded(expr, selector.start) for selector in promql.selectors(expr)):
            assert "{{instance}}" in target["legendFormat"], panel["title"]


def test_targets_come_from_the_target_metrics():
    steps = {
        step["value"]
        for uid in UIDS
        for panel in panels(dashboard(uid))
        for override in [panel["fieldConfig"]["defaults"], *_properties(panel)]
        for step in override.get("thresholds", {}).get("steps", ())
    }
    assert steps <= {None, 0, 0.8, 1}, "a colour may depend on a share or a sign, never on seconds"


def _properties(panel):
    overrides = panel["fieldConfig"]["overrides"]
    return [{p["id"]: p["value"] for p in override["properties"]} for override in overrides]


def test_promtool_parses_every_expression(board, promtool):
    rules = [
        {"record": f"panel:expression:{number}", "expr": expr} for number, (_, expr) in enumerate(expressions(board))
    ]
    result = promtool(["check", "rules"], {"groups": [{"name": board["uid"], "rules": rules}]})
    assert result.returncode == 0, result.stdout + result.stderr


def evaluate(promtool, tests):
    """Evaluate (expression, expected samples) pairs at the end of the month; give promtool's complaints.

    It is given the series that the expressions name: those of all would take it two seconds for each test.
    """
    checks = [{"expr": as_it_ends(expr), "eval_time": f"{NOW}s", "exp_samples": expected} for expr, expected in tests]
    named = set(re.findall(r"[\w:]+", " ".join(check["expr"] for check in checks)))
    series = [each for each in input_series() if each["series"].partition("{")[0] in named]
    month = {"interval": "1h", "input_series": series, "promql_expr_test": checks}
    result = promtool(["test", "rules"], {"rule_files": [], "evaluation_interval": "1h", "tests": [month]})
    return "" if result.returncode == 0 else result.stdout + result.stderr


TRUE = [{"labels": "{}", "value": 1}]


def test_every_expression_returns_data_over_a_month(promtool):
    counts = []
    for uid in UIDS:
        shown = expressions(dashboard(uid), **SCRAPED_HOURLY)
        counts += [f"count({expr})" for title, expr in shown if title not in SHARED_OUT]
        for panel in SHARED_OUT & {title for title, _ in shown}:
            counts.append(" or ".join(f"count({expr})" for title, expr in shown if title == panel))
    assert evaluate(promtool, [(f"({count}) > bool 0", TRUE) for count in counts]) == ""


def test_two_replicas_show_what_one_shows(promtool):
    tests = []
    for uid in set(UIDS) - {"mttx-exporter"}:
        pair, alone = (expressions(dashboard(uid), job=job, **SCRAPED_HOURLY) for job in ("mttx", "solo"))
        for (_, replicas), (_, solo) in zip(pair, alone, strict=True):
            two, single = f"sum without (job) ({replicas})", f"sum without (job, instance) ({solo})"
            both_nan = f"(({two} != {two}) and ({single} != {single}))"
            same = f"count({two} == {single} or {both_nan}) or vector(0)"
            tests.append((f"({same}) == bool (count({solo}) or vector(0))", TRUE))
    assert evaluate(promtool, tests) == ""


def expression(uid, title, ref, **values):
    return next(
        fill(target["expr"], **values)
        for panel, target in targets(dashboard(uid))
        if panel["title"] == title and target["refId"] == ref
    )


def judged(indicator, statistic, severity, incidents, target):
    return (
        f'{{indicator="{indicator}", statistic="{statistic}", incident_severity="{severity}", '
        f'incidents="{incidents}", target="{target}", job="mttx"}}'
    )


SEV_1 = judged("resolve", "mean", "SEV-1", 2, "2 h")
SEV_2 = judged("resolve", "mean", "SEV-2", 4, "6 h")
DETECT = judged("detect", "p95", "all", 12, "5 min")
ACKNOWLEDGE = judged("acknowledge", "p95", "all", 12, "10 min")
OVER, CLOSE, KEPT, TOO_FEW = "ABCD"


OF_THE_MONTH = [
    # eight hours of the six allowed; SEV-1 took half of its two hours, but with two incidents that is no verdict
    ("Time to resolve", KEPT, []),
    ("Time to resolve", CLOSE, []),
    ("Time to resolve", OVER, [{"labels": SEV_2, "value": 8}]),
    ("Time to resolve", TOO_FEW, [{"labels": SEV_1, "value": 1}]),
    # a quantile is judged by its verdict, whatever its value
    ("Time to detect", OVER, [{"labels": DETECT, "value": 120}]),
    ("Time to detect", TOO_FEW, []),
    ("Time to acknowledge", OVER, []),
    ("Time to acknowledge", CLOSE, []),
    ("Time to acknowledge", KEPT, []),
    ("Time to acknowledge", TOO_FEW, [{"labels": ACKNOWLEDGE, "value": 120}]),
    # nobody has answered INC-2 for 20 minutes, with 10 allowed; INC-3 was answered and has no such clock
    (
        "Open incidents now",
        "C",
        [{"labels": '{incident="INC-2", incident_severity="SEV-1", job="mttx"}', "value": -600}],
    ),
]


def test_the_overview_shows_what_the_month_was_like(promtool):
    shown = [(expression("mttx-overview", title, ref, job="mttx"), expected) for title, ref, expected in OF_THE_MONTH]
    assert evaluate(promtool, shown) == ""


def test_a_target_without_any_incident_is_shown_without_a_value(promtool):
    """With the number 0, so that the tile says what it waits for."""
    expr = expression("mttx-overview", "Time to detect", TOO_FEW, job="mttx")
    nothing = re.sub(r"(mttx_indicator_(?:seconds|incidents|verdict)\{)", r'\1window="none", ', expr)
    shown = judged("detect", "p95", "all", 0, "5 min")
    there = (f"({nothing}) != bool 0", [{"labels": shown, "value": 1}])
    assert evaluate(promtool, [there, (f"count(({nothing}) > 0) or vector(0)", [{"labels": "{}", "value": 0}])]) == ""


def test_the_tile_follows_the_chosen_severity(promtool):
    expr = expression("mttx-overview", "Time to resolve", TOO_FEW, job="mttx", severity="SEV-2")
    assert evaluate(promtool, [(expr, [])]) == ""


def test_the_trend_shows_what_the_tile_shows(promtool):
    tests = []
    for title in ("Time to resolve", "Time to detect"):
        tile = expression("mttx-overview", title, OVER, job="mttx")
        trend = expression("mttx-overview", f"{title}: trend", "A", job="mttx")
        tests.append((f"count(({trend}) == on (job, indicator, statistic, incident_severity) ({tile}))", TRUE))
    assert evaluate(promtool, tests) == ""


def test_an_open_incident_disappears_from_the_clocks_when_it_is_resolved(promtool):
    expr = expression("mttx-overview", "Open incidents now", "A", job="mttx")
    assert evaluate(promtool, [(f"count({expr})", [{"labels": "{}", "value": 2}])]) == ""


def test_what_is_owed_is_owed_in_time_or_not(promtool):
    late, all_of_it = (expression("mttx-postmortems", "Outstanding and overdue", ref, job="mttx") for ref in "AB")

    def stages(each):
        return [{"labels": f'{{stage="{stage}"}}', "value": 4 * each} for stage in ("draft", "final")]

    assert evaluate(promtool, [(late, stages(1)), (all_of_it, stages(2 + 1))]) == ""


def test_the_share_on_time_has_no_verdict_below_three_documents(promtool):
    judged, few = (expression("mttx-postmortems", "Postmortem draft: on time", ref, job="mttx") for ref in "AB")
    severities = "count by (documents, incident_severity) ({})".format

    def documents(*pairs):
        return [
            {"labels": f'{{documents="{number}", incident_severity="SEV-{severity}"}}', "value": 1}
            for severity, number in pairs
        ]

    tests = [(severities(judged), documents((2, 4), (3, 6), (4, 8))), (severities(few), documents((1, 2)))]
    assert evaluate(promtool, tests) == ""


def test_durations_are_shared_out_without_counting_one_twice(promtool):
    """Each hour and severity bring one incident of five minutes at most, one of an hour at most, one of days."""
    only = 'and on (indicator) label_replace(vector(1), "indicator", "detect", "", "")'
    tests = []
    for ref, incidents in zip("ABCDEF", (1, 0, 1, 0, 0, 1), strict=True):
        expr = expression("mttx-overview", "Incident duration distribution", ref, job="mttx", __range="10h")
        expected = {"labels": '{indicator="detect", job="mttx"}', "value": 4 * 10 * incidents}
        tests.append((f"({expr}) {only}", [expected]))
    assert evaluate(promtool, tests) == ""


def test_the_display_zone_is_added_to_utc(promtool):
    tests = []
    for offset in (32400, -18000):
        utc, there = (
            expression("mttx-postmortems", "Postmortems to complete", ref, job="mttx", zone=str(offset)) for ref in "AB"
        )
        apart = f"count(({there} - ignoring (title) ({utc})) == {offset} * 1000)"
        tests.append((apart, [{"labels": "{}", "value": 6}]))
    assert evaluate(promtool, tests) == ""


def test_a_postmortem_without_a_known_title_is_still_listed(promtool):
    expr = expression("mttx-postmortems", "Postmortems to complete", "A", job="mttx")
    expr = expr.replace("mttx_incident_info{", 'mttx_incident_info{incident="INC-1", ')
    assert evaluate(promtool, [(f"count({expr})", [{"labels": "{}", "value": 6}])]) == ""


def test_tables_of_incidents_are_filtered_by_team_and_keep_what_is_not_known(promtool):
    """INC-1 is of payments, INC-3 of search, INC-2 of no team."""
    tests = []
    for uid, title, refs, of_all, of_search in (
        ("mttx-overview", "Open incidents now", "AB", 2, 1),
        ("mttx-postmortems", "Postmortems to complete", "ABC", 6, 2),
        ("mttx-postmortems", "Open actions", "ABC", 1, 1),
        ("mttx-postmortems", "Actions awaiting verification", "ABC", 1, 0),
    ):
        for ref in refs:
            for team, rows in ((".*", of_all), ("search", of_search)):
                expr = expression(uid, title, ref, job="mttx", incident_team=team)
                tests.append((f"count({expr}) or vector(0)", [{"labels": "{}", "value": rows}]))
    expr = expression("mttx-postmortems", "Postmortems to complete", "C", job="mttx", incident_team="search")
    capped = expr.replace("mttx_incident_info{", 'mttx_incident_info{incident="INC-1", ')
    tests.append((f"count({capped})", [{"labels": "{}", "value": 4}]))
    assert evaluate(promtool, tests) == ""


def test_each_value_of_a_dimension_has_a_line_and_incidents_without_one_too(promtool):
    expected = {"payments": 6, "search": 3, "other": 2, "no team": 1}
    incidents = [{"labels": f'{{job="mttx", value="{value}"}}', "value": n} for value, n in expected.items()]
    overdue = [{"labels": f'{{job="mttx", value="{value}"}}', "value": n - 1} for value, n in expected.items()]
    tests = [
        (expression("mttx-overview", "Incidents by $dimension", "A", job="mttx"), incidents),
        (f"count({expression('mttx-overview', 'Incidents by $dimension', 'B', job='mttx')} == 1)", [of_all(4)]),
        (expression("mttx-overview", "Incidents by $dimension", "C", job="mttx"), overdue),
        (f"count({expression('mttx-overview', 'Indicators by $dimension', 'A', job='mttx')})", [of_all(8)]),
        (f"count({expression('mttx-overview', 'Indicators by $dimension', 'D', job='mttx')})", [of_all(8)]),
    ]
    assert evaluate(promtool, tests) == ""


def of_all(number):
    return {"labels": "{}", "value": number}


@pytest.mark.parametrize("labels", [("team", "service"), ("squad",), ("job", "service", "tier_of_it"), ()])
def test_dashboards_of_other_dimensions_are_what_the_generator_would_write(labels):
    program = (
        f"import sys, json; sys.path.insert(0, {str(FOLDER)!r}); from generator import dimensions; "
        f"dimensions.LABELS = {labels!r}; import generate; print(json.dumps(generate.rendered()))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    for name, text in json.loads(result.stdout).items():
        bundled = json.loads((FOLDER / name).read_text(encoding="utf-8"))
        assert with_filters(bundled, labels) == json.loads(text), name


def test_phases_are_told_apart_and_come_in_the_order_of_the_numbers(promtool):
    shown = expression("mttx-timeline", "Incidents by phase", "A", job="mttx")
    expected = [
        {"labels": f'{{a_number="00000{number}", incident="INC-{number}", job="mttx"}}', "value": phase}
        for number, phase in ((1, 4), (2, 1), (3, 2))
    ]
    assert evaluate(promtool, [(shown, expected)]) == ""
    assert min("a_number", "incident", "job") == "a_number", "Prometheus sorts by the first label first"


def test_milestones_stay_readable_afterwards(promtool):
    shown = expression("mttx-timeline", "Milestones", "A", job="mttx", __range="3d")
    seen = {"labels": '{milestone="mitigated (first seen)", job="mttx"}', "value": 703 * 3600 * 1000}
    assert evaluate(promtool, [(f"({shown}) == 703 * 3600 * 1000", [seen])]) == ""


def test_an_interval_is_held_against_the_target_of_its_severity_before_that_of_all(promtool):
    target = expression("mttx-timeline", "Intervals against targets", "B", job="mttx", __range="1d", incident="INC-3")
    expected = [
        {"labels": f'{{interval="{interval}", job="mttx"}}', "value": seconds}
        for interval, seconds in (("detect", 300), ("acknowledge", 600), ("resolve", 6 * 3600))
    ]
    assert evaluate(promtool, [(target, expected)]) == ""


def test_an_incident_that_has_only_been_detected_keeps_the_columns_of_its_intervals(promtool):
    """Grafana drops a column without any sample: a NaN, shown as a dash, keeps it."""
    shown = [
        expression("mttx-timeline", "Intervals against targets", ref, job="mttx", __range="1d", incident="INC-2")
        for ref in "AC"
    ]
    assert evaluate(promtool, [(f"count({expr})", [{"labels": "{}", "value": 4}]) for expr in shown]) == ""


def test_a_reason_that_never_occurred_is_not_in_the_legend(promtool):
    """Of a source with two reasons, one of them 0 all along, one is left."""
    shown = expression("mttx-exporter", "Webhooks failed, by reason", "A", job="solo", __range="1d")
    quiet = shown.replace('instance=~".+"', 'instance=~".+", reason="busy"')
    reasons = [(f"count({expr}) or vector(0)", [{"labels": "{}", "value": n}]) for expr, n in ((shown, 1), (quiet, 0))]
    assert evaluate(promtool, reasons) == ""


# grafana/dashboard-linter, whose rules hold here even where it cannot be installed


def test_the_data_source_variable_is_as_the_linter_wants_it(board):
    variable = next(v for v in board["templating"]["list"] if v["type"] == "datasource")
    assert (variable["name"], variable["label"], variable["query"]) == ("datasource", "Data source", "prometheus")


def test_query_variables_are_as_the_linter_wants_them(board):
    queried = {v["name"]: v for v in board["templating"]["list"] if v["type"] == "query"}
    for variable in queried.values():
        assert variable["datasource"]["uid"] == "${datasource}"
        assert variable["refresh"] == 2, "on time range change"
        assert re.fullmatch(r"label_values\(\w+(\{.*\})?, \w+\)", variable["query"]["query"])
    for name in {"job", "instance"} & set(queried):
        assert queried[name]["label"] == name.title()
        assert queried[name]["multi"]
        assert queried[name]["allValue"] == ".+"


def test_every_selector_is_filtered_by_job(board):
    for panel, target in targets(board):
        matchers_found = re.findall(r"[\w:]+\{([^}]*)\}", target["expr"])
        assert matchers_found
        assert all('job=~"$job"' in matchers for matchers in matchers_found), panel["title"]


def test_every_selector_of_the_exporters_own_dashboard_is_filtered_by_instance():
    board = dashboard("mttx-exporter")
    assert "instance" in {variable["name"] for variable in board["templating"]["list"]}
    for panel, target in targets(board):
        matchers_found = re.findall(r"[\w:]+\{([^}]*)\}", target["expr"])
        assert all('instance=~"$instance"' in matchers for matchers in matchers_found), panel["title"]


def test_rate_takes_the_rate_interval(board):
    for _, target in targets(board):
        assert all(
            span == "$__rate_interval" for name, _, span in promql.rated(target["expr"]) if name in {"rate", "irate"}
        )


if shutil.which("dashboard-linter"):  # a Go program that no package of ours can bring along, so not a skip

    def test_the_linter_itself_agrees(board):
        command = ["dashboard-linter", "lint", "--strict", FOLDER / f"{board['uid']}.json"]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert result.returncode == 0, result.stdout + result.stderr


# Provisioning


def test_the_provisioned_data_source_is_a_prometheus_with_links_from_exemplars():
    provisioned = yaml.safe_load((FOLDER / "provisioning/datasources/mttx.yml").read_text(encoding="utf-8"))
    (source,) = provisioned["datasources"]
    assert source["type"] == "prometheus"
    (link,) = source["jsonData"]["exemplarTraceIdDestinations"]
    assert link["url"].endswith("/incidents/$${__value.raw}")
