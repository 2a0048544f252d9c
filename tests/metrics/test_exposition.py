"""The scrape as Prometheus reads it: names, types, labels, formats. Each rule was learnt the hard way somewhere."""

import gzip
import re

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from service.domain.events import EventKind
from service.domain.policy import Severity
from service.metrics import exposition
from service.metrics.catalogue import BY_NAME, METRICS, Kind
from service.metrics.exposition import Exposition
from tests.builders import at, event
from tests.metrics.world import OPENMETRICS

K = EventKind
TARGET_LABELS = {"service", "cluster", "env", "environment", "region", "zone", "owner", "customer"}
"""Labels that scrape configurations add to everything. `stage` is sometimes one too; here it is the standard's word."""
TAKEN = {"job", "instance", "pod", "namespace", "severity", "alertname", "le", "quantile", "__name__"}
OF_A_TYPE = {
    Kind.COUNTER: {""},
    Kind.GAUGE: {""},
    Kind.HISTOGRAM: {"_bucket", "_count", "_sum"},
    Kind.SUMMARY: {"_count", "_sum"},
}


def named(family):
    """The catalogue's entry of a family; the formats name a counter without its `_total`."""
    return BY_NAME[f"{family.name}_total" if family.type == "counter" else family.name]


def labels_of(metric):
    """The labels of a metric, with those of the dimensions that the tests have."""
    return (*metric.labels, *(("incident_team", "incident_service") if metric.dimensions else ()))


# -- the catalogue and the scrape are the same ------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["text/plain", OPENMETRICS])
def test_it_exports_exactly_the_catalogue(busy, accept):
    assert {named(family).name for family in busy.families(accept).values()} == set(BY_NAME)


def test_it_has_a_sample_of_everything_once_there_is_something_to_say(busy):
    assert {f.name for f in busy.families().values() if not f.samples} == set()


@pytest.mark.parametrize("accept", ["text/plain", OPENMETRICS])
def test_it_gives_each_metric_the_type_and_help_of_the_catalogue(busy, accept):
    for family in busy.families(accept).values():
        assert family.type == named(family).kind.value, family.name
        assert family.documentation == named(family).help, family.name


@pytest.mark.parametrize("accept", ["text/plain", OPENMETRICS])
def test_it_gives_each_sample_the_labels_of_the_catalogue(busy, accept):
    for family in busy.families(accept).values():
        metric = named(family)
        for sample in family.samples:
            extra = {"le"} if sample.name.endswith("_bucket") else set()
            assert set(sample.labels) == {*labels_of(metric)} | extra, sample


def test_it_gives_each_family_as_many_values_as_labels(busy):
    """`add_metric` does not count; a value too many vanishes and one too few makes a label vanish."""
    for family in busy.incidents.collect():
        expected = len(labels_of(named(family)))
        for sample in family.samples:
            assert len(sample.labels) - ("le" in sample.labels) == expected, sample


def test_it_gives_each_sample_the_suffix_of_its_type(busy):
    for family in busy.families().values():
        metric = named(family)
        assert {s.name.removeprefix(metric.name) for s in family.samples} == OF_A_TYPE[metric.kind]


def test_it_exports_no_series_twice(busy):
    lines = [line.rsplit(" ", 1)[0] for line in busy.text().splitlines() if not line.startswith("#")]
    assert len(lines) == len(set(lines))


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_it_names_metrics_and_labels_as_prometheus_would(metric):
    assert re.fullmatch(r"mttx_[a-z0-9]+(_[a-z0-9]+)*", metric.name)
    assert (metric.kind is Kind.COUNTER) == metric.name.endswith("_total")
    assert not {*metric.labels} & (TARGET_LABELS | TAKEN)
    assert not any(label.startswith("__") for label in metric.labels)
    assert len(set(metric.labels)) == len(metric.labels)
    assert metric.help.endswith(".")
    assert metric.kind is not Kind.INFO


def test_it_calls_the_severity_of_an_incident_so_that_no_alert_overwrites_it():
    assert all("severity" not in metric.labels for metric in METRICS)
    assert any("incident_severity" in metric.labels for metric in METRICS)


def test_it_exports_instants_and_durations_in_seconds_and_never_an_age():
    timed = [m.name for m in METRICS if re.search(r"time|seconds|age|duration", m.name)]
    assert all(name.endswith(("_seconds", "_seconds_total")) for name in timed)
    assert not any(re.search(r"_age(_|$)|_since(_|$)|_remaining(_|$)", m.name) for m in METRICS)


# -- the registry ------------------------------------------------------------------------------------------------------


def test_it_leaves_the_global_registry_alone(busy):
    busy.text()
    assert b"mttx_" not in generate_latest(REGISTRY)


def test_it_reads_nothing_when_it_is_registered(world):
    world.store.close()
    registry = CollectorRegistry()
    registry.register(world.incidents)
    assert world.incidents.errors == 0


def test_it_exports_the_process_and_python_too(world):
    names = {family.name for family in parse_text(world.text())}
    assert {
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "python_info",
        "python_gc_collections",
    } <= names


# -- formats -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html", "text/plain; version=0.0.4; charset=utf-8"),
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        (
            f"{OPENMETRICS};q=0.5,text/plain;version=0.0.4;q=0.4",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
    ],
)
def test_it_answers_in_the_format_that_is_asked_for(world, accept, content_type):
    body, headers = world.expose(accept, None)
    assert headers["Content-Type"].startswith(content_type)
    assert body.endswith(b"# EOF\n") == ("openmetrics" in content_type)


@pytest.mark.parametrize("accept", ["text/plain", OPENMETRICS])
def test_it_writes_what_a_parser_reads_in_full(busy, accept):
    parse = parse_openmetrics if accept == OPENMETRICS else parse_text
    assert sum(len(family.samples) for family in parse(busy.text(accept))) > 500


@pytest.mark.parametrize("encoding", ["gzip", "gzip, deflate", "deflate;q=0.5, gzip;q=0.8"])
def test_it_compresses_where_the_scraper_understands(busy, encoding):
    body, headers = busy.expose(None, encoding)
    assert headers["Content-Encoding"] == "gzip"
    assert b"mttx_build_info" in gzip.decompress(body)
    assert len(body) < len(busy.text()) / 4


@pytest.mark.parametrize("encoding", [None, "", "identity", "deflate"])
def test_it_leaves_it_plain_where_the_scraper_does_not(world, encoding):
    body, headers = world.expose(None, encoding)
    assert "Content-Encoding" not in headers
    assert b"mttx_build_info" in body


def test_it_tells_caches_what_the_answer_depends_on(world):
    assert world.expose(None, "gzip")[1]["Vary"] == "Accept, Accept-Encoding"
    assert world.expose(None, None)[1]["Vary"] == "Accept, Accept-Encoding"


@pytest.mark.parametrize("accept", ["text/plain", OPENMETRICS])
def test_it_exports_no_created_series(busy, accept):
    assert not re.search(r"^mttx_\w+_created\b", busy.text(accept), re.MULTILINE)


@pytest.mark.parametrize("accept", ["text/plain", OPENMETRICS])
def test_it_stamps_no_sample_with_a_time_of_its_own(busy, accept):
    """Prometheus refuses such samples, or counts them twice."""
    assert all(sample.timestamp is None for family in busy.families(accept).values() for sample in family.samples)


def test_it_shows_the_incident_behind_a_bucket_in_openmetrics_only(busy):
    buckets = busy.families(OPENMETRICS)["mttx_time_to_acknowledge_seconds"].samples
    (exemplar,) = [s.exemplar for s in buckets if s.exemplar and s.labels["incident_severity"] == "SEV-1"]
    assert (exemplar.labels, exemplar.value) == ({"incident": "INC-1"}, 240.0)
    assert "# {" not in busy.text()


def test_it_shows_a_bucket_of_which_no_incident_is_remembered(busy):
    with busy.store.transaction() as transaction:
        transaction._connection.exec_driver_sql("update totals set exemplar_incident = null")
    buckets = busy.families(OPENMETRICS)["mttx_time_to_acknowledge_seconds"].samples
    assert [sample for sample in buckets if sample.exemplar] == []


def test_it_shows_exemplars_on_buckets_only(busy):
    for family in busy.families(OPENMETRICS).values():
        for sample in family.samples:
            assert sample.exemplar is None or sample.name.endswith("_bucket")


@pytest.mark.parametrize("accept", ["text/plain", OPENMETRICS])
@pytest.mark.parametrize(
    "title",
    [
        'say "hello"',
        "two\nlines",
        "back\\slash",
        "決済が 🔥 止まった",
        'all "of\\n\nit" }1 # {x="y"} 2',
        "a,b=c{}",
        "\ttab",
        "café\u202e",
    ],
)
def test_it_escapes_whatever_stands_in_a_title(world, title, accept):
    world.open(event(K.DETECTED, title=title))
    (sample,) = world.families(accept)["mttx_incident_info"].samples
    assert sample.labels["title"] == title


def test_it_cuts_a_title_that_is_long(world):
    world.open(event(K.DETECTED, title="長" * 5000))
    (labels,) = world.series("mttx_incident_info")
    assert labels["title"] == "長" * 120


def test_it_escapes_types_of_actions_and_their_ids(world):
    world.open()
    data = {"action_id": 'a"1\n', "action_type": "預防 \\ {}", "due_at": "2026-03-09T00:00:00+00:00"}
    world.tell(1, K.ACTION_OPENED, data=data)
    (labels,) = world.series("mttx_action_due_timestamp_seconds")
    assert labels == {"incident": "INC-1", "action": data["action_id"], "action_type": data["action_type"]}


def test_it_puts_nobody_by_name_into_a_label(busy):
    assert "Tanaka" not in busy.text()
    assert "Aki" not in busy.text(OPENMETRICS)


def test_it_has_one_line_of_help_for_each_metric(busy):
    helps = [line for line in busy.text().splitlines() if line.startswith("# HELP mttx_")]
    assert len(helps) == len(METRICS)


def test_it_exposes_whatever_registry_it_is_given():
    body, _ = Exposition([], CollectorRegistry(), lambda: 1, lambda: at(0))(None, None)
    assert body == b""


def test_it_keeps_a_severity_for_every_series_that_has_one(busy):
    values = {
        labels["incident_severity"]
        for (_, label_pairs) in busy.samples()
        if "incident_severity" in (labels := dict(label_pairs))
    }
    assert values <= {severity.value for severity in Severity}


def test_families_of_unchanged_statistics_are_not_encoded_again(busy, monkeypatch):
    encoded = []

    def encode(collected):
        encoded.extend(family.name for family in collected.collect())
        return generate_latest(collected)

    monkeypatch.setattr(exposition, "choose_encoder", lambda accept: (encode, "text/plain"))
    statistics = busy.measuring.statistics(at(busy.minutes))
    monkeypatch.setattr(busy.measuring, "statistics", lambda now: statistics)
    before = busy.text()
    encoded.clear()
    busy.open(event(EventKind.DETECTED, 599))
    after = busy.text()
    assert "mttx_incidents_open" in encoded
    assert not {"mttx_indicator_seconds", "mttx_breakdown_indicator_seconds"} & set(encoded)
    assert lines_of(before, "mttx_indicator_seconds") == lines_of(after, "mttx_indicator_seconds") != []


def lines_of(text, name):
    return [line for line in text.splitlines() if line.startswith(f"{name}{{")]
