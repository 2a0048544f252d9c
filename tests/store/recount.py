"""The oracle of the running totals: an incident computed again from the raw rows, written without the service's rules.

It shares no code with `service.domain`: it says in its own way what docs/definitions.md says, slowly.
"""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime

NEVER = 2**62
BOUNDS = [60 * m for m in (1, 2, 5, 10, 15, 20, 30, 45)] + [3600 * h for h in (1, 2, 3, 4, 6, 8, 12)]
BOUNDS += [86400 * d for d in (1, 2, 3, 5, 7, 10, 14, 21, 28)]
"""The standard's targets and deadlines are all among the usual bounds."""
ORDER = ("resolved", "mitigated", "acknowledged")


def seconds(iso):
    return round(datetime.fromisoformat(iso).timestamp() * 10**6)


@dataclass
class Told:
    """One incident as the oracle sees it; instants in microseconds."""

    phase: str
    severity: str
    source: str | None
    milestones: dict
    states: dict = field(default_factory=dict)


class Recount:
    """Follows a store: after every command it reads everything and adds what each incident newly gives."""

    def __init__(self, house):
        self._house = house
        self._done = set()
        self.totals = Counter()
        self.seconds = defaultdict(float)
        self.incidents = {}

    def step(self):
        self.incidents = incidents(self._house)
        for number, told in self.incidents.items():
            for what, metric, detail, interval in gives(told):
                if (number, what) not in self._done:
                    self._done.add((number, what))
                    le = 0 if interval is None else next((b for b in BOUNDS if interval <= b * 10**6), NEVER)
                    self.totals[metric, told.severity, detail, le] += 1
                    self.seconds[metric, told.severity, detail] += (interval or 0) / 10**6


def gives(told):
    """All that an incident as it is now has to have given: (what, metric, detail, interval or None)."""
    yield "opened", "mttx_incidents_opened_total", "", None
    if told.phase == "dismissed":
        yield "dismissed", "mttx_incidents_dismissed_total", "", None
        return
    at = told.milestones
    spans = [("draft", "started", "drafted", "postmortem_lead"), ("final", "started", "finalized", "postmortem_lead")]
    if told.phase == "resolved":
        yield "resolved", "mttx_incidents_resolved_total", told.source, None
        spans += [("", "started", "detected", "to_detect"), ("", "detected", "acknowledged", "to_acknowledge")]
        spans += [("", "detected", "mitigated", "to_mitigate")]
        if told.source != "stale":
            spans.append(("", "detected", "resolved", "to_resolve"))
    for detail, begin, end, name in spans:
        if begin in at and end in at and at[begin] <= at[end]:
            metric = "mttx_postmortem_lead_time_seconds" if detail else f"mttx_time_{name}_seconds"
            yield end if detail else name, metric, detail, at[end] - at[begin]


def incidents(house):
    """Every incident that was not merged away, by id."""
    merged = dict(house.rows("select id, merged_into from incidents"))
    events, firings = defaultdict(list), defaultdict(dict)
    columns = "incident_id, event_id, kind, occurred_at, recorded_at, source, about"
    for number, event_id, kind, occurred, recorded, source, about in house.rows(f"select {columns} from events"):
        told = {"data": {}, "severity": None, **json.loads(about)}
        told |= {"id": event_id, "kind": kind, "at": occurred, "recorded": recorded, "source": source}
        events[merged[number] or number].append(told)
    joined = "observations o join episodes e on e.id = o.episode_id"
    columns = "e.incident_id, e.id, o.starts_at, o.ends_at, o.stale, e.severity, e.onset_at"
    for number, episode, starts, ends, stale, severity, onset in house.rows(f"select {columns} from {joined}"):
        firing = firings[number].setdefault(episode, {"seen": [], "severity": severity, "onset": onset})
        firing["seen"].append((starts, None if ends == NEVER else ends, bool(stale)))
    return {
        number: incident(events[number], [fired(f) for f in firings[number].values()])
        for number, into in merged.items()
        if into is None
    }


def fired(firing):
    ends = sorted((stale, end) for _, end, stale in firing["seen"] if end is not None)
    stale, end = ends[0] if ends else (False, None)
    return {**firing, "start": min(s for s, _, _ in firing["seen"]), "end": end, "stale": stale}


def incident(told, firings):
    """What the incident is, from all that was told of it."""
    events, pins = standing(told)
    of = defaultdict(list)
    for event in events:
        of[event["kind"]].append(event)
    at = {}
    people = [e["at"] for e in of["started"] if e["source"] != "prometheus"]
    onsets = [f["onset"] for f in firings if f["onset"] is not None]
    put(at, "started", people or onsets or [e["at"] for e in of["started"]])
    put(at, "detected", [e["at"] for e in of["detected"]] + [f["start"] for f in firings])
    commanders = [e["at"] for e in of["role_assigned"] if e["data"]["role"] == "commander"]
    by_hand = [e["at"] for e in of["resolved"] if not e["data"].get("automated") and not is_stale(e)]
    put(at, "acknowledged", [e["at"] for e in of["acknowledged"] + of["mitigated"]] + commanders + by_hand)
    put(at, "mitigated", [e["at"] for e in of["mitigated"]])
    put(at, "drafted", [e["at"] for e in of["postmortem_drafted"]])
    put(at, "finalized", [e["at"] for e in of["postmortem_finalized"]])
    for milestone, (pinned, _) in pins.items():
        if milestone in at:
            at[milestone] = pinned
    ended = ending(of, firings)
    if ended is not None:
        pinned, said = pins.get("resolved", (None, None))
        undone = [e for e in of["reopened"] if pinned is not None and e["at"] > pinned]
        undone += [f for f in firings if pinned is not None and f["start"] > said]
        at["resolved"] = ended[0] if pinned is None or undone else pinned
    severities = [e["severity"] for e in events if e["severity"]] or [
        min((f["severity"] for f in firings), default="SEV-3")
    ]
    phase = next((p for p in ORDER if p in at), "detected")
    if dismissed(events):
        phase = "dismissed"
    return Told(phase, severities[-1], ended[1] if ended else None, at, actions(events))


def put(at, milestone, instants):
    if instants:
        at[milestone] = min(instants)


def is_stale(event):
    return event["data"].get("resolution_source") == "stale"


def ending(of, firings):
    """The instant and the source of the resolution, None while it goes on."""
    again = max([e["at"] for e in of["reopened"]] + [f["start"] for f in firings], default=0)
    lasting = [e for e in of["resolved"] if e["at"] >= again]
    for event in lasting:
        if not is_stale(event):
            return event["at"], "automation" if event["data"].get("automated") else "human"
    if not firings:
        return (lasting[0]["at"], "stale") if lasting else None
    if any(f["end"] is None for f in firings):
        return None
    last = max(f["end"] for f in firings)
    if any(e["at"] > last for e in of["reopened"]):
        return None
    return last, "stale" if any(f["stale"] for f in firings) else "alerts"


def standing(told):
    """The events that count, in order, and the pinned milestones with when that was said."""
    told = sorted(told, key=lambda e: (e["at"], e["recorded"], e["id"]))

    def stands(event):
        return not any(e["kind"] == "retracted" and e["data"]["event_id"] == event["id"] and stands(e) for e in told)

    fixes = [e for e in told if e["kind"] == "corrected" and stands(e)]
    moved = {f["data"]["event_id"]: seconds(f["data"]["occurred_at"]) for f in fixes if "event_id" in f["data"]}
    kept = [
        {**e, "at": moved.get(e["id"], e["at"])}
        for e in told
        if e["kind"] not in ("corrected", "retracted") and stands(e)
    ]
    pins = {
        f["data"]["milestone"]: (seconds(f["data"]["occurred_at"]), f["recorded"])
        for f in fixes
        if "milestone" in f["data"]
    }
    return sorted(kept, key=lambda e: (e["at"], e["recorded"], e["id"])), pins


def dismissed(events):
    last = [e["kind"] for e in events if e["kind"] in ("dismissed", "reopened")]
    return bool(last) and last[-1] == "dismissed"


def actions(events):
    """The state of each action."""
    reached = {}
    for event in events:
        if event["kind"].startswith("action_"):
            rank = ("action_opened", "action_completed", "action_verified").index(event["kind"])
            key = event["data"]["action_id"]
            reached[key] = max(rank, reached.get(key, 0))
    return reached
