"""What goes wrong between us and Grafana: nothing is lost, nothing is doubled, and nothing is asked for without end."""

import threading
from datetime import timedelta
from itertools import chain, repeat

import pytest

from service.delivery.backoff import LONGEST, backoff
from service.delivery.dispatcher import BATCH_SIZE, MAX_ATTEMPTS, PROBE
from service.domain.events import EventKind
from service.domain.policy import Severity
from service.store import StoreUnavailable
from tests.builders import alert, at, event
from tests.grafana.loopback import TOKEN


def groups(site, count, ends=None):
    """Send as many incidents, one an hour; they end after `ends` minutes."""
    for n in range(count):
        start = 60 * n
        site.send(alert(start, fingerprint=f"f{n}", group=f"g{n}"))
        if ends is not None:
            site.send(alert(start, start + ends, fingerprint=f"f{n}", group=f"g{n}"))


def test_it_catches_up_after_an_hour_in_which_grafana_was_down(site):
    site.grafana.fail_while("drop")
    dispatcher = site.dispatcher()
    site.now = at(0)
    for n in range(20):
        start = 3 * n
        site.send(alert(start, fingerprint=f"f{n}", group=f"g{n}"), received=start)
        site.tell(n + 1, EventKind.ACKNOWLEDGED, start + 1)
        site.send(alert(start, start + 2, fingerprint=f"f{n}", group=f"g{n}"), received=start + 2)
        site.now = at(start + 2)
        dispatcher.step()
    assert site.spans() == []
    assert 3 < len(site.grafana.asked) < 20
    site.grafana.work_again()
    before = len(site.grafana.asked)
    site.deliver(dispatcher)
    assert sorted(site.spans(), key=lambda s: (s[1], s[2])) == sorted(
        [(f"INC-{n + 1}", "acknowledged", 3 * n + 1, 3 * n + 1) for n in range(20)]
        + [(f"INC-{n + 1}", "incident", 3 * n, 3 * n + 2) for n in range(20)],
        key=lambda s: (s[1], s[2]),
    )
    sent = [dict(t.split(":") for t in b["tags"] if ":" in t) for b in site.grafana.bodies("POST")[-40:]]
    for n in range(20):
        assert [t["what"] for t in sent if t["incident"] == f"INC-{n + 1}"] == ["incident", "acknowledged"]
    assert len(site.grafana.asked) - before < 2 * 40 + 5
    assert site.grafana.requests("DELETE") == []


@pytest.mark.parametrize("outcome", ["drop", 1.3, 502, 504])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_it_has_exactly_one_region_where_the_answer_was_lost(site, outcome, method):
    """Grafana stored it, and nobody heard so."""
    dispatcher = site.dispatcher()
    site.send(alert(0))
    if method == "PATCH":
        site.deliver(dispatcher)
    site.grafana.fail_once(outcome, "after", method)
    site.send(alert(0, 42))
    assert dispatcher.step()
    assert site.waiting().pending == 1
    assert len(site.grafana.regions()) == 1
    site.deliver(dispatcher)
    assert site.spans() == [("INC-1", "incident", 0, 42)]
    assert len(site.grafana.created()) == 1


@pytest.mark.parametrize(
    "outcome",
    ["drop", 500, 502, 503, 429, 408, 404, (200, {}, "<html>Sign in</html>"), (302, {"Location": "/login"}, "")],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_it_tries_again_after_what_may_pass(site, outcome, method):
    site.send(alert(0))
    dispatcher = site.dispatcher()
    if method != "POST":
        site.deliver(dispatcher)
    site.send(alert(0, 42))
    site.grafana.fail_once(outcome, "before", method)
    assert dispatcher.step()
    assert site.waiting().stopped == 0
    site.deliver(dispatcher)
    assert site.spans() == [("INC-1", "incident", 0, 42)]
    assert sum(site.counters.failures.values()) <= 1


@pytest.mark.parametrize(("status", "reason"), [(401, "unauthorized"), (403, "forbidden")])
def test_it_stops_asking_where_it_is_not_let_in_and_delivers_all_once_it_is(site, status, reason):
    site.grafana.fail_while(status)
    groups(site, 5)
    dispatcher = site.dispatcher()
    assert dispatcher.step()
    asked = len(site.grafana.asked)
    assert not dispatcher.step()
    site.now += PROBE - timedelta(seconds=1)
    assert not dispatcher.step()
    assert len(site.grafana.asked) == asked == 1
    assert site.counters.failures == {reason: 1}
    assert site.waiting().pending == 5
    assert dispatcher.last_error.permanent
    site.now += timedelta(seconds=1)
    assert dispatcher.step()
    assert len(site.grafana.asked) == 2
    site.grafana.work_again()
    site.deliver(dispatcher)
    assert len(site.spans()) == 5
    assert dispatcher.last_error is None


def test_it_takes_a_renewed_token_from_its_file(open_site, tmp_path):
    file = tmp_path / "token"
    file.write_text("glsa_expired\n")
    site = open_site(token=None, token_file=file)
    site.send(alert(0))
    dispatcher = site.dispatcher()
    dispatcher.step()
    assert site.counters.failures == {"unauthorized": 1}
    assert not dispatcher.step()
    file.write_text(TOKEN + "\n")
    assert dispatcher.step()  # at once, not at the next probe
    assert len(site.spans()) == 1


def test_it_stops_where_the_token_was_deleted(site):
    """Grafana 9 calls that a failure of its own (500)."""
    site.grafana.delete_token(TOKEN)
    groups(site, 3)
    dispatcher = site.dispatcher()
    assert dispatcher.step()
    assert not dispatcher.step()
    assert len(site.grafana.asked) == 1
    assert site.counters.failures == {"unauthorized": 1}
    assert "mttx grafana bootstrap" in str(dispatcher.last_error)


def test_it_says_which_role_a_viewer_lacks(site):
    site.grafana.tokens = {TOKEN: "Viewer"}
    site.send(alert(0))
    dispatcher = site.dispatcher()
    dispatcher.step()
    assert site.counters.failures == {"forbidden": 1}
    assert "give the service account the role Editor" in str(dispatcher.last_error)


def test_it_stops_where_the_token_cannot_be_read_until_its_file_is_there(open_site, tmp_path):
    site = open_site(token=None, token_file=tmp_path / "missing")
    site.send(alert(0))
    dispatcher = site.dispatcher()
    dispatcher.step()
    assert site.counters.failures == {"unauthorized": 1}
    assert "No such file" in str(dispatcher.last_error)
    assert not dispatcher.step()
    (tmp_path / "missing").write_text(TOKEN)
    assert dispatcher.step()
    assert len(site.spans()) == 1


def test_it_leaves_alone_what_grafana_refuses_and_goes_on_with_the_rest(site):
    site.grafana.faults = lambda asked, when: (
        400 if asked.method == "POST" and b"INC-2 " in asked.body.replace(b"</b>", b"") else None
    )
    groups(site, 3)
    site.deliver()
    assert [span[0] for span in site.spans()] == ["INC-1", "INC-3"]
    assert (site.waiting().pending, site.waiting().stopped) == (0, 1)
    assert site.counters.failures == {"rejected": 1}


def test_it_offers_what_was_refused_again_when_it_has_changed(site):
    site.grafana.fail_once(400)
    site.send(alert(0))
    dispatcher = site.deliver()
    assert site.waiting().stopped == 1
    site.send(alert(0, 42))
    assert site.waiting().stopped == 0
    site.deliver(dispatcher)
    assert site.spans() == [("INC-1", "incident", 0, 42)]


def test_it_offers_what_was_refused_again_after_a_restart(site):
    site.grafana.fail_once(400)
    site.send(alert(0))
    site.deliver()
    dispatcher = site.dispatcher(clock=lambda: site.now)
    dispatcher.start()
    _eventually(lambda: site.spans() == [("INC-1", "incident", 0, 0)])
    dispatcher.stop()


@pytest.mark.parametrize("status", [429, 503])
def test_it_comes_back_when_grafana_says(site, status):
    site.grafana.fail_once((status, {"Retry-After": "1800"}, ""))
    groups(site, 3)
    dispatcher = site.dispatcher()
    dispatcher.step()
    site.now += timedelta(seconds=1799)
    assert not dispatcher.step()
    site.now += timedelta(seconds=1)
    assert dispatcher.step()


def test_it_waits_longer_each_time_up_to_five_minutes_and_never_gives_up():
    waits = [backoff(failures, None, lambda: 1.0).total_seconds() for failures in range(1, 12)]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert backoff(10_000, None, lambda: 0.0) == LONGEST / 2
    assert backoff(1, timedelta(minutes=9), lambda: 1.0) == timedelta(minutes=9)


def test_it_lets_one_delivery_find_out_whether_grafana_is_back(site):
    site.grafana.fail_while("drop")
    groups(site, BATCH_SIZE * 2)
    dispatcher = site.dispatcher()
    for _ in range(10):
        dispatcher.step()
        site.now += timedelta(minutes=6)
    assert len(site.grafana.asked) == 10


def test_it_is_not_held_up_by_one_incident_that_grafana_fails_on(site):
    """An old database may choke on an emoji: 500, again and again."""
    site.open(event(EventKind.DETECTED, 0, title="💥"))
    site.grafana.faults = lambda asked, when: 500 if b"ud83d" in asked.body else None
    groups(site, BATCH_SIZE + 3)
    dispatcher = site.dispatcher()
    for _ in range(4):
        dispatcher.step()
    assert len(site.spans()) == BATCH_SIZE + 3
    assert site.waiting().pending == 1


def test_it_rests_with_one_incident_that_grafana_fails_on_again_and_again(site, caplog):
    """Others get through, so that it is no outage: it is counted, named in the log, and tried again once it changes."""
    groups(site, 1)
    dispatcher = site.deliver()
    site.grafana.fail_while(500, method="PATCH")
    site.send(alert(0, 42, fingerprint="f0", group="g0"))
    for n in range(1, MAX_ATTEMPTS + 1):
        site.send(alert(60 * n, fingerprint=f"f{n}", group=f"g{n}"))
        dispatcher.step()
        site.now += LONGEST
    assert (site.waiting().pending, site.waiting().stopped) == (0, 1)
    assert site.counters.failures == {"server_error": MAX_ATTEMPTS}
    assert "stopped after 12 attempts" in caplog.text
    assert "PATCH /api/annotations/1 answered 500" in caplog.text
    site.grafana.work_again()
    site.tell(1, EventKind.ACKNOWLEDGED, 3)
    site.deliver(dispatcher)
    assert ("INC-1", "incident", 0, 42) in site.spans()


def test_it_does_not_give_up_while_grafana_fails_on_everything(site):
    """Its database may be down: 500 for whatever is asked."""
    site.grafana.fail_while(500)
    groups(site, 2)
    dispatcher = site.dispatcher()
    for _ in range(2 * MAX_ATTEMPTS):
        dispatcher.step()
        site.now += LONGEST
    assert (site.waiting().pending, site.waiting().stopped) == (2, 0)
    site.grafana.work_again()
    site.deliver(dispatcher)
    assert len(site.spans()) == 2


def test_it_makes_again_what_an_admin_deleted_when_it_changes(site):
    """The region and its points: the state that all of them name is another one."""
    site.send(alert(0))
    site.tell(1, EventKind.ACKNOWLEDGED, 3)
    dispatcher = site.deliver()
    site.grafana.annotations.delete(0)
    site.send(alert(0, 42))
    site.deliver(dispatcher)
    assert site.spans() == [("INC-1", "acknowledged", 3, 3), ("INC-1", "incident", 0, 42)]


def test_it_has_tags_made_once_where_grafana_cannot_make_one_during_an_update(site):
    """One annotation, which no dashboard shows, brings them all; a Grafana that needs none gets none."""
    groups(site, 3)
    site.deliver()
    for n in range(3):
        site.send(alert(60 * n, 60 * n + 42, fingerprint=f"f{n}", group=f"g{n}"))
    site.deliver(site.dispatcher())
    site.tell(1, EventKind.SEVERITY_CHANGED, 70, severity=Severity.SEV_1)
    site.tell(2, EventKind.DISMISSED, 71)
    site.deliver(site.dispatcher())  # another process
    assert len(site.spans()) == 4
    assert sum(site.counters.failures.values()) == 0
    holders = [row for row in site.grafana.annotations.rows.values() if row["text"].startswith("<b>Tags of")]
    assert len(holders) == (1 if site.grafana.release < (10, 1) else 0)


def test_it_never_writes_over_an_annotation_of_somebody_else(site):
    """Another Grafana behind the same address: its annotation 1 is not ours."""
    site.send(alert(0))
    dispatcher = site.deliver()
    site.grafana.annotations.delete(1)
    other = {"id": 1, "text": "deploy 17", "tags": ["deploy"], "time": 5, "timeEnd": 5, "dashboardUID": None}
    site.grafana.annotations._keep(other)
    site.send(alert(0, 42))
    site.deliver(dispatcher)
    assert site.grafana.annotations.rows[1] == other
    assert site.spans() == [("INC-1", "incident", 0, 42)]


@pytest.mark.parametrize("behaviour", ["kept", "collapsed"])
def test_it_uses_put_where_patch_loses_the_end(site, behaviour):
    site.grafana.annotations.time_end_on_patch = behaviour
    site.send(alert(0))
    dispatcher = site.deliver()
    site.send(alert(0, 42))
    site.deliver(dispatcher)
    assert site.spans() == [("INC-1", "incident", 0, 42)]
    assert len(site.grafana.requests("PUT")) == 1


def test_it_says_so_where_grafana_keeps_no_end_at_all(site, monkeypatch):
    site.send(alert(0))
    dispatcher = site.deliver()
    monkeypatch.setattr(site.grafana.annotations, "_update", lambda row: None)
    site.send(alert(0, 42))
    site.deliver(dispatcher)
    assert site.waiting().stopped == 1


def test_it_hides_second_copies(site):
    site.send(alert(0))
    dispatcher = site.deliver()
    row = site.grafana.annotations.rows[1]
    for _ in range(2):
        site.grafana.annotations.add(row, 0, None)
    for _ in site.store.outbox.resync("grafana", None, site.now):
        pass
    site.deliver(dispatcher)
    assert [row["id"] for row in site.grafana.regions()] == [1]
    assert len(site.grafana.hidden()) == 2


def test_it_does_not_take_the_annotation_of_another_installation_for_its_own(site, tmp_path):
    """Both have an INC-1, and the answer to this one's POST gets lost."""
    theirs = {
        "text": "INC-1 of staging",
        "tags": ["mttx", "incident:INC-1", "mttx-item:0123456789abcdef"],
        "time": 10**12,
    }
    site.grafana.annotations.add(theirs, 0, None)
    site.grafana.fail_once("drop")
    site.send(alert(0))
    site.deliver()
    assert sorted(row["text"][:5] for row in site.grafana.regions()) == ["<b>IN", "INC-1"]


def test_two_dispatchers_deliver_everything_once(site):
    groups(site, 40, ends=10)
    site.grafana.faults = lambda asked, when: 0.005 if when == "before" else None
    both = [site.dispatcher(), site.dispatcher()]

    def run(dispatcher):
        while site.waiting().pending:
            dispatcher.step()

    threads = [threading.Thread(target=run, args=[d]) for d in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(site.spans()) == 40
    assert len(site.grafana.requests("POST")) == 40


def test_it_creates_nothing_once_its_claim_has_run_out(site):
    """A process that slept too long must not create what another may have created meanwhile."""
    site.send(alert(0))
    late = site.dispatcher(clock=iter([site.now] * 2 + [site.now + timedelta(hours=1)] * 9).__next__)
    assert late.step()
    assert site.grafana.requests("POST") == []
    site.now += timedelta(hours=1)
    site.deliver()
    assert len(site.spans()) == 1


def test_it_looks_again_where_it_lost_its_claim_while_delivering(site):
    """Both created it: the next delivery hides the second one."""
    site.send(alert(0))
    other = site.dispatcher()

    def slowly(asked, when):
        if asked.method == "POST" and when == "before" and len(site.grafana.requests("POST")) == 1:
            site.now += timedelta(hours=1)
            other.step()

    site.grafana.faults = slowly
    site.dispatcher().step()
    assert len(site.grafana.annotations.rows) == 2
    site.grafana.work_again()
    site.deliver()
    assert len(site.spans()) == 1
    assert len(site.grafana.hidden()) == 1


def test_it_gives_back_what_it_does_not_get_to(site):
    groups(site, 5)
    ticks = iter([0, 0, 0] + [5] * 50)
    dispatcher = site.dispatcher(clock=lambda: site.now + timedelta(seconds=next(ticks)))
    dispatcher.step()
    assert len(site.spans()) == 1
    site.now += timedelta(seconds=10)
    site.deliver()
    assert len(site.spans()) == 5
    assert len(site.grafana.requests("GET")) == 0  # the others were not tried, so nothing has to be looked for


def test_it_survives_what_nobody_foresaw(site, monkeypatch, caplog):
    groups(site, 3)
    dispatcher = site.dispatcher()
    plan = dispatcher.receiver.plan
    monkeypatch.setattr(dispatcher.receiver, "plan", lambda c, s, n: 1 / 0 if c.key.incident_id == 2 else plan(c, s, n))
    dispatcher.step()
    assert [span[0] for span in site.spans()] == ["INC-1", "INC-3"]
    assert site.counters.failures == {"unexpected": 1}


def test_it_settles_what_it_did_before_the_store_failed(site, monkeypatch):
    groups(site, 3)
    story, asked = site.store.outbox.incident, []

    def failing(target, incident_id):
        asked.append(incident_id)
        if len(asked) == 3:
            raise StoreUnavailable("the disk is gone")
        return story(target, incident_id)

    monkeypatch.setattr(site.store.outbox, "incident", failing)
    with pytest.raises(StoreUnavailable):
        site.dispatcher().step()
    assert site.waiting().pending == 1


def test_it_goes_on_when_the_store_answers_again(site, monkeypatch):
    site.send(alert(0))
    claim, failed = site.store.outbox.claim, []

    def once(*args):
        if not failed:
            failed.append(True)
            raise StoreUnavailable("locked")
        return claim(*args)

    monkeypatch.setattr(site.store.outbox, "claim", once)
    monkeypatch.setattr("service.delivery.dispatcher.IDLE_SECONDS", 0.01)
    dispatcher = site.dispatcher()
    dispatcher.start()
    _eventually(site.spans)
    dispatcher.stop()


def test_a_slow_grafana_does_not_slow_a_webhook(site):
    import time

    site.grafana.faults = lambda asked, when: 0.8 if when == "before" else None
    groups(site, 3)
    dispatcher = site.dispatcher()
    dispatcher.start()
    slowest = 0.0
    for n in range(100, 150):
        began = time.monotonic()
        site.send(alert(0, fingerprint=f"f{n}", group=f"g{n}"))
        slowest = max(slowest, time.monotonic() - began)
    dispatcher.stop()
    assert slowest < 0.7


HOURS = timedelta(hours=6)


def test_a_lease_of_a_clock_that_was_ahead_holds_nothing_up(site):
    """Whoever had it died; its lease ends in six hours, longer than any lease that is taken now."""
    site.send(alert(0))
    assert site.store.outbox.claim("grafana", site.now + HOURS, timedelta(seconds=60), 1)
    assert site.dispatcher().step()
    assert site.spans() == [("INC-1", "incident", 0, 0)]


def test_a_lease_of_the_right_time_is_left_alone(site):
    site.send(alert(0))
    assert site.store.outbox.claim("grafana", site.now, timedelta(seconds=60), 1)
    assert not site.dispatcher().step()


@pytest.mark.parametrize("outcome", ["drop", 403, 500], ids=["down", "not let in", "one alone"])
def test_a_clock_that_is_set_back_puts_nothing_off(site, outcome):
    site.grafana.fail_while(outcome)
    site.send(alert(0))
    site.now += HOURS
    dispatcher = site.dispatcher()
    assert dispatcher.step()
    site.grafana.work_again()
    site.now -= HOURS
    assert dispatcher.step()
    assert site.spans() == [("INC-1", "incident", 0, 0)]


def test_a_clock_that_is_set_back_in_a_batch_ends_the_batch(site):
    """Nobody can tell how long the lease still holds."""
    groups(site, 5)
    ticks = iter([0, 0, 0] + [-3600] * 50)
    dispatcher = site.dispatcher(clock=lambda: site.now + timedelta(seconds=next(ticks)))
    assert dispatcher.step()
    assert len(site.spans()) == 1


def test_what_a_batch_left_is_not_put_off_by_a_clock_that_is_set_back(site):
    groups(site, 5)
    site.now += HOURS
    ticks = chain([0, 0, 0], repeat(3600))
    dispatcher = site.dispatcher(clock=lambda: site.now + timedelta(seconds=next(ticks)))
    assert dispatcher.step()
    assert len(site.spans()) == 1
    site.now -= HOURS
    dispatcher.clock = lambda: site.now
    while dispatcher.step():
        pass
    assert len(site.spans()) == 5


def test_the_log_tells_no_token(site, caplog):
    site.grafana.fail_while(401)
    site.send(alert(0))
    site.dispatcher().step()
    assert "authentication failed" in caplog.text
    assert TOKEN not in caplog.text


def _eventually(true):
    import time

    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_delivers_what_is_told_of_an_incident_that_a_clock_ahead_had_heard_of(site):
    site.send(alert(0), received=1000)
    site.now = at(1000)
    site.deliver()
    site.now = at(600)
    site.send(alert(0, 42), received=601)
    site.now = at(602)
    assert site.waiting().pending == 1
    dispatcher = site.dispatcher()
    assert dispatcher.step()
    assert site.waiting().pending == 0
