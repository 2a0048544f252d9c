"""What Prometheus recorded while the month went by, held against what should have been, evaluation by evaluation.

An evaluation sees the exporter as it was at the last scrape or the one before, so for each there is a stretch of time,
some tenths of a second, in which it may have looked. Where the answer is the same for the whole stretch, the alert has
to be as computed; where it is not, either is right. So no wait and no pause of the machine can make the test fail.
"""

import time
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from math import inf
from urllib.parse import urlencode

from tests.real.http import request
from tests.real.month_expected import Expected

SLACK = 0.05  # between our clock's reading and theirs of the same moment
# What was read is shown for so long while nothing is told; statistics that cost more, also this often their cost.
KEPT_SECONDS, CHEAP_SECONDS, KEPT_TIMES_COST = 60, 0.05, 20
OWN_SECONDS = 1.0  # how old the numbers of the process itself may be


def history(prometheus, selector, minutes=10):
    """Return every sample of the last minutes, as [(labels, [(time, number)])]."""
    query = urlencode({"query": f"{selector}[{minutes}m]"})
    answer = request("GET", f"{prometheus.url}/api/v1/query?{query}").expect(200).json()
    return [
        (series["metric"], [(at, float(value)) for at, value in series["values"]])
        for series in answer["data"]["result"]
    ]


@dataclass(frozen=True, slots=True)
class Scrape:
    """When a scrape began and ended, whether it succeeded, and how long the exporter read its store."""

    began: float
    ended: float
    ok: bool
    reading: float


@dataclass(frozen=True, slots=True)
class Look:
    """The stretch of time in which one evaluation may have looked at the exporter."""

    since: float
    until: float


class Scrapes:
    """The scrapes of the exporter that a month is told to."""

    def __init__(self, prometheus, replay):
        def samples_of(selector):
            samples = history(prometheus, f'{selector}{{job="{replay.job}"}}')
            return dict(samples[0][1]) if samples else {}

        up, took, reading = (
            samples_of("up"),
            samples_of("scrape_duration_seconds"),
            samples_of("mttx_scrape_duration_seconds"),
        )
        self._all = []
        ended = inf
        for at in sorted(up, reverse=True):
            if up[at]:
                ended = at + took.get(at, 0)
            # What a scrape that Prometheus gave up cost is not known; it was over before the next was answered.
            self._all.insert(0, Scrape(at, at + took.get(at, 0), up[at] == 1, reading.get(at, ended - at)))
        self._posts = replay.posts

    def look(self, at, group):
        """Return where an evaluation may have looked, None where one of the scrapes failed or there were none yet."""
        last = bisect_right([scrape.began for scrape in self._all], at) - 1
        seen = self._all[max(0, last - 1) : last + 1]
        if len(seen) < 2 or not all(scrape.ok for scrape in seen):
            return None
        since = seen[0].began - (OWN_SECONDS if group == "mttx-exporter" else 0)
        if group == "mttx-indicators":
            since = min([since, *(scrape.began for scrape in self._all if self._is_kept(scrape, since))])
        return Look(since - SLACK, max(at, seen[1].ended) + SLACK)

    def _is_kept(self, scrape, at):
        """Tell whether what this scrape computed may still have been shown at a later one."""
        age = at - scrape.began
        if age < 0:
            return False
        if scrape.reading >= CHEAP_SECONDS and age <= scrape.reading * KEPT_TIMES_COST + SLACK:
            return True
        news = any(scrape.began - SLACK <= post.answered <= at - SLACK for post in self._posts)
        return age <= KEPT_SECONDS and not news


class Judge:
    """Compares the alerts of one job with what they should have been. `wrong` says where they differ.

    `fired` has the names of the alerts that had to fire at some evaluation, `silent` those of which one that fires at
    another time had to be silent.
    """

    def __init__(self, prometheus, replay, group_of):
        # In this order: the record of an evaluation is its last sample, so whatever belongs to it is there by then.
        evaluations = history(prometheus, "month:evaluated")
        self._firing = {
            frozenset((k, v) for k, v in labels.items() if k not in {"__name__", "alertstate"}): {
                at for at, _ in samples
            }
            for labels, samples in history(prometheus, f'ALERTS{{alertstate="firing", job="{replay.job}"}}')
        }
        self._scrapes = Scrapes(prometheus, replay)
        self._replay = replay
        self._expected = cache(lambda number, moment: Expected(replay, replay.posts[:number], moment))
        self._group_of = group_of
        self.wrong, self.fired, self.silent = [], set(), set()
        for labels, samples in evaluations:
            for at, _ in samples:
                self._judge(labels["group"], at)

    def _judge(self, group, at):
        look = self._scrapes.look(at, group)
        if look is None:
            return
        possible = self._possible(look)
        for labels in {*self._firing, *(labels for expected in possible for labels in expected.spans)}:
            name = dict(labels)["alertname"]
            if self._group_of[name] != group:
                continue
            answers = {_during(expected.spans.get(labels, ()), look) for expected in possible}
            fired = at in self._firing.get(labels, ())
            if answers == {True}:
                self.fired.add(name)
            elif answers == {False}:
                self.silent.add(name)
            if answers in ({True}, {False}) and answers != {fired}:
                day = (at - self._replay.origin) / 86400 * self._replay.scale
                self.wrong.append(f"day {day:.3f}: {'fired' if fired else 'silent'}, not {answers}: {dict(labels)}")

    def _possible(self, look):
        """Give what should have been for everything that the exporter may have known."""
        posts = self._replay.posts
        least = sum(post.answered <= look.since for post in posts)
        most = sum(post.sent <= look.until for post in posts)
        return [self._expected(number, moment) for number in range(least, most + 1) for moment in ("sent", "answered")]


def expected_now(replay):
    """Return the alerts that have to fire now that all has been told, None while that is not certain."""
    now = time.time()
    spans = Expected(replay, replay.posts).spans
    answers = {labels: _during(spans[labels], Look(now - 1.5, now + SLACK)) for labels in spans}
    return None if None in answers.values() else {labels for labels, fires in answers.items() if fires}


def _during(spans, look):
    """Tell whether an alert with these spans fires all through a look (True), never (False), or in between (None)."""
    covered = look.since
    for begin, end in sorted(spans):
        if begin <= covered:
            covered = max(covered, end)
    if spans and covered >= look.until:
        return True
    return None if any(begin <= look.until and end >= look.since for begin, end in spans) else False
