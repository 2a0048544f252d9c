"""From incidents to annotations: one region each, points for what was important, brought up to date."""

from service.domain.events import EventKind, Role
from service.domain.policy import IncidentType, Severity
from tests.builders import alert, event
from tests.delivery.site import Site


def test_it_shows_an_open_incident_as_a_point(site):
    site.send(alert(0))
    site.deliver()
    assert site.spans() == [("INC-1", "incident", 0, 0)]


def test_it_makes_it_a_region_at_the_recovery(site):
    site.send(alert(0))
    site.deliver()
    site.send(alert(0, 42))
    site.deliver()
    assert site.spans() == [("INC-1", "incident", 0, 42)]


def test_it_sends_once_what_changed_many_times_meanwhile(site):
    for minute in range(20):
        site.send(alert(0, labels={"n": str(minute)}), received=600 + minute)
    site.send(alert(0, 42), received=640)
    site.deliver()
    assert [len(site.grafana.requests(m)) for m in ("POST", "PATCH", "PUT", "DELETE")] == [1, 0, 0, 0]


def test_it_asks_grafana_nothing_when_a_repeat_changed_nothing(site):
    site.send(alert(0))
    site.deliver()
    asked = len(site.grafana.asked)
    site.send(alert(0), received=700)
    assert site.waiting().pending == 1
    site.deliver()
    assert len(site.grafana.asked) == asked


def test_it_shows_important_actions_as_points(site):
    site.send(alert(0))
    site.tell(1, EventKind.ACKNOWLEDGED, 3)
    site.tell(1, EventKind.NOTE, 4, data={"text": "nobody needs this on a graph"})
    site.tell(1, EventKind.NOTE, 5, data={"text": "paused", "important": True, "global_trading_pause": True})
    site.tell(1, EventKind.SEVERITY_CHANGED, 6, severity=Severity.SEV_1)
    site.tell(1, EventKind.MITIGATED, 7)
    site.tell(1, EventKind.POSTMORTEM_FINALIZED, 99, data={"document": "https://git.example.com/pm.md"})
    site.deliver()
    assert site.spans() == [
        ("INC-1", "acknowledged", 3, 3),
        ("INC-1", "incident", 0, 0),
        ("INC-1", "mitigated", 7, 7),
        ("INC-1", "note", 5, 5),
        ("INC-1", "postmortem", 99, 99),
        ("INC-1", "severity", 6, 6),
    ]


def test_it_sends_the_region_of_an_incident_before_its_points(site):
    for number in range(3):
        incident_id = site.open(event(EventKind.DETECTED, number))
        site.tell(incident_id, EventKind.ACKNOWLEDGED, 10 + number)
        site.tell(incident_id, EventKind.MITIGATED, 20 + number)
    site.deliver()
    sent = [dict(t.split(":") for t in body["tags"] if ":" in t) for body in site.grafana.bodies("POST")]
    for number in (1, 2, 3):
        assert [t["what"] for t in sent if t["incident"] == f"INC-{number}"] == [
            "incident",
            "acknowledged",
            "mitigated",
        ]


def test_it_extends_a_region_that_is_reopened(site):
    site.send(alert(0))
    site.send(alert(0, 30))
    site.deliver()
    site.send(alert(40))
    site.deliver()
    assert site.spans() == [("INC-1", "incident", 0, 40)]
    site.send(alert(40, 55))
    site.deliver()
    assert site.spans() == [("INC-1", "incident", 0, 55)]


def test_it_marks_what_was_dismissed(site):
    site.send(alert(0))
    site.deliver()
    site.tell(1, EventKind.DISMISSED, 9)
    site.deliver()
    (row,) = site.grafana.regions()
    assert "state:dismissed" in row["tags"]
    assert row["text"].startswith("<b>Dismissed as a false alarm</b>")


def test_it_hides_the_point_of_an_event_that_was_retracted(site):
    site.send(alert(0))
    acknowledgement = event(EventKind.ACKNOWLEDGED, 3, event_id="ack")
    site.tell(1, EventKind.ACKNOWLEDGED, 3, event_id=acknowledgement.event_id)
    site.deliver()
    site.tell(1, EventKind.RETRACTED, 8, data={"event_id": "ack"})
    site.deliver()
    assert site.spans() == [("INC-1", "incident", 0, 0)]
    (hidden,) = site.grafana.hidden()
    assert hidden["text"].startswith("<b>Withdrawn</b>")
    assert site.grafana.requests("DELETE") == []


def test_it_moves_the_point_of_an_event_that_was_corrected(site):
    site.send(alert(0))
    site.tell(1, EventKind.ACKNOWLEDGED, 30, event_id="ack")
    site.deliver()
    occurred_at = "2026-03-02T09:02:00+00:00"
    site.tell(1, EventKind.CORRECTED, 31, data={"event_id": "ack", "occurred_at": occurred_at})
    site.deliver()
    assert ("INC-1", "acknowledged", 2, 2) in site.spans()
    assert len(site.spans()) == 2


def test_it_hides_the_region_of_an_incident_that_was_merged(site):
    first = site.open(event(EventKind.DETECTED, 0))
    second = site.open(event(EventKind.DETECTED, 5))
    site.tell(second, EventKind.ACKNOWLEDGED, 6)
    site.deliver()
    assert len(site.spans()) == 3
    site.tell(second, EventKind.MERGED, 10, data={"into": f"INC-{first}"})
    site.deliver()
    assert site.spans() == [("INC-1", "acknowledged", 6, 6), ("INC-1", "incident", 0, 0)]
    (hidden,) = site.grafana.hidden()
    assert hidden["text"].startswith("<b>Merged into INC-1</b>")
    assert "incident:INC-2" in hidden["tags"]


def test_it_makes_no_annotation_of_an_incident_that_was_merged_before_anybody_saw_it(site):
    first = site.open(event(EventKind.DETECTED, 0))
    second = site.open(event(EventKind.DETECTED, 5))
    site.tell(second, EventKind.MERGED, 10, data={"into": f"INC-{first}"})
    site.deliver()
    assert len(site.grafana.annotations.rows) == 1


def test_it_withdraws_the_point_of_a_merged_incident_when_its_event_is_retracted(site):
    first = site.open(event(EventKind.DETECTED, 0))
    second = site.open(event(EventKind.DETECTED, 5))
    site.tell(second, EventKind.ACKNOWLEDGED, 6, event_id="ack")
    site.tell(second, EventKind.MERGED, 10, data={"into": f"INC-{first}"})
    site.deliver()
    site.tell(first, EventKind.RETRACTED, 11, data={"event_id": "ack"})
    site.deliver()
    assert site.spans() == [("INC-1", "incident", 0, 0)]


def test_it_brings_every_point_up_to_date_when_the_severity_changes(site):
    site.send(alert(0))
    site.tell(1, EventKind.ACKNOWLEDGED, 3)
    site.deliver()
    site.tell(1, EventKind.SEVERITY_CHANGED, 6, severity=Severity.SEV_1)
    site.deliver()
    assert all("sev:1" in row["tags"] for row in site.grafana.regions())


def test_it_shows_incidents_on_the_dashboards_that_want_them(open_site):
    expected = [
        {"uid": "checkout", "labels": {"team": "checkout"}},
        {"uid": "worst", "severities": ["SEV-1"]},
    ]
    site = open_site(dashboards=expected)
    for uid in ("checkout", "worst"):
        site.grafana.save_dashboard({"uid": uid}, "", "")
    site.send(alert(0, labels={"team": "checkout"}))
    site.tell(1, EventKind.ACKNOWLEDGED, 3)
    site.deliver()
    copies = site.grafana.annotations.seen_with("mttx-copy")
    assert [row["dashboardUID"] for row in copies] == ["checkout", "checkout"]
    assert len(site.spans()) == 2
    site.tell(1, EventKind.SEVERITY_CHANGED, 6, severity=Severity.SEV_1)
    site.deliver()
    assert sorted(r["dashboardUID"] for r in site.grafana.annotations.seen_with("mttx-copy")) == [
        *["checkout"] * 3,
        *["worst"] * 3,
    ]


def test_it_shows_an_incident_on_the_dashboard_of_its_team(open_site):
    """Of its alerts the worst one tells the team, whether the others do or not."""
    site = open_site(dashboards=[{"uid": team, "labels": {"team": team}} for team in ("checkout", "search")])
    for uid in ("checkout", "search"):
        site.grafana.save_dashboard({"uid": uid}, "", "")
    site.send(alert(0, severity=Severity.SEV_1, labels={"team": "checkout"}))
    site.send(alert(1, fingerprint="f2", severity=Severity.SEV_3))
    site.deliver()
    copies = site.grafana.annotations.seen_with("mttx-copy")
    assert [row["dashboardUID"] for row in copies] == ["checkout"]
    assert "Team: checkout" in copies[0]["text"]
    site.tell(1, EventKind.DESCRIBED, 6, labels={"team": "search"})
    site.deliver()
    assert [row["dashboardUID"] for row in site.grafana.annotations.seen_with("mttx-copy")] == ["search"]


def test_it_hides_the_copy_on_a_dashboard_that_wants_it_no_longer(open_site):
    site = open_site(dashboards=[{"uid": "worst", "severities": ["SEV-2"]}])
    site.grafana.save_dashboard({"uid": "worst"}, "", "")
    site.send(alert(0))
    site.deliver()
    assert len(site.grafana.annotations.seen_with("mttx-copy")) == 1
    site.tell(1, EventKind.SEVERITY_CHANGED, 6, severity=Severity.SEV_1)
    site.deliver()
    assert site.grafana.annotations.seen_with("mttx-copy") == []


def test_it_never_puts_the_copy_for_an_unknown_dashboard_anywhere_else(open_site):
    """Grafana 9 would make it an annotation of the whole organisation."""
    site = open_site(dashboards=[{"uid": "gone"}])
    site.grafana.version = "9.5.2"
    site.send(alert(0))
    site.deliver()
    assert len(site.grafana.annotations.rows) == 1
    assert (site.waiting().pending, site.waiting().stopped) == (0, 1)
    assert site.counters.failures == {"rejected": 1}


def test_it_goes_on_where_the_token_may_not_write_on_one_dashboard(open_site):
    site = open_site(dashboards=[{"uid": "secret"}])
    site.grafana.save_dashboard({"uid": "secret"}, "", "")
    site.grafana.faults = lambda asked, when: 403 if b"dashboardUID" in asked.body else None
    site.send(alert(0))
    site.send(alert(5, fingerprint="f2", group="g2"))
    site.deliver()
    assert len(site.spans()) == 2
    assert site.waiting().stopped == 2


def test_it_writes_nothing_at_all_without_a_grafana(tmp_path):
    site = Site(tmp_path / "other.db")
    site.send(alert(0))
    assert site.outbox_keys() == []
    site.close()


def test_it_keeps_the_names_of_people_out(site):
    title = "Aoi Tanaka could not place orders"
    site.open(event(EventKind.DETECTED, 0, title=title, types=(IncidentType.EXECUTION,)))
    site.tell(1, EventKind.ROLE_ASSIGNED, 2, data={"role": Role.COMMANDER.value, "name": "Aoi Tanaka"})
    site.tell(1, EventKind.NOTE, 5, data={"text": "aoi tanaka restarts it", "important": True, "by": "Aoi Tanaka"})
    site.deliver()
    written_text = "".join(body["text"] + str(body["tags"]) for body in site.grafana.bodies("POST"))
    assert "tanaka" not in written_text.lower()
    assert "[commander] could not place orders" in written_text


def test_it_sends_milliseconds(site):
    site.send(alert(0, 5))
    site.deliver()
    assert not site.grafana.annotations.seconds_seen
