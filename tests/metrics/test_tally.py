"""What a process counts of its own work."""

from concurrent.futures import ThreadPoolExecutor

from service.delivery.counters import DeliveryCounters
from service.metrics.process_counters import ProcessCounters
from tests.builders import at


def counters(**received):
    return ProcessCounters(
        ["a", "b"],
        ["broken"],
        ["label"],
        received,
        alert_sources=["a"],
        reject_reasons=["wide"],
        declared=(["b"], ["key"]),
    )


def test_it_has_every_known_count_at_0():
    assert counters().counters() == {
        "mttx_webhook_requests_total": [(("a",), 0), (("b",), 0)],
        "mttx_webhook_failures_total": [(("a", "broken"), 0), (("b", "broken"), 0)],
        "mttx_alerts_ignored_total": [(("a", "label"), 0), (("b", "label"), 0)],
        "mttx_alerts_rejected_total": [(("a", "wide"), 0)],
        "mttx_alerts_unmapped_total": [(("a",), 0)],
        "mttx_alerts_started_at_unreadable_total": [(("a",), 0)],
        "mttx_alerts_truncated_total": [(("a",), 0), (("b",), 0)],
        "mttx_webhook_unreadable_total": [(("b", "key"), 0)],
    }


def test_it_counts():
    counted = counters()
    counted.request("a")
    counted.failure("a", "broken")
    [counted.unreadable("b", "key") for _ in range(6)]
    counted.ignored("b", "label", 3)
    counted.truncated("b", 40)
    counted.rejected("a", "wide", 2)
    counted.unmapped("a", 5)
    counted.started_at_unreadable("a", 1)
    assert {name: dict(counts) for name, counts in counted.counters().items()} == {
        "mttx_webhook_requests_total": {("a",): 1, ("b",): 0},
        "mttx_webhook_failures_total": {("a", "broken"): 1, ("b", "broken"): 0},
        "mttx_alerts_ignored_total": {("a", "label"): 0, ("b", "label"): 3},
        "mttx_alerts_rejected_total": {("a", "wide"): 2},
        "mttx_alerts_unmapped_total": {("a",): 5},
        "mttx_alerts_started_at_unreadable_total": {("a",): 1},
        "mttx_alerts_truncated_total": {("a",): 0, ("b",): 40},
        "mttx_webhook_unreadable_total": {("b", "key"): 6},
    }


def test_it_counts_from_many_threads():
    counted = counters()
    with ThreadPoolExecutor(8) as pool:
        for _ in range(4000):
            pool.submit(counted.request, "a")
    assert dict(counted.counters()["mttx_webhook_requests_total"])["a",] == 4000


def test_it_remembers_the_latest_word_of_each_source_and_those_of_before():
    counted = counters(a=at(5))
    counted.received("a", at(3))
    counted.received("b", at(1))
    counted.received("b", at(9))
    assert counted.last_received() == {"a": at(5), "b": at(9)}


def test_it_counts_deliveries_by_target_and_reason():
    counted = DeliveryCounters(["grafana", "slack"], ["refused"])
    counted.delivered("grafana")
    counted.failed("slack", "refused")
    assert counted.counts() == ({"grafana": 1, "slack": 0}, {("grafana", "refused"): 0, ("slack", "refused"): 1})
