"""The committed dashboards: what the generator writes, laid out to be read, and true with one replica or two.

Grafana itself is not asked (it cannot be installed everywhere); `promtool` evaluates every expression over a month.
"""

import json
import re
import shutil
import subprocess
import sys
from itertools import pairwise

import pytest
import yaml

from tests.dashboards import promql
from tests.dashboards.catalogue import catalogue, counting
from tests.dashboards.expressions import DELIBERATELY_EMPTY, FOLDER, UIDS, dashboard, expressions, fill, panels, targets
from tests.dashboards.month import NOW, input_series

VARIABLES = {"datasource", "job", "severity", "window", "exporter_url"}
ADDED_BY_PROMETHEUS = {"job", "instance", "pod"}
WITHOUT_QUERY = {"annolist"}
GRAPHS = {"timeseries", "heatmap", "state-timeline"}
SCRAPED_HOURLY = {"__rate_interval": "4h"}


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
    assert not any("elements" in panel or "spec" in panel for panel in board["panels"])


# Layout


def test_panels_fill_rows_of_24_columns_without_overlap(board):
    cells = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["w"] > 0
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert cells.setdefault((x, y), panel["title"]) == panel["title"], (x, y)
    height = max(y for _, y in cells) + 1
    assert len(cells) == 24 * height, "a hole in the grid"


def test_every_section_has_panels_and_every_panel_a_section(board):
    kinds = [panel["type"] for panel in board["panels"]]
    assert kinds[0] == "row"
    assert kinds[-1] != "row"
    assert ("row", "row") not in set(pairwise(kinds))


def test_panel_ids_and_titles_are_unique_within_a_dashboard(board):
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    titles = [panel["title"] for panel in panels(board)]
    assert len(set(titles)) == len(titles)


def test_titles_are_short(board):
    for panel in board["panels"]:
        assert 0 < len(panel["title"]) <= 40, panel["title"]


def test_every_panel_explains_itself(board):
    for panel in panels(board):
        assert len(panel["description"]) >= 40, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"], panel["title"]
        assert defaults["noValue"].endswith("."), panel["title"]


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


def test_it_has_the_variables(board):
    assert {variable["name"] for variable in board["templating"]["list"]} >= VARIABLES


def test_every_variable_in_use_is_defined(board):
    known = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board)))
    assert {name for name in used if not name.startswith("__")} <= known


def test_every_visible_variable_is_used_somewhere(board):
    text = json.dumps([board["panels"], board["links"]] + [v.get("query") for v in board["templating"]["list"]])
    for variable in board["templating"]["list"]:
        if variable["hide"] == 0:
            assert re.search(rf"\${{?{variable['name']}\b", text), variable["name"]


def test_the_data_source_is_the_variable_everywhere(board):
    for panel in panels(board):
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])
        assert panel["targets"] or panel["type"] in WITHOUT_QUERY


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


def test_incidents_are_annotated_on_every_graph_with_an_explicit_limit(board):
    queries = board["annotations"]["list"]
    assert all(query["target"]["limit"] > 100 for query in queries)
    tagged = next(query for query in queries if query["target"]["tags"] == ["mttx"])
    assert tagged["enable"]
    assert tagged["datasource"] == {"type": "grafana", "uid": "-- Grafana --"}
    assert "filter" not in tagged, "a filter would leave panels out"


def test_the_list_of_annotations_has_a_limit():
    listed = [panel for panel in panels(dashboard("mttx-timeline")) if panel["type"] == "annolist"]
    assert [panel["options"]["limit"] > 100 for panel in listed] == [True]


def test_columns_that_claim_a_time_zone_stand_on_a_utc_dashboard(board):
    assert board["timezone"] == "utc"


# Expressions


def test_legends_name_labels_that_the_metrics_have(board):
    labels = set().union(*catalogue().values()) | ADDED_BY_PROMETHEUS
    for panel, target in targets(board):
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= labels, panel["title"]


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
    assert steps <= {None, 0, 0.25, 0.8, 1}, "a colour may depend on a share or a sign, never on seconds"


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
    """Evaluate (expression, expected samples) pairs at the end of the month; give promtool's complaints."""
    checks = [{"expr": expr, "eval_time": f"{NOW}s", "exp_samples": expected} for expr, expected in tests]
    month = {"interval": "1h", "input_series": list(input_series()), "promql_expr_test": checks}
    result = promtool(["test", "rules"], {"rule_files": [], "evaluation_interval": "1h", "tests": [month]})
    return "" if result.returncode == 0 else result.stdout + result.stderr


TRUE = [{"labels": "{}", "value": 1}]


def test_every_expression_returns_data_over_a_month(board, promtool):
    tests = [
        (f"count({expr}) > bool 0", TRUE)
        for title, expr in expressions(board, **SCRAPED_HOURLY)
        if title not in DELIBERATELY_EMPTY
    ]
    assert evaluate(promtool, tests) == ""


def test_a_panel_that_may_be_empty_still_shows_what_there_is(promtool):
    for title in DELIBERATELY_EMPTY:
        exprs = [expr for name, expr in expressions(dashboard("mttx-overview")) if name == title]
        united = " or ".join(f"count({expr})" for expr in exprs)
        assert evaluate(promtool, [(f"({united}) > bool 0", TRUE)]) == ""


@pytest.mark.parametrize("uid", sorted(set(UIDS) - {"mttx-exporter"}))
def test_two_replicas_show_what_one_shows(uid, promtool):
    pair, alone = (expressions(dashboard(uid), job=job, **SCRAPED_HOURLY) for job in ("mttx", "solo"))
    tests = []
    for (title, two), (_, one) in zip(pair, alone, strict=True):
        if title not in DELIBERATELY_EMPTY:
            same = f"count(sum without (job) ({two}) == sum without (job, instance) ({one}))"
            tests.append((f"{same} == bool count({one})", TRUE))
    assert evaluate(promtool, tests) == ""


def expression(uid, title, ref, **values):
    return next(
        fill(target["expr"], **values)
        for panel, target in targets(dashboard(uid))
        if panel["title"] == title and target["refId"] == ref
    )


SEV_2_RESOLVE = '{indicator="resolve", statistic="mean", incident_severity="SEV-2", job="mttx"}'


@pytest.mark.parametrize(
    ("title", "ref", "expected"),
    [
        # SEV-1 used half of its two hours, SEV-2 eight of its six: the tile shows SEV-2
        ("Time to resolve", "A", [{"labels": SEV_2_RESOLVE, "value": 8 / 6}]),
        ("Time to resolve", "B", [{"labels": SEV_2_RESOLVE, "value": 8 * 3600}]),
        ("Time to resolve", "C", [{"labels": SEV_2_RESOLVE, "value": 6 * 3600}]),
        (
            "Time to resolve",
            "D",
            [{"labels": '{indicator="resolve", incident_severity="SEV-2", job="mttx"}', "value": 2}],
        ),
        ("Time to mitigate", "A", []),
        (
            "Time to mitigate",
            "B",
            [{"labels": '{indicator="mitigate", statistic="p95", job="mttx"}', "value": 7200}],
        ),
        # nobody has answered INC-2 for 20 minutes, with 10 allowed; INC-3 was answered and has no such clock
        (
            "Open incidents now",
            "C",
            [{"labels": '{incident="INC-2", incident_severity="SEV-1", job="mttx"}', "value": -600}],
        ),
    ],
)
def test_the_overview_says_what_the_month_was_like(promtool, title, ref, expected):
    expr = expression("mttx-overview", title, ref, job="mttx")
    assert evaluate(promtool, [(expr, expected)]) == ""


def test_the_tile_follows_the_chosen_severity(promtool):
    expr = expression("mttx-overview", "Time to resolve", "A", job="mttx", severity="SEV-1")
    assert evaluate(promtool, [(expr, [{"labels": SEV_2_RESOLVE.replace("SEV-2", "SEV-1"), "value": 0.5}])]) == ""


def test_an_open_incident_disappears_from_the_clocks_when_it_is_resolved(promtool):
    expr = expression("mttx-overview", "Open incidents now", "A", job="mttx")
    assert evaluate(promtool, [(f"count({expr})", [{"labels": "{}", "value": 2}])]) == ""


def test_what_is_owed_is_owed_in_time_or_not(promtool):
    expr = expression("mttx-postmortems", "Owed", "A", job="mttx")
    expected = [{"labels": f'{{stage="{stage}"}}', "value": 4 * (2 + 1)} for stage in ("draft", "final")]
    assert evaluate(promtool, [(expr, expected)]) == ""


def test_the_share_on_time_weighs_each_severity_by_its_documents(promtool):
    # of one, two, three and four documents, one each was in time
    expr = expression("mttx-postmortems", "Postmortem draft: on time", "B", job="mttx")
    assert evaluate(promtool, [(expr, [{"labels": '{job="mttx"}', "value": 0.4}])]) == ""


def test_jst_is_utc_plus_nine_hours(promtool):
    utc, jst = (expression("mttx-postmortems", "Postmortems to be done", ref, job="mttx") for ref in "AB")
    tests = [(f"count(({jst} - ignoring (title) ({utc})) == 9 * 3600 * 1000)", [{"labels": "{}", "value": 6}])]
    assert evaluate(promtool, tests) == ""


def test_a_postmortem_without_a_known_title_is_still_listed(promtool):
    expr = expression("mttx-postmortems", "Postmortems to be done", "A", job="mttx")
    expr = expr.replace("mttx_incident_info{", 'mttx_incident_info{incident="INC-1", ')
    assert evaluate(promtool, [(f"count({expr})", [{"labels": "{}", "value": 6}])]) == ""


def test_phases_are_told_apart_and_stay_readable_afterwards(promtool):
    shown = expression("mttx-timeline", "Incidents by phase", "A", job="mttx")
    mitigated = expression("mttx-timeline", "Milestones (UTC)", "D", job="mttx")
    expected = [
        {"labels": f'{{incident="INC-{number}", job="mttx"}}', "value": phase}
        for number, phase in ((1, 4), (2, 1), (3, 2))
    ]
    seen = [{"labels": '{incident="INC-1", job="mttx"}', "value": 703 * 3600 * 1000}]
    assert evaluate(promtool, [(shown, expected), (mitigated, seen)]) == ""


# grafana/dashboard-linter, whose rules hold here even where it cannot be installed

LINT = yaml.safe_load((FOLDER / ".lint").read_text(encoding="utf-8"))


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
        found = re.findall(r"[\w:]+\{([^}]*)\}", target["expr"])
        assert found
        assert all('job=~"$job"' in matchers for matchers in found), panel["title"]


def test_every_selector_of_the_exporters_own_dashboard_is_filtered_by_instance():
    board = dashboard("mttx-exporter")
    assert "instance" in {variable["name"] for variable in board["templating"]["list"]}
    for panel, target in targets(board):
        found = re.findall(r"[\w:]+\{([^}]*)\}", target["expr"])
        assert all('instance=~"$instance"' in matchers for matchers in found), panel["title"]


def test_rate_takes_the_rate_interval(board):
    for _, target in targets(board):
        assert all(
            span == "$__rate_interval" for name, _, span in promql.rated(target["expr"]) if name in {"rate", "irate"}
        )


def test_dashboards_are_not_editable_in_place(board):
    assert board["editable"] is False


def test_every_lint_exclusion_has_a_reason_and_names_a_dashboard_that_exists():
    titles = {dashboard(uid)["title"] for uid in UIDS}
    for rule in LINT["exclusions"].values():
        assert len(rule["reason"]) > 40
        assert {entry["dashboard"] for entry in rule.get("entries", ())} <= titles


if shutil.which("dashboard-linter"):  # a Go program that no package of ours can bring along, so not a skip

    def test_the_linter_itself_agrees(board):
        command = ["dashboard-linter", "lint", "--strict", FOLDER / f"{board['uid']}.json"]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert result.returncode == 0, result.stdout + result.stderr


# Provisioning


def test_the_provider_reads_a_folder_and_allows_no_edits_that_would_be_lost():
    provisioned = yaml.safe_load((FOLDER / "provisioning/dashboards/mttx.yml").read_text(encoding="utf-8"))
    (provider,) = provisioned["providers"]
    assert provider["type"] == "file"
    assert provider["allowUiUpdates"] is False


def test_the_provisioned_data_source_is_a_prometheus_with_links_from_exemplars():
    provisioned = yaml.safe_load((FOLDER / "provisioning/datasources/mttx.yml").read_text(encoding="utf-8"))
    (source,) = provisioned["datasources"]
    assert source["type"] == "prometheus"
    (link,) = source["jsonData"]["exemplarTraceIdDestinations"]
    assert link["url"].endswith("/incidents/$${__value.raw}")
