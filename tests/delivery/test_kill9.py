"""A dispatcher that is killed at any step of a delivery leaves the rest to the next, and nothing is there twice."""

import os
import signal
import time
from multiprocessing import get_context

import pytest

from service.domain.events import EventKind
from tests.builders import alert
from tests.delivery import victim

PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload([victim.__name__])  # each is a process of its own, and imports nothing anew
STEPS = [f"{when}-{call}" for call in ("claim", "incident", "complete") for when in ("before", "after")]


def start(site, step="never"):
    """Start a dispatcher in a process of its own."""
    started = PROCESSES.Process(target=victim.main, args=(site.url, site.grafana.url, site.now.isoformat(), step))
    started.start()
    return started


def killed(started):
    started.join(60)
    return started.exitcode == -signal.SIGKILL


def prepare(site, key):
    """Have an incident with a point; `known`: Grafana shows its beginning already."""
    site.send(alert(0))
    if key:
        site.deliver()
        site.grafana.asked.clear()
    site.tell(1, EventKind.ACKNOWLEDGED, 3)
    site.send(alert(0, 42))


def all_is_well(site):
    site.grafana.work_again()
    site.deliver()
    assert site.spans() == [("INC-1", "acknowledged", 3, 3), ("INC-1", "incident", 0, 42)]
    assert site.grafana.requests("DELETE") == []
    assert len(site.grafana.regions()) == 2
    assert site.grafana.hidden() == []


def counted(asked):
    """Say whether a request is about the incident: not those about the version and the tags of some Grafanas."""
    aside = asked.path.endswith(("/health", "limit=1")) or b"<b>Tags of" in asked.body
    return not aside


@pytest.mark.parametrize("step", STEPS)
def test_it_makes_one_of_each_after_a_kill_at_the_store(site, step):
    prepare(site, key=False)
    assert killed(start(site, step))
    all_is_well(site)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("key", "request_number", "method"),
    [
        (False, 1, "POST"),  # the region
        (False, 2, "POST"),  # the point
        (True, 1, "GET"),  # the region is read,
        (True, 2, "PATCH"),  # changed,
        (True, 3, "GET"),  # and read back
        (True, 4, "POST"),  # the point
    ],
)
def test_it_makes_one_of_each_after_a_kill_at_grafana(site, key, request_number, method, when):
    prepare(site, key)
    victims = []

    def kill(asked, now):
        if now == when and counted(asked) and sum(map(counted, site.grafana.asked)) == request_number:
            assert asked.method == method
            while not victims:  # it may ask before we are told that it started
                time.sleep(0.001)
            os.kill(victims[0].pid, signal.SIGKILL)
            return "drop"
        return None

    site.grafana.faults = kill
    victims.append(start(site))
    assert killed(victims[0])
    all_is_well(site)


@pytest.mark.parametrize("when", ["before", "after"])
def test_it_makes_one_of_each_after_a_kill_while_tags_are_made(site, when):
    """On the Grafana that needs it; the other one is never asked for such an annotation."""
    prepare(site, key=True)
    victims = []

    def kill(asked, now):
        if now == when and b"<b>Tags of" in asked.body and not victims[0].exitcode:
            os.kill(victims[0].pid, signal.SIGKILL)
            return "drop"
        return None

    site.grafana.faults = kill
    victims.append(start(site))
    assert killed(victims[0]) == (site.grafana.release < (10, 1))
    all_is_well(site)


def test_it_makes_one_of_each_after_kills_in_a_row(site):
    """Every attempt dies right after Grafana took it."""
    prepare(site, key=False)
    for _ in range(3):
        assert killed(start(site, "before-complete"))
        site.now = site.now.replace(day=site.now.day + 1)
    all_is_well(site)
