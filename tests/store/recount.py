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
ORDER = ("mitigated", "acknowledged")
WINDOW = 15 * 60 * 10**6


def seconds(iso):
    return round(datetime.fromisoformat(iso).timestamp() * 10**6)


@dataclass
class RecountedIncident:
    """One incident as the oracle sees it; instants in microseconds."""

    phase: str
    severity: str
    source: str | None
    milestones: dict
    states: dict = field(default_factory=dict)
    over: int | None = None
    withdrawn: bool = False
    dimensions: dict = field(default_factory=dict)
    budgets: dict = field(default_factory=dict)
    measured: list = field(default_factory=list)


class Recount:
    """Follows a store: with every command it reads everything and adds what each incident newly gives.

    First what had become final by the time of the command, then what the command brought.
    """

    def __init__(self, house):
        self._house = house
        self._done = set()
        self.totals = Counter()
        self.seconds = defaultdict(float)
        self.budgets = defaultdict(list)
        self._measured = set()
        self.incidents = {}

    def step(self, now):
        self._count(now)
        self.incidents = incidents(self._house)
        self._count(now)
        self._count_budgets()

    def _count_budgets(self):
        """One event at most is new since the last step; it counts if no other measured the same."""
        for incident in self.incidents.values():
            for event in incident.measured:
                slo, others = event["data"]["slo"], [e["data"]["slo"] for e in incident.measured if e is not event]
                if event["id"] not in self._measured and slo not in others:
                    self.budgets[slo, incident.severity].append(event["data"]["spent_ratio"])
        self._measured |= {event["id"] for incident in self.incidents.values() for event in incident.measured}

    def _count(self, now):
        for number, incident in self.incidents.items():
            for name, source, interval in gives(incident, now):
                if (number, name) not in self._done:
                    self._done.add((number, name))
                    le = 0 if interval is None else next((b for b in BOUNDS if interval <= b * 10**6), NEVER)
                    self.totals[name, incident.severity, source, le] += 1
                    self.seconds[name, incident.severity, source] += (interval or 0) / 10**6


def gives(incident, now):
    """All that an incident has to have given by `now`: (indicator or count, source, interval or None)."""
    if now is None:
        return
    yield "opened", "", None
    if incident.phase == "dismissed":
        yield "dismissed", "", None
        return
    at = incident.milestones
    begin = "started" if "started" in at else "detected"
    spans = [("draft", begin, "drafted"), ("finalize", begin, "finalized")]
    if incident.phase == "resolved":
        yield "resolved", incident.source, None
        if incident.over + WINDOW <= now:
            spans += settled(incident)
    for name, begin, end in spans:
        if begin in at and end in at and at[begin] <= at[end]:
            yield name, "", at[end] - at[begin]


def settled(incident):
    yield "detect", "started", "detected"
    for milestone, name in (("acknowledged", "acknowledge"), ("mitigated", "mitigate")):
        if incident.source == "stale" or incident.milestones.get(milestone, 0) <= incident.over:
            yield name, "detected", milestone
    if incident.source != "stale":
        yield "resolve", "detected", "resolved"


def incidents(house):
    """Every incident that was not merged away, by id."""
    merged = dict(house.rows("select id, merged_into from incidents"))
    events, firings = defaultdict(list), defaultdict(dict)
    columns = "incident_id, event_id, kind, occurred_at, recorded_at, source, about"
    for number, event_id, kind, occurred, recorded, source, about in house.rows(f"select {columns} from events"):
        fields = {"data": {}, "labels": {}, "severity": None, "untimed": False, **json.loads(about)}
        fields |= {"id": event_id, "kind": kind, "at": occurred, "recorded": recorded, "source": source}
        events[merged[number] or number].append(fields)
    alerts = defaultdict(dict)
    joined = "observations o join episodes e on e.id = o.episode_id"
    columns = "e.incident_id, e.id, e.source, e.fingerprint, o.starts_at, o.ends_at, o.stale, o.peer, o.recorded_at"
    columns += ", o.last_received_at, e.severity, e.onset_at, e.about"
    for number, episode, sender, name, *seen, severity, onset, about in house.rows(f"select {columns} from {joined}"):
        labels = json.loads(about).get("labels", {})
        empty = {"seen": [], "severity": severity, "onset": onset, "incident": number, "labels": labels, "name": name}
        firing = alerts[sender, name].setdefault(episode, empty)
        firing["seen"].append(Seen(*seen))
    for of_alert in alerts.values():
        ordered = sorted(of_alert.values(), key=lambda f: min(s.starts for s in f["seen"]))
        for firing, following in zip(ordered, [*ordered[1:], None], strict=True):
            firings[firing["incident"]][id(firing)] = fired(firing, following)
    return {
        number: incident(events[number], list(firings[number].values()))
        for number, into in merged.items()
        if into is None
    }


@dataclass
class Seen:
    """One report; instants in microseconds."""

    starts: int
    ends: int
    stale: bool
    peer: str
    first: int
    last: int


def fired(firing, following):
    """When a firing began and ended; an end is assumed (`stale`) or not known at all."""
    seen = firing["seen"]
    ends = [s for s in seen if s.ends != NEVER and not s.stale]
    fires = [s for s in seen if s.ends == NEVER]
    times = {"start": min(s.starts for s in seen), "end": None, "stale": False, "unknown": False}
    behind = min(s.first for s in following["seen"]) if following else None
    back = [
        s
        for s in fires
        if s.peer
        and any(e.peer == s.peer for e in ends)
        and all(s.first < e.first for e in ends if e.peer == s.peer)
        and all(s.last > e.last for e in ends)
        and (behind is None or s.last < behind)
    ]
    assumed = [s for s in seen if s.stale and all(f.last <= s.first for f in fires)]
    if ends and not back:
        times["end"] = max(e.ends for e in ends)
    elif assumed and (not following or min(a.ends for a in assumed) < min(s.starts for s in following["seen"])):
        times |= {"end": min(a.ends for a in assumed), "stale": True}
    elif following:
        own = [s.starts for s in seen if s.starts != s.ends or s.stale]
        times |= {"end": max(own), "unknown": True}
    return {**firing, **times}


def incident(incident, firings):
    """What the incident is, from all that was told of it."""
    events, fixes = standing(incident)
    of = defaultdict(list)
    for event in events:
        of[event["kind"]].append(event)
    walked = walk(events, firings)
    ended = corrected(ending(walked, firings), fixes, walked, firings)
    at = {}
    people = [e["at"] for e in of["started"] if e["source"] != "prometheus"]
    onsets = [f["onset"] for f in firings if f["onset"] is not None]
    put(at, "started", people or onsets or [e["at"] for e in of["started"]])
    put(at, "detected", [e["at"] for e in of["detected"]] + [f["start"] for f in firings])
    put(at, "mitigated", [e["at"] for e in walked["mitigated"]])
    for milestone in ("started", "detected", "mitigated"):
        old = milestone == "mitigated" and walked["reopened"] is not None
        if milestone in fixes and not (old and fixes[milestone][0] < walked["reopened"]):
            at[milestone] = fixes[milestone][0]
    put(at, "acknowledged", responses(of, ended, at, fixes, walked))
    if "acknowledged" in fixes:
        at["acknowledged"] = fixes["acknowledged"][0]
    if ended and ended["known"]:
        at["resolved"] = ended["at"]
    for milestone, kind in (("drafted", "postmortem_drafted"), ("finalized", "postmortem_finalized")):
        put(at, milestone, [e["at"] for e in of[kind]])
        if milestone in fixes and milestone in at:
            at[milestone] = fixes[milestone][0]
    put(at, "drafted", [at[m] for m in ("drafted", "finalized") if m in at])
    severities = [e["severity"] for e in events if e["severity"]] or [
        min((f["severity"] for f in firings), default="SEV-3")
    ]
    phase = "resolved" if ended else next((p for p in ORDER if p in at), "detected")
    empty = not firings and not any(e["kind"] != "merged" for e in events)
    if walked["dismissed"] or (empty and any(e["kind"] == "retracted" for e in incident)):
        phase = "dismissed"
    over = ended["at"] if ended else None
    withdrawn = empty and any(e["kind"] == "retracted" for e in incident)
    source = ended["source"] if ended else None
    recounted = RecountedIncident(
        phase, severities[-1], source, at, actions(events), over, withdrawn, dimensions(events, firings)
    )
    recounted.measured = [event for event in incident if event["kind"] == "budget_measured"]
    if phase != "dismissed" and source != "stale":
        recounted.budgets = budgets(events, at)
    return recounted


def budgets(events, at):
    """What was measured last of each objective for the times that stand now."""
    times = at.get("started", at.get("detected")), at.get("resolved")
    return {
        event["data"]["slo"]: event["data"]["spent_ratio"]
        for event in events
        if event["kind"] == "budget_measured"
        and None not in times
        and times[0] < times[1]
        and (seconds(event["data"]["started_at"]), seconds(event["data"]["ended_at"])) == times
    }


def dimensions(events, firings):
    """The value of each label: what people said last, else that of the first of the worst alerts that carry it."""
    values = {}
    for label in {label for firing in firings for label, value in firing["labels"].items() if value}:
        carrying = [f for f in firings if f["labels"].get(label)]
        worst = [f for f in carrying if f["severity"] == min(c["severity"] for c in carrying)]
        values[label] = min(worst, key=lambda f: (f["start"], f["name"]))["labels"][label]
    for event in events:
        values |= event["labels"]
    return values


def corrected(ended, fixes, walked, firings):
    """The ending at the time that people fixed, unless the incident went on after that."""
    if ended and ended["known"] and "resolved" in fixes:
        fixed, fixed_at = fixes["resolved"]
        undone = walked["reopened"] is not None and walked["reopened"] > fixed
        if not undone and not any(f["start"] > fixed_at for f in firings):
            return {**ended, "at": fixed}
    return ended


def walk(events, firings, when=lambda event: event["at"]):
    """What stands of resolutions, mitigations and dismissals when all happened in order of time."""
    state = {"resolved": [], "mitigated": [], "dismissed": None, "reopened": None}
    steps = [(f["start"], 0, i, f) for i, f in enumerate(firings)]
    steps += [(when(e), 1, i, e) for i, e in enumerate(events)]
    begun = []
    for instant, what, _, step in sorted(steps, key=lambda s: s[:3]):
        if what == 0:
            begun.append(step)
            state["resolved"] = [r for r in state["resolved"] if r["at"] >= instant]
        elif step["kind"] == "resolved":
            over = over_at(step, begun, state["reopened"])
            if all(f["start"] <= over for f in begun):
                state["resolved"].append({**step, "at": over, "said": step["at"]})
        elif step["kind"] == "mitigated":
            state["mitigated"].append(step)
        elif step["kind"] == "dismissed":
            state["dismissed"] = state["dismissed"] or step["at"]
        elif step["kind"] == "reopened" and step["source"] != "mttx":
            if state["dismissed"]:
                state["dismissed"] = None
            else:
                state |= {"resolved": [], "mitigated": [], "reopened": step["at"]}
    return state


def over_at(event, begun, reopened):
    if not event["untimed"] or not begun or any(f["end"] is None or f["unknown"] for f in begun):
        return event["at"]
    last = max(f["end"] for f in begun)
    return event["at"] if last > event["recorded"] or (reopened is not None and last < reopened) else last


def ending(walked, firings):
    """The instant and the source of the resolution, None while it goes on."""
    for event in walked["resolved"]:
        if not is_stale(event):
            source = "automation" if event["data"].get("automated") else "human"
            return {"at": event["at"], "source": source, "known": True, "event": event}
    if not firings:
        stale = walked["resolved"][:1]
        return {"at": stale[0]["at"], "source": "stale", "known": True, "event": None} if stale else None
    if any(f["end"] is None for f in firings):
        return None
    last = max(f["end"] for f in firings)
    if walked["reopened"] is not None and walked["reopened"] > last:
        return None
    unknown = any(f["unknown"] for f in firings)
    source = "stale" if unknown or any(f["stale"] for f in firings) else "alerts"
    return {"at": last, "source": source, "known": not unknown, "event": None}


def responses(of, ended, at, fixes, walked):
    """The times of what people did."""
    fixed = "mitigated" in fixes and at.get("mitigated") == fixes["mitigated"][0]
    acts = [e for e in of["acknowledged"] + ([] if fixed else of["mitigated"]) if not e["data"].get("automated")]
    times = [e["at"] for e in acts] + ([at["mitigated"]] if fixed else [])
    times += [e["at"] for e in of["role_assigned"] if e["data"]["role"] == "commander"]
    for event in of["resolved"]:
        if not event["data"].get("automated") and not is_stale(event):
            is_the_one = ended and ended["event"] and ended["event"]["id"] == event["id"] and not event["untimed"]
            times.append(ended["at"] if is_the_one else event["at"])
    return times


def put(at, milestone, instants):
    if instants:
        at[milestone] = min(instants)


def is_stale(event):
    return event["data"].get("resolution_source") == "stale"


def standing(incident):
    """The events that count, in order, and the pinned milestones with when that was said."""
    incident = sorted(incident, key=lambda e: (e["at"], e["recorded"], e["id"]))

    def stands(event):
        return not any(
            e["kind"] == "retracted" and e["data"]["event_id"] == event["id"] and stands(e) for e in incident
        )

    fixes = [e for e in incident if e["kind"] == "corrected" and stands(e)]
    moved = {f["data"]["event_id"]: seconds(f["data"]["occurred_at"]) for f in fixes if "event_id" in f["data"]}
    kept = [
        {**e, "at": moved.get(e["id"], e["at"]), "untimed": e["untimed"] and e["id"] not in moved}
        for e in incident
        if e["kind"] not in ("corrected", "retracted") and stands(e)
    ]
    pins = {
        f["data"]["milestone"]: (seconds(f["data"]["occurred_at"]), f["recorded"])
        for f in fixes
        if "milestone" in f["data"]
    }
    return sorted(kept, key=lambda e: (e["at"], e["recorded"], e["id"])), pins


def actions(events):
    """The state of each action."""
    reached = {}
    for event in events:
        if event["kind"].startswith("action_"):
            rank = ("action_opened", "action_completed", "action_verified").index(event["kind"])
            key = event["data"]["action_id"]
            reached[key] = max(rank, reached.get(key, 0))
    return reached
