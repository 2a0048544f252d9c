"""The oracle of the grouping: the incidents of a set of requests, computed at once, whatever order they came in.

It shares no code with `service`: it says in its own way what docs/definitions.md says of one alert group ("From alerts
to incidents"), and leaves what an incident is to `recount`. Instants are microseconds.
"""

from itertools import zip_longest

from tests.store import recount
from tests.store.recount import NEVER, WINDOW

BEFORE_DETECTION = ("started", "detected")
ABOUT = ("corrected", "retracted")


def firings_of(reports):
    """All firings of one alert, from its reports: dicts with starts, ends, peer, received and onset."""
    runs = []
    for report in sorted(reports, key=lambda r: (r["starts"], r["ends"])):
        if report["starts"] == report["ends"]:  # an end that says nothing of its start
            if runs and takes_end(runs[-1], report["ends"]):
                runs[-1].append(report)
        elif runs and report["starts"] <= reach_of(runs[-1]):
            runs[-1].append(report)
        else:
            runs.append([report])
    firings = [
        {"seen": seen_of(run), "onset": None, **{key: run[0][key] for key in ("name", "severity", "labels")}}
        for run in runs
    ]
    firings = [recount.fired(*two) for two in zip_longest(firings, firings[1:])]
    for onset in sorted(r["onset"] for run in runs for r in run if r["onset"] is not None):
        beside(onset, firings)
    return firings


def reach_of(run):
    """Until when a start belongs to the same firing."""
    ends = [r["ends"] for r in run if r["ends"] != NEVER]
    return max(ends) if ends else max(r["starts"] for r in run) + WINDOW


def takes_end(run, end):
    """Whether a firing is what ended then: it had begun, and what ended before did so not long ago."""
    ends = [r["ends"] for r in run if r["ends"] != NEVER]
    return min(r["starts"] for r in run) < end and (not ends or end <= max(ends) + WINDOW)


def seen_of(run):
    """Each thing that was reported once, with its first and last receipt."""
    seen = {}
    for r in run:
        what = (r["starts"], r["ends"], False, r["peer"])
        first, last = seen.get(what, (r["received"], r["received"]))
        seen[what] = min(first, r["received"]), max(last, r["received"])
    return [recount.Seen(*what, first, last) for what, (first, last) in seen.items()]


def beside(onset, firings):
    """Give an onset to the firing that it lies next to; the earliest of a firing counts."""
    for firing in firings:
        if onset <= firing["start"] or firing["end"] is None or onset <= firing["end"]:
            break
    firing["onset"] = onset if firing["onset"] is None else min(firing["onset"], onset)


def parts_of(firings, events):
    """Split the firings of one alert group into incidents, by what had happened before each began."""
    kept, _ = recount.standing(events)
    sent = {e["id"]: e["at"] for e in events}

    def due(event):
        return max(event["at"], sent[event["id"]])

    parts = []
    for firing in sorted(firings, key=lambda f: f["start"]):
        if parts:
            part = parts[-1]
            since = part[0]["start"] if len(parts) > 1 else 0
            acts = [e for e in kept if since <= sent[e["id"]] and due(e) < firing["start"]]
            walked = recount.walk(acts, part, due)
            closed = walked["dismissed"] or next((r["at"] for r in walked["resolved"]), None)
            reach = [] if closed is None else [max(closed, part[0]["start"])]
            if all(f["end"] is not None for f in part):
                reach.append(max(f["end"] for f in part))
            if not reach or firing["start"] <= min(reach) + WINDOW:
                part.append(firing)
                continue
        parts.append([firing])
    return parts


def told_to(parts, events):
    """Distribute the events of one alert group over its incidents."""
    begins = [part[0]["start"] for part in parts]
    places, about = {}, {e["id"]: e["data"]["event_id"] for e in events if e["kind"] in ABOUT}

    def place(event):
        if event["id"] in about:
            return places[about[event["id"]]]
        if event["kind"] in BEFORE_DETECTION:
            later = [(f["start"], n) for n, part in enumerate(parts) for f in part if f["start"] >= event["at"]]
            return min(later)[1] if later else len(parts) - 1
        return max((n for n, begin in enumerate(begins) if begin <= event["at"]), default=0)

    told_by_part = [[] for _ in parts]
    for event in sorted(events, key=lambda e: e["id"] in about):
        places[event["id"]] = place(event)
        told_by_part[places[event["id"]]].append(event)
    return told_by_part


def incidents(reports, events):
    """All incidents of one alert group: (firings, events, what the incident is); `reports` are by alert."""
    firings = [firing for mine in reports.values() for firing in firings_of(mine)]
    parts = parts_of(firings, events)
    return [
        (part, part_events, recount.incident(part_events, part))
        for part, part_events in zip(parts, told_to(parts, events), strict=True)
    ]
