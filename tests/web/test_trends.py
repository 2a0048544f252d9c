"""Trends: the same numbers as the API's for the same periods, as charts, tables and CSV."""

import csv
import io
import re
from statistics import median

import pytest

from service.domain.periods import Calendar, latest_periods
from service.domain.policy import Milestone, Severity
from tests.web.demo import NOW, TOKYO, demo_at


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    built = demo_at(tmp_path_factory.mktemp("demo") / "demo.db")
    yield built
    built.store.close()


def table(demo, query):
    answer = demo.get(f"/trends?format=csv&{query}")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True).lstrip("\ufeff"))))


@pytest.mark.parametrize(("query", "calendar"), [("", Calendar.MONTH), ("by=week", Calendar.WEEK)])
def test_each_period_has_the_numbers_of_the_api(demo, query, calendar):
    rows = table(demo, query)
    for period in latest_periods(calendar, 4, NOW, TOKYO):
        begin, end = (at.isoformat().replace("+00:00", "Z") for at in (period.begins_at, period.ends_at))
        answer = demo.get(f"/api/v1/indicators?from={begin}&to={end}").get_json()["indicators"]
        assert answer
        expected = {(row["indicator"], row["incident_severity"] or "all"): row for row in answer}
        found = {(row["indicator"], row["severity"]): row for row in rows if row["period"] == period.name}
        assert found.keys() == expected.keys()
        for key, row in found.items():
            assert int(row["incidents"]) == expected[key]["incidents"]
            for name in ("p50", "p95", "mean", "max"):
                assert float(row[f"{name}_seconds"]) == pytest.approx(expected[key][name], abs=1e-5)
            assert bool(row["within_target_ratio"]) == (expected[key]["within_target_ratio"] is not None)


def test_a_month_equals_a_calculation_by_hand(demo):
    october = [
        incident
        for incident in demo.incidents()
        if f"{incident.milestones[Milestone.DETECTED].astimezone(TOKYO):%Y-%m}" == "2026-10"
        and incident.severity is Severity.SEV_2
    ]
    lengths = [
        (incident.milestones[Milestone.ACKNOWLEDGED] - incident.milestones[Milestone.DETECTED]).total_seconds()
        for incident in october
        if Milestone.ACKNOWLEDGED in incident.milestones
        and incident.milestones[Milestone.ACKNOWLEDGED] <= incident.milestones.get(Milestone.RESOLVED, NOW)
    ]
    (row,) = [
        row
        for row in table(demo, "")
        if (row["period"], row["indicator"], row["severity"]) == ("2026-10", "acknowledge", "SEV-2")
    ]
    assert int(row["incidents"]) == len(lengths) > 3
    assert float(row["p50_seconds"]) == pytest.approx(median(lengths))
    assert row["goes_on"] == "no"


def test_a_dimension_limits_all_of_it(demo):
    whole, part = table(demo, ""), table(demo, "service=checkout")
    assert 0 < sum(int(row["incidents"]) for row in part) < sum(int(row["incidents"]) for row in whole)
    assert table(demo, "service=none+of+them") == []


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("query", ["", "by=week", "severity=SEV-1", "service=checkout", "service=nothing"])
def test_the_page_has_a_table_beside_each_chart(demo, language, query):
    answer = demo.get(f"/trends?{query}&lang={language}")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert page.count("<svg") == page.count('<table class="numbers">')
    assert ('data-testid="no-samples"' in page) == (query == "service=nothing")
    assert len(re.findall(r'role="img" aria-label="[^"]+"', page)) == page.count("<svg")
