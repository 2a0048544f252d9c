"""Whose episode it is, where several independent senders report the same alert, and one that has no name yet."""

from datetime import timedelta
from itertools import permutations

import pytest

from service.domain.grouping import connected
from service.domain.senders import named_alias, named_source, plain_source, spans_by_source
from tests.builders import at, episode, report
from tests.house import minutes

WINDOW = timedelta(minutes=15)


def episodes(*reports):
    """Each episode by its sender, start and end, in minutes."""
    computed = spans_by_source(reports, WINDOW)
    return [
        (source.partition("@")[2], minutes(span.starts_at), None if span.ends_at is None else minutes(span.ends_at))
        for source, span in computed
    ]


def test_a_name_is_part_of_the_source_and_of_an_alias():
    assert named_source("alertmanager", "eu") == "alertmanager@eu"
    assert named_source("alertmanager", "") == "alertmanager"
    assert plain_source("alertmanager@eu") == plain_source("alertmanager") == "alertmanager"
    assert len({named_alias("team=a", ""), named_alias("team=a", "eu"), named_alias("team=a", "us")}) == 3


def test_two_senders_have_episodes_of_their_own():
    assert episodes(report(0, sender="eu"), report(0, 5, sender="us")) == [("eu", 0, None), ("us", 0, 5)]


def test_peers_of_one_sender_share_an_episode():
    assert episodes(report(0, sender="eu", peer="a"), report(0, 5, sender="eu", peer="b")) == [("eu", 0, 5)]


@pytest.mark.parametrize("ended", [None, 9])
def test_a_firing_without_a_sender_is_adopted_by_the_report_of_the_same_firing(ended):
    """Switching a name on: the repeat, or the end, comes with the name."""
    assert episodes(report(0), report(0, ended, sender="eu")) == [("eu", 0, ended)]


def test_the_sender_that_named_it_first_adopts_it():
    reports = [report(0, received=1), report(0, 9, sender="us", received=20), report(0, sender="eu", received=10)]
    for order in permutations(reports):
        assert episodes(*order) == [("eu", 0, None), ("us", 0, 9)]


def test_a_peer_that_has_not_been_switched_over_yet_reports_the_same_firing():
    """Peers are configured one after the other: the first name may come before the last report without one."""
    assert episodes(report(0, sender="eu", peer="a"), report(0, 7, peer="b")) == [("eu", 0, 7)]


def test_another_firing_at_the_same_time_is_not_adopted():
    """One cluster has a name, the other has none: they stay apart unless both fired in the same millisecond."""
    assert episodes(report(0), report(1, 5, sender="eu")) == [("", 0, None), ("eu", 1, 5)]
    assert episodes(report(0, 20), report(1, 5, sender="eu")) == [("", 0, 20), ("eu", 1, 5)]


def test_an_end_alone_adopts_the_firing_that_it_ends():
    """Grafana since 12.0, and Alertmanager's event recorder, tell the end without the start."""
    assert episodes(report(0), report(9, 9, sender="eu")) == [("eu", 0, 9)]


def test_an_end_alone_ends_what_its_own_sender_reported():
    assert episodes(report(0), report(1, sender="eu"), report(9, 9, sender="eu")) == [("", 0, None), ("eu", 1, 9)]


def test_an_end_alone_without_a_name_ends_what_a_sender_reported():
    first, second = report(0, sender="us", received=2), report(1, sender="eu", received=1)
    assert episodes(first, second, report(9, 9)) == [("eu", 1, 9), ("us", 0, None)]


def test_an_end_alone_without_a_name_ends_what_has_no_name_either():
    assert episodes(report(0), report(1, sender="eu"), report(9, 9)) == [("", 0, 9), ("eu", 1, None)]


def test_an_end_alone_that_ends_nothing_waits():
    assert episodes(report(9, 9), report(20, sender="eu")) == [("eu", 20, None)]


def test_an_assumed_end_goes_along_with_the_firing():
    stale = report(0, 30, stale=True)
    assert episodes(report(0), stale, report(0, sender="eu", received=500)) == [("eu", 0, 30)]


def test_every_episode_keeps_all_of_its_reports():
    reports = [report(0), report(0, sender="eu"), report(60, 70), report(3, 3)]
    (_, adopted), (_, other) = sorted(spans_by_source(reports, WINDOW), key=lambda pair: pair[1].starts_at)
    assert {r.observation.ends_at for r in adopted.reports} == {None, at(3)}
    assert [r.observation.starts_at for r in other.reports] == [at(60)]


def test_groups_of_two_senders_have_no_names_in_common():
    """What is in one incident because an episode was in both groups falls apart once it is not."""
    groups = [[[episode(0, id=1)]], [[episode(1, id=2)]]]
    assert len(connected(groups, WINDOW, {}, ["eu", "eu"])) == 1
    assert len(connected(groups, WINDOW, {}, ["", "eu"])) == 2
    assert len(connected(groups, WINDOW, {1: at(5)}, ["", "eu"])) == 1
