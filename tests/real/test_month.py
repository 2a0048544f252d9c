"""A month replayed against the real exporter, watched by a real Prometheus with the rules as they are shipped.

The same month (`month.py`) is told to two exporters, and what fires is compared with a calculation of its own
(`month_expected.py`), at every evaluation and for every incident and stage (`month_history.py`):

* `mttx-fast`: all is 20,000 times as fast, the policy too: a minute is 3 ms, a day 4.32 s. Days 0 to 25 are told at
  once, with their times in the past; the last five days go by live, each piece of news told when it happens.
* `mttx-true`: the standard's own policy, untouched, and the true scale: it is day 28, and everything before is told at
  once. Prometheus can see this one only as it is now, so it shows what fires and not when it began to.

Not covered: the weekly review in the fast month (a meeting has a wall-clock time, so SEV-4 has "a week" there; the real
one is in the true month); windows other than by their real length (all of the fast month is within 30 days; an incident
leaves the window of the true month while it is watched); the alerts of exporter.yml that wait (`for`) or look back a
week, which must stay silent here and fire in tests/rules/; several replicas, which promtool tests.
"""

import re
import time
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.dashboards import promql
from tests.dashboards.catalogue import METRICS, series_of
from tests.dashboards.expressions import SHARED_OUT, UIDS, as_it_ends, dashboard, expressions
from tests.real.http import request
from tests.real.month import DAY, MONTH, STANDARD, Replay, incident
from tests.real.month_history import Judge, expected_now, history
from tests.real.processes import until
from tests.real.servers import REPOSITORY, Exporter, Prometheus

pytestmark = pytest.mark.real

SCALE = 20_000
FIRST_LIVE_DAY, LAST_DAY, TRUE_DAY = 25, 30, 28
QUICK = {"scrape_interval": "250ms", "evaluation_interval": "250ms"}
# By name: what had to fire at some evaluations and be silent at others, in one of the two months.
COVERED = {
    "MttxPostmortemDueSoon",
    "MttxPostmortemOverdue",
    "MttxPostmortemLongOverdue",
    "MttxWeeklyReviewDue",
    "MttxActionOverdue",
    "MttxIncidentNotAcknowledged",
    "MttxIncidentNotResolved",
    "MttxSev1Open",
    "MttxManyIncidentsOpen",
    "MttxIncidentsStale",
    "MttxIndicatorMissed",
    "MttxSeverityIndicatorAboveTarget",
    "MttxWithinTargetShareLow",
    "MttxSeverityWithinTargetShareLow",
    "MttxMilestonesMissing",
    "MttxIntervalsInvalid",
    "MttxWebhooksRejected",
    "MttxAlertsTruncated",
}
RULE_FILES = sorted((REPOSITORY / "alert_rules").glob("*.yml"))
GROUPS = [group for path in RULE_FILES for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]
GROUP_OF = {rule["alert"]: group["name"] for group in GROUPS for rule in group["rules"] if "alert" in rule}

# Panels of the real exporter that may show nothing, and why. All other expressions must return data.
NOTHING_IS_DELIVERED = "no Grafana and no Slack are configured, so there may be no series at all"
NOTHING_IS_MEASURED = "no objectives are configured"
ZEROS_ARE_LEFT_OUT = "what did not occur in the time range is not drawn"
MAYBE_EMPTY = {
    ("mttx-overview", "Missing data"): ZEROS_ARE_LEFT_OUT,
    ("mttx-overview", "Error budget spent by incidents"): NOTHING_IS_MEASURED,
    ("mttx-overview", "Costly incidents"): NOTHING_IS_MEASURED,
    ("mttx-overview", "Error budgets by $dimension"): NOTHING_IS_MEASURED,
    ("mttx-exporter", "Webhooks failed, by reason"): ZEROS_ARE_LEFT_OUT,
    ("mttx-exporter", "Alerts ignored, by reason"): ZEROS_ARE_LEFT_OUT,
    ("mttx-exporter", "Commits and database errors"): ZEROS_ARE_LEFT_OUT,
    ("mttx-exporter", "Outbox: pending and rejected"): NOTHING_IS_DELIVERED,
    ("mttx-exporter", "Outbox: oldest message"): NOTHING_IS_DELIVERED,
    ("mttx-exporter", "Outbox: deliveries and failures"): NOTHING_IS_DELIVERED,
}
CONFIGURED = {name for name in METRICS if name.startswith("mttx_outbox_")} | {
    "mttx_webhook_unreadable_total",
    "mttx_severity_indicator_verdict",
    "mttx_incident_error_budget_spent_ratio",
    "mttx_error_budget_spent_ratio_total",
    "mttx_breakdown_error_budget_spent_ratio",
}
"""Metrics of what has to be configured, so that they may be missing."""


@dataclass(frozen=True, slots=True)
class World:
    prometheus: Prometheus
    fast: Replay
    true: Replay

    @property
    def replays(self):
        return self.fast, self.true


@pytest.fixture(scope="module")
def world(start_for_module, tmp_path_factory, prometheus_needed):
    """Start everything, tell the past to both exporters, and let the last five days of the fast month go by."""
    start, home = start_for_module, tmp_path_factory.mktemp("month")
    policy = STANDARD.faster(SCALE)
    exporters = start(Exporter(home / "fast", policy.settings())), start(Exporter(home / "true"))
    prometheus = start(_prometheus(home, dict(zip(("mttx-fast", "mttx-true"), exporters, strict=True))))
    until(lambda: prometheus.value("count(count_over_time(mttx_build_info[1m]) > 9)") == 2, "scrapes before any news")
    now = time.time()
    true = Replay(exporters[1], "mttx-true", STANDARD, now - TRUE_DAY * DAY)
    true.tell(_true_month(true))
    fast = Replay(exporters[0], "mttx-fast", policy, time.time() - FIRST_LIVE_DAY * DAY / SCALE, SCALE)
    _go_by(fast)
    return World(prometheus, fast, true)


def _prometheus(home, exporters):
    jobs = [{"job_name": job, "static_configs": [{"targets": [e.address]}]} for job, e in exporters.items()]
    return Prometheus(home / "prometheus", {"global": QUICK, "scrape_configs": jobs}, rules=[_rules(home)])


def _rules(home):
    """Write the shipped rules with one more in each group: it records when the group was evaluated."""
    path = home / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [_with_its_evaluations(group) for group in GROUPS]}), encoding="utf-8")
    return path


def _with_its_evaluations(group):
    evaluated = {"record": "month:evaluated", "expr": "vector(1)", "labels": {"group": group["name"]}}
    return group | {"rules": [*group["rules"], evaluated]}


def _true_month(replay):
    """Give what happened until now, and an incident that leaves the window of 30 days in twelve seconds."""
    leaving = TRUE_DAY - 30 + 12 / DAY
    slow = incident("leaves", "SEV-1", leaving, started=-0.05, acknowledged=0.1, resolved=1, drafted=11, finalized=60)
    return sorted((*slow, *(event for event in MONTH if event.known_on < TRUE_DAY)), key=lambda event: event.known_on)


def _go_by(replay):
    """Tell the past at once and the rest as it happens, until the month is over."""
    news = list(MONTH)
    while news or time.time() < replay.instant(LAST_DAY):
        due = [event for event in news if replay.instant(event.known_on) <= time.time()]
        if due:
            replay.tell(due)
            news = news[len(due) :]
        time.sleep(0.005)


@pytest.fixture(scope="module")
def ended_with(world):
    """Give the alerts with which the months ended, once these are what they have to be."""
    return until(lambda: _as_expected(world), "the alerts that the months have to end with")


@pytest.fixture(scope="module")
def judges(world, ended_with):
    """Judge the whole history of both months."""
    return [Judge(world.prometheus, replay, GROUP_OF) for replay in world.replays]


def _as_expected(world):
    expected = [expected_now(replay) for replay in world.replays]
    firing = [_firing(world, replay) for replay in world.replays]
    return set().union(*firing) if firing == expected else None


def _firing(world, replay):
    """Return the labels of the alerts that fire now for one of the months."""
    alerts = [alert["labels"] for alert in world.prometheus.alerts() if alert["state"] == "firing"]
    return {frozenset(labels.items()) for labels in alerts if labels.get("job") == replay.job}


def test_it_fires_exactly_for_what_an_independent_calculation_says(judges):
    wrong = [line for judge in judges for line in judge.wrong]
    assert not wrong, "\n".join(wrong[:20])


def test_it_fires_nothing_of_which_the_calculation_knows_nothing(world, judges):
    jobs = {labels["job"] for labels, _ in history(world.prometheus, 'ALERTS{alertstate="firing"}')}
    assert jobs == {replay.job for replay in world.replays}
    assert world.prometheus.rule_errors() == {}


def test_it_saw_every_covered_alert_fire_and_be_silent(judges, ended_with):
    fired = set().union({dict(labels)["alertname"] for labels in ended_with}, *(judge.fired for judge in judges))
    silent = set().union(*(judge.silent for judge in judges))
    assert fired >= COVERED, COVERED - fired
    assert silent >= COVERED, COVERED - silent


def test_it_says_in_each_alert_which_incident_it_is_about(world, judges):
    titles = {
        (replay.job, replay.number(event.key)): f'"{event.key}"'
        for replay in world.replays
        for event in (event for post in replay.posts for event in post.events if event.key)
    }

    def wrong(alert):
        labels, text = alert["labels"], " ".join(alert["annotations"].values())
        title = titles.get((labels.get("job"), labels.get("incident")), "")
        has_title = title in text or labels["alertname"] == "MttxActionOverdue"  # its incident may owe nothing else
        return not has_title or re.search(r"<no value>|<nil>|<error|NaN|%!", text)

    until(lambda: not any(map(wrong, world.prometheus.alerts())), "alerts that say all", within=20)


# The dashboards, on the same Prometheus


def _samples(world, expr):
    """Evaluate at the next full minute, where subqueries with a step of a minute look as well."""
    at = (time.time() // 60 + 1) * 60
    query = urlencode({"query": expr, "time": at})
    return request("GET", f"{world.prometheus.url}/api/v1/query?{query}").expect(200).json()["data"]["result"]


@pytest.mark.parametrize("uid", UIDS)
def test_it_shows_something_in_every_panel(world, judges, uid):
    """On the timeline for one of two incidents: one is over and owes its postmortem, one is mitigated and open."""
    chosen = [world.fast.number("flapping"), world.fast.number("outage")]
    together = {}
    for variants in zip(*(expressions(dashboard(uid), incident=number) for number in chosen), strict=True):
        title, first = variants[0]
        if (uid, title) not in MAYBE_EMPTY:
            part = title if title in SHARED_OUT else (title, first)
            together.setdefault(part, []).extend(as_it_ends(expr) for _, expr in variants)
    for exprs in together.values():

        def shown(exprs=exprs):
            return any(_samples(world, expr) for expr in exprs)

        until(shown, f"data in {uid}: {exprs}", within=10)


def test_it_takes_no_rate_of_a_gauge(world, judges):
    """By the types that Prometheus read on the scrape."""
    answer = request("GET", f"{world.prometheus.url}/api/v1/metadata").expect(200).json()["data"]
    types = {name: entry["type"] for name, (entry, *_) in answer.items()}
    for uid in UIDS:
        for title, expr in expressions(dashboard(uid)):
            for _, series, _ in promql.rated(expr):
                family = re.sub(r"_(total|bucket|sum|count)$", "", series)
                kind = types.get(series, types.get(family))
                assert kind in {"counter", "histogram", "summary"} or series in CONFIGURED, f"{title}: {series}"


def test_it_exports_what_the_catalogue_says_and_nothing_else(world):
    """With the type of every family and the labels of every series, after a month in which there was all of it."""
    text = request("GET", f"{world.fast.exporter.url}/metrics", headers={"Accept": "text/plain"}).expect(200).body
    families = [family for family in text_string_to_metric_families(text.decode()) if family.name.startswith("mttx_")]
    exported = {sample.name: (family.type, set(sample.labels)) for family in families for sample in family.samples}
    exported_by_catalogue = {
        series: (metric.kind.value, labels)
        for metric in METRICS.values()
        for series, labels in series_of(metric).items()
        if series not in CONFIGURED or series in exported
    }
    assert exported == exported_by_catalogue
