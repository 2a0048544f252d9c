"""The text: what OpenMetrics asks for, and nothing lost between two days."""

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from service.history.backfill.openmetrics_writer import OpenMetricsWriter
from tests.history.text import parsed


def gauge(*values, name="g"):
    """A gauge with a series for each of its (label, value)."""
    family = GaugeMetricFamily(name, "Something.", labels=["who"])
    for who, value in values:
        family.add_metric([who], value)
    return family


def written_text(sheets, instants, first=0):
    return "".join(sheets.text([str(at) for at in instants], first))


def samples(text):
    return [(name, labels.get("who"), at, value) for name, labels, at, value in parsed(text).samples]


def test_each_series_is_in_one_piece_and_in_order_of_time():
    sheets = OpenMetricsWriter({})
    sheets.put(gauge(("a", 1), ("b", 2)), 0)
    sheets.put(gauge(("a", 3), ("b", 2)), 2)
    assert samples(written_text(sheets, [10, 20, 30])) == [
        ("g", "a", 10, 1),
        ("g", "a", 20, 1),
        ("g", "a", 30, 3),
        ("g", "b", 10, 2),
        ("g", "b", 20, 2),
        ("g", "b", 30, 2),
    ]


def test_what_is_absent_for_a_while_has_no_samples_then():
    sheets = OpenMetricsWriter({})
    sheets.put(gauge(("a", 1)), 0)
    sheets.put(gauge(), 1)
    sheets.put(gauge(), 2)
    sheets.put(gauge(("a", 1)), 3)
    assert [at for *_, at, _ in samples(written_text(sheets, [10, 20, 30, 40]))] == [10, 40]


def test_a_day_goes_on_where_the_last_one_ended():
    sheets = OpenMetricsWriter({})
    sheets.put(gauge(("a", 1), ("gone", 1)), 0)
    sheets.put(gauge(("a", 1)), 1)
    assert samples(written_text(sheets, [10, 20])) == [("g", "a", 10, 1), ("g", "a", 20, 1), ("g", "gone", 10, 1)]
    sheets.put(gauge(("a", 5)), 3)
    assert samples(written_text(sheets, [30, 40], first=2)) == [("g", "a", 30, 1), ("g", "a", 40, 5)]
    assert samples(written_text(sheets, [50], first=4)) == [("g", "a", 50, 5)]


def test_what_changes_at_the_first_instant_of_a_day_is_new_then():
    sheets = OpenMetricsWriter({})
    sheets.put(gauge(("a", 1)), 0)
    written_text(sheets, [10])
    sheets.put(gauge(("a", 2)), 1)
    assert samples(written_text(sheets, [20], first=1)) == [("g", "a", 20, 2)]


def test_histograms_and_counters_are_written_as_the_format_has_them():
    sheets = OpenMetricsWriter({"job": "mttx"})
    counter = CounterMetricFamily("c_total", "Counted.", labels=["who"])
    counter.add_metric(["a"], 4)
    histogram = HistogramMetricFamily("h_seconds", "How long.", labels=["who"])
    histogram.add_metric(["a"], [("60.0", 1), ("+Inf", 2)], 90)
    for family in (counter, histogram):
        sheets.put(family, 0)
    text = written_text(sheets, [10, 20])
    assert parsed(text).types == {"c": "counter", "h_seconds": "histogram"}
    assert 'c_total{job="mttx",who="a"} 4.0 10\n' in text
    assert text.index('h_seconds_sum{job="mttx",who="a"} 90.0 10') < text.index('le="60.0"} 1.0 20')
    assert text.endswith("# EOF\n")


def test_odd_texts_are_escaped():
    sheets = OpenMetricsWriter({"job": 'a"b'})
    sheets.put(gauge(('new\nline \\ "quoted"', 1)), 0)
    ((_, who, _, _),) = samples(written_text(sheets, [10]))
    assert who == 'new\nline \\ "quoted"'


def test_labels_may_be_none_at_all():
    sheets = OpenMetricsWriter({})
    family = GaugeMetricFamily("g", "Something.", value=3)
    sheets.put(family, 0)
    assert "\ng 3.0 10\n" in written_text(sheets, [10])


def test_nothing_is_an_end_alone():
    assert written_text(OpenMetricsWriter({}), []) == "# EOF\n"
