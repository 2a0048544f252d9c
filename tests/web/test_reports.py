"""The report of a month: equal to the API and to a calculation of the test's own, in every format."""

import base64
import csv
import io
import re
from collections import Counter
from datetime import timedelta
from hashlib import sha256
from statistics import mean, median

import pytest
from scipy.stats import mannwhitneyu

from service.domain.events import EventKind
from service.domain.incident import Phase
from service.domain.policy import Milestone, Severity
from service.metrics.measurements import Measuring
from service.web.pages import reports
from service.web.reports import content
from tests.builders import event, policy
from tests.house import House
from tests.web.demo import NOW, TOKYO, demo_at
from tests.web.fakes import World

M = Milestone
HOSTILE = '=cmd|" /C calc"!A0 | <script>alert(1)</script> `x` [y](http://z)'


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    built = demo_at(tmp_path_factory.mktemp("demo") / "demo.db")
    yield built
    built.store.close()


@pytest.fixture
def hostile(tmp_path):
    """One incident with a title that every format has to take as text."""
    house = House(tmp_path / "mttx.db")
    house.open(event(EventKind.DETECTED, title=HOSTILE, severity=Severity.SEV_1))
    measuring = Measuring(house.store, policy(), {"30d": timedelta(days=30)}, 100, lambda: 0)
    yield World(store=house.store, select=measuring.select)
    house.close()


def report(demo, query="", month="2026-10"):
    return demo.get(f"/reports/{month}?format=json&{query}").get_json()


def without_change(rows):
    """Rows of the API without what they are compared with: there a period of the same length."""
    return [{**row, "change": None} for row in rows]


def text(answer):
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def of_month(demo, month):
    return [i for i in demo.incidents() if f"{i.milestones[M.DETECTED].astimezone(TOKYO):%Y-%m}" == month]


@pytest.mark.parametrize("month", ["2026-09", "2026-10", "2026-11"])
@pytest.mark.parametrize("query", ["", "service=checkout"])
def test_its_numbers_are_those_of_the_api_for_both_months(demo, month, query):
    found = report(demo, query, month)
    asked = f"/api/v1/indicators?from={found['from']}&to={found['to']}&{query}"
    assert without_change(found["indicators"]) == without_change(demo.get(asked).get_json()["indicators"])
    before = report(demo, query, f"2026-{int(month[-2:]) - 1:02}")
    keys = {(row["indicator"], row["incident_severity"]) for row in found["indicators"]}
    past = [r for r in before["indicators"] if (r["indicator"], r["incident_severity"]) in keys]
    assert found["before"] == without_change(past)
    changes = {(c["indicator"], c["incident_severity"]): (c["change"], c["shift"]) for c in found["changes"]}
    for row in found["indicators"]:
        if row["change"]["shift"] is not None:
            assert changes[row["indicator"], row["incident_severity"]] == (
                row["change"]["change"],
                row["change"]["shift"],
            )


@pytest.mark.parametrize("month", ["2026-09", "2026-10", "2026-11"])
def test_it_equals_a_calculation_by_hand(demo, month):
    incidents, found = of_month(demo, month), report(demo, "", month)
    assert [line["id"] for line in found["incidents"]] == [
        f"INC-{i.id}" for i in sorted(incidents, key=lambda i: i.milestones[M.DETECTED])
    ]
    lengths = [
        (i.milestones[M.RESOLVED] - i.milestones[M.DETECTED]).total_seconds()
        for i in incidents
        if M.RESOLVED in i.milestones and i.resolution_source != "stale"
    ]
    (row,) = [r for r in found["indicators"] if (r["indicator"], r["incident_severity"]) == ("resolve", None)]
    assert (row["incidents"], row["mean"]) == (len(lengths), pytest.approx(mean(lengths)))
    resolved = [i for i in incidents if i.phase is Phase.RESOLVED]
    assert found["lacks"]["missing"].get("started", 0) == sum(M.STARTED not in i.milestones for i in resolved)
    assert found["lacks"]["open"] == len([i for i in incidents if i.is_open])
    owed = [deadline for i in incidents for deadline in i.deadlines if deadline.done_at is None]
    assert len(found["owed"]) == len(owed)
    assert len(found["late"]) == sum(bool(d.done_at and d.done_at > d.due_at) for i in incidents for d in i.deadlines)
    states = Counter(action.state for i in incidents for action in i.actions)
    assert Counter(action["state"] for action in found["actions"]) == Counter(
        state.value for state in states.elements()
    )


@pytest.mark.parametrize("month", ["2026-10", "2026-11"])
def test_its_changes_are_those_of_the_samples_of_both_months(demo, month):
    def lengths(name):
        return sorted(
            (i.milestones[M.ACKNOWLEDGED] - i.milestones[M.DETECTED]).total_seconds()
            for i in of_month(demo, name)
            if M.ACKNOWLEDGED in i.milestones and i.milestones[M.ACKNOWLEDGED] <= i.milestones.get(M.RESOLVED, NOW)
        )

    (change,) = [
        row
        for row in report(demo, "", month)["changes"]
        if (row["indicator"], row["incident_severity"]) == ("acknowledge", None)
    ]
    before, now = lengths(f"2026-{int(month[-2:]) - 1}".replace("-9", "-09")), lengths(month)
    if month == "2026-10":  # incidents of a month that goes on may be left out while they are fresh
        shifts = sorted(b - a for a in before for b in now)
        assert change["shift"] == pytest.approx(median(shifts), abs=1e-3)
        p = mannwhitneyu(before, now).pvalue
        assert (change["change"] == "undecided") == (p >= 0.05)
    assert change["change"] in ("shorter", "longer", "undecided")


@pytest.mark.parametrize("month", ["2026-09", "2026-10", "2026-11"])
def test_it_says_of_a_target_what_the_incidents_show_and_no_more(demo, month):
    verdicts = [row["verdict"] for row in report(demo, "", month)["indicators"] if row["verdict"]]
    assert verdicts
    shown = (text(demo.get(f"/reports/{month}?format=md")), text(demo.get(f"/reports/{month}")))
    for verdict in verdicts:
        few = f"too few to say ({verdict['within']} of {verdict['incidents']} within)"
        of = f"{verdict['within']}/{verdict['incidents']}"
        assert all((few if verdict["verdict"] == "undecided" else of) in page for page in shown)


def test_a_month_that_goes_on_says_so_in_every_format(demo):
    assert report(demo, "", "2026-11")["goes_on"]
    assert 'data-testid="goes-on"' in text(demo.get("/reports/2026-11"))
    assert "**The month is not over" in text(demo.get("/reports/2026-11?format=md"))
    assert 'data-testid="goes-on"' not in text(demo.get("/reports/2026-10"))


def test_without_a_month_it_is_the_last_one_that_is_over(demo):
    assert demo.get("/reports?format=json").get_json()["month"] == "2026-10"


@pytest.mark.parametrize("path", ["/reports/2026-12", "/reports/2026-13", "/reports/yesterday"])
def test_there_is_no_report_of_a_month_that_has_not_begun(demo, path):
    assert demo.get(path).status_code == 404


def test_a_dimension_that_is_not_configured_is_refused_and_not_ignored(demo):
    assert demo.get("/reports/2026-10?tribe=payments").status_code == 400


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_page_is_one_file_that_loads_nothing(demo, language):
    answer = demo.get(f"/reports/2026-10?file=yes&lang={language}")
    page = text(answer)
    assert not re.search(r"\b(src|href)=", page)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["Content-Security-Policy"]
    assert "@page" in style
    assert 'href="/reports/2026-09' in text(demo.get("/reports/2026-10"))


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("month", ["2026-08", "2026-11", "2020-01"])
def test_markdown_tables_have_as_many_cells_in_each_row(demo, language, month):
    markdown = text(demo.get(f"/reports/{month}?format=md&lang={language}"))
    for block in re.findall(r"(?:^\|.*\n)+", markdown, re.MULTILINE):
        rows = [len(re.findall(r"(?<!\\)\|", row)) for row in block.splitlines()]
        assert len(rows) >= 3
        assert len(set(rows)) == 1


def test_an_empty_month_has_no_numbers(demo):
    page = text(demo.get("/reports/2020-01"))
    assert "<table" not in page


def test_a_title_is_text_in_every_format(hostile):
    page = text(hostile.get("/reports/2026-03"))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    markdown = text(hostile.get("/reports/2026-03?format=md"))
    assert r"=cmd\|" in markdown
    assert r"\<script\>" in markdown
    assert r"\[y\](http://z)" in markdown
    table = text(hostile.get("/reports/2026-03?format=csv")).lstrip("\ufeff")
    (line,) = csv.DictReader(io.StringIO(table))
    assert line["title"] == f"'{HOSTILE}"
    assert line["detected_at"] == "2026-03-02T09:00:00Z"
    assert hostile.get("/reports/2026-03?format=json").get_json()["incidents"][0]["title"] == HOSTILE


def test_the_csv_has_one_incident_a_line_with_its_intervals(demo):
    lines = list(csv.DictReader(io.StringIO(text(demo.get("/reports/2026-10?format=csv")).lstrip("\ufeff"))))
    by_id = {line["id"]: line for line in lines}
    found = report(demo)["incidents"]
    assert len(lines) == len(found)
    for incident in found:
        line = by_id[incident["id"]]
        assert line["service"] == incident["dimensions"].get("service", "")
        for name in ("detect", "acknowledge", "mitigate", "resolve"):
            seconds = line[f"time_to_{name}_seconds"]
            assert (float(seconds) if seconds else None) == pytest.approx(incident["indicators"].get(name))


def test_a_page_says_what_it_leaves_out_and_csv_and_json_leave_out_nothing(demo, monkeypatch):
    monkeypatch.setattr(reports, "MAX_LISTED", 10)
    monkeypatch.setattr(content, "_AT_ONCE", 7)
    every = [f"INC-{i.id}" for i in sorted(of_month(demo, "2026-10"), key=lambda i: i.milestones[M.DETECTED])]
    assert [incident["id"] for incident in report(demo)["incidents"]] == every
    table = csv.DictReader(io.StringIO(text(demo.get("/reports/2026-10?format=csv")).lstrip("\ufeff")))
    assert [line["id"] for line in table] == every
    for answer in (demo.get("/reports/2026-10"), demo.get("/reports/2026-10?format=md")):
        assert f"The first 10 of {len(every)} are listed" in text(answer)
        assert f"{len(every)} incidents" in text(answer)
