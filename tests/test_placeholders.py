"""Labels in queries: refused where a value could change the query, and put in so that none can."""

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.settings.errors import SettingsError
from service.settings.placeholders import MissingLabel, checked_query, with_labels
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
