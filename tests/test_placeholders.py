"""Labels in queries: refused where a value could change the query, and put in so that none can."""

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.domain.policy import Severity
from service.settings.errors import SettingsError
from service.settings.placeholders import MissingLabel, checked_query, with_interval, with_labels
from service.settings.slo import slos_of
from service.settings.sources import load

LABEL = "{{ $labels.a }}"
KEYS = [
    ("onset: {{query: {}}}", "onset.query"),
    ("evidence: {{metrics: [{{name: n, query: {}}}]}}", "evidence.metrics"),
    ("evidence: {{logs: {{loki: {{queries: {{n: {}}}}}}}}}", "evidence.logs.loki.queries"),
    ("evidence: {{traces: {{tempo: {{query: {}}}}}}}", "evidence.traces.tempo.query"),
]
INJECTABLE = [
    f"x{{a='{LABEL}'}}",
    f"x{{a=`{LABEL}`}}",
    f"x{{a={LABEL}}}",
    f'x{{a="b"}} # {LABEL}',
    f'x{{a="unclosed {LABEL}',
    f'x{{a="b\\"}} + {LABEL}',
    f'{{a="b"}} | line_format "{LABEL}"',
]


@pytest.mark.parametrize(("text", "key"), KEYS)
@pytest.mark.parametrize("query", INJECTABLE)
def test_a_label_outside_of_double_quotes_is_refused_when_the_configuration_is_loaded(text, key, query, tmp_path):
    path = tmp_path / "mttx.yml"
    path.write_text(text.format(json.dumps(query)))
    with pytest.raises(SettingsError) as refusal:
        load(path, {})
    assert key in str(refusal.value)
    assert f'{{a="{LABEL}"}}' in str(refusal.value)


@pytest.mark.parametrize(
    "query",
    [
        f'x{{a="{LABEL}"}}',
        f"""x{{b='"', a="{LABEL}"}}""",
        f'{{a=~"{LABEL}.*"}} |= "#" |~ "{LABEL}" # it\'s',
        "sum(rate(x[{{ $range }}])) > {{ $start }}",
        '{a="b"} | line_format "{{ .message }}"',
    ],
)
def test_a_label_within_double_quotes_and_what_is_no_label_are_left_alone(query):
    assert checked_query(query) == query


@given(st.text())
@example('b"} or y\\')
@example("b' or `")
@example("line\nbreak")
def test_no_value_leaves_its_quotes(value):
    query = with_labels(f'x{{a="{LABEL}"}}', {"a": value})
    match = re.fullmatch(r'x\{a=("(?:[^"\\\n]|\\.)*")\}', query)
    assert match
    assert json.loads(match[1], strict=False) == value


@pytest.mark.parametrize(
    ("before", "after"),
    [('x{a=~"', '"}'), ('x{a!~ "', '"}'), ('{b="c"} |~ "d" or "', '"'), ('{b="c"} | regexp "', '"')],
)
@given(value=st.text(alphabet=st.characters(max_codepoint=0x2FF)))
@example(value=".*")
def test_a_value_in_a_regular_expression_matches_only_itself(before, after, value):
    query = with_labels(f"{before}{LABEL}{after}", {"a": value})
    pattern = json.loads(f'"{query.removeprefix(before).removesuffix(after)}"', strict=False)
    assert re.fullmatch(pattern, value, re.DOTALL)
    assert not re.fullmatch(pattern, f"{value}x")
    assert value == "" or not re.fullmatch(pattern, "")


def test_a_value_beside_a_regular_expression_is_not_escaped_as_one():
    assert with_labels(f'x{{b=~"c", a="{LABEL}"}}', {"a": "1.2"}) == 'x{b=~"c", a="1.2"}'


def test_it_names_the_labels_that_are_missing():
    with pytest.raises(MissingLabel) as missing:
        with_labels(f'x{{a="{LABEL}", b="{{{{$labels.b}}}}"}}', {"a": "1"})
    assert missing.value.names == ["b"]


# --- queries over an interval -----------------------------------------------------------------------------------------


def slo(query, tmp_path, more=""):
    path = tmp_path / "mttx.yml"
    url = "prometheus: {url: http://127.0.0.1:9}\n"
    path.write_text(f"{url}slo: [{{name: checkout, query: {json.dumps(query)}{more}}}]")
    return load(path, {}).slo


def refused(query, tmp_path, more=""):
    with pytest.raises(SettingsError) as refusal:
        slo(query, tmp_path, more)
    return str(refusal.value)


def test_an_interval_is_put_in_as_numbers(tmp_path):
    query = 'x{a="{{ $labels.a }}"}[{{range}}] @ {{ end }} * ({{ end }} - {{ start }})'
    (objective,) = slo(query, tmp_path)
    assert objective.query == query
    start, end = datetime(2026, 3, 2, 9, tzinfo=UTC), datetime(2026, 3, 2, 9, 31, 0, 250_000, tzinfo=UTC)
    filled = with_labels(with_interval(query, start, end), {"a": "b"})
    assert filled == 'x{a="b"}[1861s] @ 1772443860.250 * (1772443860.250 - 1772442000.000)'
    assert with_interval("{{ range }}", start, start) == "1s"


@pytest.mark.parametrize(
    ("query", "advice"),
    [
        ("x[{{ range }}] @ {{ stop }}", "{{ stop }}"),
        ("x{a={{ $labels.a }}}[{{ range }}] @ {{ end }}", "double quotes"),
        ("x", "@ {{ end }}"),
        ("x @ {{ start }}", "@ {{ end }}"),
    ],
)
def test_a_query_over_no_interval_is_refused(query, advice, tmp_path):
    message = refused(query, tmp_path)
    assert "slo" in message
    assert advice in message


def test_an_objective_has_a_name_of_its_own_and_severities_that_exist(tmp_path):
    assert "is there twice" in refused("x @ {{ end }}", tmp_path, "}, {name: checkout, query: 'x @ {{ end }}'")
    assert "SEV-9" in refused("x @ {{ end }}", tmp_path, ", severities: [SEV-9]")
    (objective,) = slo("x @ {{ end }}", tmp_path, ", severities: [SEV-1], labels: {service: checkout}")
    (converted,) = slos_of((objective,))
    assert (converted.name, converted.severities, converted.labels) == (
        "checkout",
        {Severity.SEV_1},
        {"service": "checkout"},
    )


def test_an_objective_needs_a_prometheus(tmp_path):
    path = tmp_path / "mttx.yml"
    path.write_text("slo: [{name: checkout, query: 'x @ {{ end }}'}]")
    with pytest.raises(SettingsError) as refusal:
        load(path, {})
    assert "prometheus.url" in str(refusal.value)
