"""The rule files of alert_rules/: what every rule must carry, and promtool's unit tests in tests/rules/.

promtool proves when an alert fires; this module proves that none is left out of that proof, of the runbook, or of the
rules that all of them follow.
"""

import functools
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from service.provisioning import bundled
from service.provisioning.rules import BUNDLED_LABELS, JOINED, joined
from tests.dashboards.catalogue import METRICS

ROOT = Path(__file__).parent.parent
RULE_FILES = sorted((ROOT / "alert_rules").glob("*.yml"))
UNIT_TESTS = sorted((ROOT / "tests" / "rules").glob("*_test.yml"))
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
README = (ROOT / "alert_rules" / "README.md").read_text(encoding="utf-8")
RUNBOOK_URL = "https://github.com/mttx-exporter/mttx-exporter/blob/main/docs/runbook.md"
RUNBOOK_PARTS = ("Meaning.", "Diagnosis.", "Response.", "When to silence.")

# The numbers that rules about incidents may name: shares, "at least three of them", one of replicas, nothing at all.
NOT_A_TARGET = {"0", "0.1", "0.25", "0.9", "1", "3"}
# What a process counts about itself is summed over the replicas; all else is the same in each.
COLLAPSED = re.compile(r"\b(max|sum|count) without \(instance, pod\b[^()]*\)\s*$")


@functools.cache
def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


RULES = [(path.name, rule) for path in RULE_FILES for group in load(path)["groups"] for rule in group["rules"]]
ALERTS = [(name, rule) for name, rule in RULES if "alert" in rule]
each_alert = pytest.mark.parametrize(
    ("file_name", "rule"), [pytest.param(*a, id=f"{a[1]['alert']}-{a[1]['labels']['severity']}") for a in ALERTS]
)
each_rule = pytest.mark.parametrize(
    ("file_name", "rule"),
    [pytest.param(*r, id=f"{i}-{r[1].get('alert', r[1].get('record'))}") for i, r in enumerate(RULES)],
)


def seconds(duration):
    """Read a duration as promtool's files write it, such as `90m` or `1h30m`."""
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    return timedelta(**{units[u]: int(n) for n, u in re.findall(r"(\d+)([smhd])", str(duration))}).total_seconds()


def checks_of(alert, severity):
    """Yield (group, evaluation interval, moments silent, moments firing) of every promtool group about this alert."""
    for path in UNIT_TESTS:
        document = load(path)
        for group in document["tests"]:
            moments = [t for t in group.get("alert_rule_test", ()) if t["alertname"] == alert]
            firing = [t for t in moments if any(a["exp_labels"]["severity"] == severity for a in t["exp_alerts"])]
            if moments:
                silent = [seconds(t["eval_time"]) for t in moments if t not in firing]
                interval = seconds(document["evaluation_interval"])
                yield group, interval, silent, [seconds(t["eval_time"]) for t in firing]


def groups_firing(rule):
    return [group for group, _, _, firing in checks_of(rule["alert"], rule["labels"]["severity"]) if firing]


def label_values(group, label):
    """Return every value that a label takes in a group's input."""
    return {v for s in group["input_series"] for v in re.findall(rf'\b{label}="([^"]*)"', s["series"])}


def without_strings(expr):
    return re.sub(r'"[^"]*"', '""', expr)


def enclosing(expr, position):
    """Yield the text before each parenthesis that is still open at this position."""
    opened = []
    for index, character in enumerate(expr[:position]):
        if character == "(":
            opened.append(index)
        elif character == ")":
            opened.pop()
    yield from (expr[:index] for index in opened)


def test_promtool_finds_nothing_to_complain_about(require):
    command = [require("promtool"), "check", "rules", "--lint=all", "--lint-fatal", *map(str, RULE_FILES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda p: p.stem)
def test_the_rules_fire_and_stay_silent_when_they_should(require, path):
    done = subprocess.run(
        [require("promtool"), "test", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@each_alert
def test_an_alert_is_ours_and_says_how_urgent_it_is(file_name, rule):
    assert rule["alert"].startswith("Mttx"), "the exporter ignores alerts named Mttx…, so that they open no incident"
    assert rule["labels"] == {"severity": rule["labels"]["severity"], "mttx_ignore": "true"}
    assert rule["labels"]["severity"] in {"warning", "critical"}


@each_alert
def test_an_alert_is_explained_to_whoever_gets_it(file_name, rule):
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert all(rule["annotations"].values())
    assert not re.search(r"\$value\s*\}\} ?(s|seconds)\b", rule["annotations"]["description"]), "humanise durations"


@each_alert
def test_an_alert_has_its_section_in_the_runbook(file_name, rule):
    assert rule["annotations"]["runbook_url"] == f"{RUNBOOK_URL}#{rule['alert'].lower()}"
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))
    missing = [part for part in RUNBOOK_PARTS if f"**{part}**" not in sections.get(rule["alert"], "")]
    assert not missing


def test_the_runbook_describes_no_alert_that_is_gone():
    assert set(re.findall(r"^## (Mttx\w+)", RUNBOOK, re.MULTILINE)) == {rule["alert"] for _, rule in ALERTS}


@pytest.mark.parametrize("expression", JOINED)
def test_the_bundled_rules_join_what_the_export_replaces(expression):
    texts = "".join(path.read_text(encoding="utf-8") for path in RULE_FILES)
    assert texts.count(f"        expr: |\n{joined(expression, BUNDLED_LABELS)}\n") == 1


def test_the_export_replaces_the_base_that_the_rules_have():
    assert bundled.RUNBOOK_URL == RUNBOOK_URL
    assert "--runbook-base" in README


@each_alert
def test_an_alert_is_tested_firing_and_silent_just_before(file_name, rule):
    """Just before: at most two evaluations earlier, with the same series."""
    assert any(
        0 < at - before <= 2 * interval
        for _, interval, silent, firing in checks_of(rule["alert"], rule["labels"]["severity"])
        for before in silent
        for at in firing
    )


@each_alert
def test_an_alert_is_tested_with_two_replicas(file_name, rule):
    assert any({"a", "b"} <= label_values(group, "instance") for group in groups_firing(rule))


@each_alert
def test_an_alert_about_one_severity_is_tested_beside_another(file_name, rule):
    groups = groups_firing(rule)
    moments = [t for group in groups for t in group.get("alert_rule_test", ()) if t["alertname"] == rule["alert"]]
    if any("incident_severity" in a["exp_labels"] for t in moments for a in t["exp_alerts"]):
        assert any(len(label_values(group, "incident_severity")) > 1 for group in groups)


@each_rule
def test_a_rule_reads_one_value_for_all_replicas(file_name, rule):
    expr = rule["expr"]
    for metric in re.finditer(r"(?<![\w:])(mttx_\w+|up)\b(?!:)", without_strings(expr)):
        before = enclosing(without_strings(expr), metric.start())
        assert any(COLLAPSED.search(text) for text in before), f"{metric[0]} comes once from every replica"


@each_rule
def test_a_rule_sums_only_what_each_process_counts_for_itself(file_name, rule):
    for function, metric in re.findall(
        r"\b(sum|max) without \(instance, pod[^()]*\) \(increase\((mttx_\w+)", rule["expr"]
    ):
        assert function == ("max" if METRICS[metric].shared else "sum")


@each_rule
def test_a_target_is_read_from_its_metric_and_never_written_down(file_name, rule):
    if file_name == "exporter.yml":
        return
    numbers = re.findall(r"(?<![\w.])\d+(?:\.\d+)?\w*", without_strings(rule["expr"]))
    assert set(numbers) <= NOT_A_TARGET


# cloudflare/pint: those of its checks that ask no Prometheus, which hold here even where it cannot be installed

COMPARISON = re.compile(r"(?:[=!]=|[<>]=?)(?!\s*bool\b)")
REGEX = re.compile(r'(\w+)\s*[=!]~\s*"([^"]*)"')


def is_excluded(file_name, check):
    return f"# pint file/disable {check}\n" in (ROOT / "alert_rules" / file_name).read_text(encoding="utf-8")


@each_alert
def test_pint_alerts_comparison(file_name, rule):
    """Without a comparison an alert fires for every value, 0 too."""
    assert COMPARISON.search(without_strings(rule["expr"]))


@each_alert
def test_pint_alerts_for(file_name, rule):
    assert "for" not in rule or seconds(rule["for"]) > 0, "leave it out"
    assert "keep_firing_for" not in rule, "Debian's Prometheus does not know it"


@each_alert
def test_pint_alerts_template(file_name, rule):
    """A label with a value in it would make a new alert of every value; only annotations may have one."""
    assert not any("{{" in value for value in rule["labels"].values())


def test_pint_rule_duplicate():
    assert len({(rule.get("alert", rule.get("record")), rule["expr"]) for _, rule in RULES}) == len(RULES)


@each_rule
def test_pint_promql_fragile(file_name, rule):
    """No function that picks other series at each evaluation. What else the check warns of is excluded in the files.

    The series that replicas have of one incident differ only while one of them has not been scraped since a change.
    """
    one_of_replicas = re.sub(r"\btopk by \([^()]+, incident\) \(\s*1,", "", rule["expr"])
    assert not re.search(r"\b(?:topk|bottomk|limitk|limit_ratio)\b", without_strings(one_of_replicas))


@each_rule
def test_pint_promql_regexp(file_name, rule):
    """A regular expression is one, has no anchors, and picks no part out of a label's value, or says that it does."""
    for label, pattern in REGEX.findall(rule["expr"]):
        assert re.search(r"[|.*+?\[(]", pattern), f"{label} needs no regular expression"
        assert not re.search(r"^\^|\$$", pattern), "Prometheus anchors it"
        if re.search(r"[.*+?\[(]", pattern):
            assert is_excluded(file_name, "promql/regexp")


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda p: p.stem)
def test_every_exclusion_from_pint_has_its_reason_in_the_line_below(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("# pint ") == len(re.findall(r"^# pint file/disable \S+\n# \(.{40,}\)$", text, re.MULTILINE))


if shutil.which("pint"):  # a Go program that no package of ours can bring along, so not a skip

    def test_pint_itself_finds_no_bug():
        command = ["pint", "--no-color", "--offline", "lint", *map(str, RULE_FILES)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
