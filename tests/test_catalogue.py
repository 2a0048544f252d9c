"""One catalogue: what dashboards, rules and documents name is what the code exports, and what it exports is shown.

Names, labels, and the values of labels that take few. `tests/real/test_month.py` shows that all of it is exported.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from service.domain.incident import Phase
from service.domain.policy import Indicator, Milestone, Severity, Stage, Statistic
from service.domain.recovery import ResolutionSource
from service.intake.declaration import DeclaredField
from service.intake.reasons import Failure
from service.intake.sources import Source
from service.settings.model import Settings
from service.wiring.sources import shipped
from tests.dashboards.catalogue import METRICS, catalogue, counting, series_of
from tests.dashboards.expressions import UIDS, dashboard, expressions
from tests.dashboards.promql import grouped_labels, made_labels

ROOT = Path(__file__).parent.parent
FOLDERS = {".": "[CR][OE]*.md", "docs": "**/*.md", "alert_rules": "*.md", "dashboards": "**/*.md"}
DOCUMENTS = [path for folder, pattern in FOLDERS.items() for path in sorted((ROOT / folder).glob(pattern))]
RULES = [
    rule
    for path in sorted((ROOT / "alert_rules").glob("*.yml"))
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]

METRIC = re.compile(r"(?<![\w:])(mttx_\w+)\b(?!:)(?:\{([^{}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*(?:"([^"]*)"|%q)')
IN_A_STRING = re.compile(r'"[^"]*"')
BY_THE_SCRAPE = {"job", "instance", "pod", "namespace", "cluster"}
NOT_METRICS = {"mttx_ignore", "mttx_probe"}  # a label by which alerts are left alone, and a table
VALUES = {
    "incident_severity": set(Severity),
    "stage": set(Stage),
    "indicator": set(Indicator),
    "statistic": set(Statistic),
    "milestone": set(Milestone),
    "phase": set(Phase),
    "resolution_source": set(ResolutionSource),
    "window": set(Settings().window_lengths),
    "source": {*Source, *shipped()},
    "field": set(DeclaredField),
}
VALUES_OF = {("mttx_webhook_failures_total", "reason"): set(Failure)}


@dataclass(frozen=True, slots=True)
class Use:
    """A metric as it is named somewhere, with the matchers behind it as (label, operator, value)."""

    where: str
    metric: str
    matchers: tuple


def uses(where, text):
    return [
        Use(where, match[1], tuple(match.groups() for match in MATCHER.finditer(match[2] or "")))
        for match in METRIC.finditer(text)
        if match[1] not in NOT_METRICS
    ]


def name(rule):
    return rule.get("alert", rule.get("record"))


def templates(rule):
    return " ".join(rule.get("annotations", {}).values())


ON_DASHBOARDS = [use for uid in UIDS for title, expr in expressions(dashboard(uid)) for use in uses(title, expr)]
IN_RULES = [use for rule in RULES for use in uses(name(rule), f"{rule['expr']} {templates(rule)}")]
IN_DOCUMENTS = [use for path in DOCUMENTS for use in uses(path.name, path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("uses", [ON_DASHBOARDS, IN_RULES], ids=["dashboards", "rules"])
def test_it_exports_every_metric_that_is_queried(uses):
    assert len({use.metric for use in uses}) > 20, "they were not found"
    assert [use for use in uses if use.metric not in catalogue()] == []


def test_it_exports_every_metric_that_a_document_names():
    """A document may also name a histogram as a whole, or a family of metrics: `mttx_indicator_*`."""
    series = {*catalogue(), *METRICS}
    families = re.compile(r"mttx_\w*_(?=\*)|mttx_(?=…|\*)")
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for family in families.findall(text):
            assert any(metric.startswith(family) for metric in series), f"{path.name}: {family}*"
        named = {use.metric for use in uses(path.name, families.sub("", text))}
        assert named <= series, path.name


@pytest.mark.parametrize("uses", [ON_DASHBOARDS, IN_RULES, IN_DOCUMENTS], ids=["dashboards", "rules", "documents"])
def test_it_exports_every_label_that_is_asked_for(uses):
    for use in uses:
        asked = {label for label, _, _ in use.matchers}
        assert asked <= catalogue()[use.metric] | BY_THE_SCRAPE if asked else True, use


def test_it_exports_every_label_that_is_grouped_by():
    """An expression may group by the labels of any metric in it, so only those of none are wrong."""
    texts = [(title, expr) for uid in UIDS for title, expr in expressions(dashboard(uid))]
    texts += [(name(rule), rule["expr"]) for rule in RULES]
    for where, expr in texts:
        metrics = [use.metric for use in uses(where, expr)] or re.findall(r":(mttx_\w+):", expr)
        labels = set().union(*(catalogue().get(metric, ()) for metric in metrics))
        allowed = labels | BY_THE_SCRAPE | {"version"} | made_labels(expr)
        assert grouped_labels(IN_A_STRING.sub('""', expr)) <= allowed, where


def test_it_exports_every_label_that_an_alert_speaks_of():
    every = set().union(*catalogue().values()) | BY_THE_SCRAPE
    for rule in RULES:
        assert set(re.findall(r"\$labels\.(\w+)", templates(rule))) <= every, name(rule)


@pytest.mark.parametrize("uses", [ON_DASHBOARDS, IN_RULES, IN_DOCUMENTS], ids=["dashboards", "rules", "documents"])
def test_it_knows_every_value_that_is_asked_for(uses):
    """A value that no series ever has makes a query that is silent for ever."""
    for use in uses:
        for label, operator, value in use.matchers:
            values = VALUES_OF.get((use.metric, label), VALUES.get(label))
            if values is None or not value:  # a label with any value, or a template that fills it in
                continue
            asked = value.split("|") if "~" in operator else [re.escape(value)]
            assert all(any(re.fullmatch(pattern, exported) for exported in values) for pattern in asked), use


def test_it_shows_every_metric_that_it_exports():
    """On a dashboard or in a rule. A metric that nobody ever looks at need not be exported."""
    used = {use.metric for use in (*ON_DASHBOARDS, *IN_RULES)}
    assert [metric.name for metric in METRICS.values() if not used & set(series_of(metric))] == []


def test_rules_take_rates_of_counters_only():
    for rule in RULES:
        rated = re.findall(r"\b(?:i?rate|increase)\((\w+)", rule["expr"])
        assert len(rated) == len(re.findall(r"\b(?:i?rate|increase|i?delta|deriv|resets|changes)\(", rule["expr"]))
        assert set(rated) <= counting(), name(rule)


@pytest.mark.parametrize("reason", list(Failure))
def test_the_runbook_says_what_to_change_for_every_reason_of_a_failure(reason):
    runbook = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
    assert f"`{reason}`" in runbook
