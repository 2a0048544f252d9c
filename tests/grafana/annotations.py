"""How Grafana keeps annotations (its source: pkg/api/annotations.go, pkg/services/annotations, pkg/services/tag)."""

import itertools
import json

SECONDS = 10**11
"""Times below this many milliseconds lie before 1973: somebody sent seconds."""


class Refused(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def parse_tags(tags):
    """Split at colons: the first part is the key, the second the value, the rest is lost; doubles are dropped."""
    tags_found = []
    for tag in tags or ():
        key, *values = (part.strip(" ") for part in tag.split(":"))
        pair = (key, values[0] if values else "")
        if key and pair not in tags_found:
            tags_found.append(pair)
    return tags_found


def join_tags(pairs):
    return [f"{key}:{value}" if value else key for key, value in pairs]


def _check_length(tags):
    if len(json.dumps(tags, separators=(",", ":"), ensure_ascii=False).encode()) > 500:
        raise Refused(400, "Tags length exceeds the maximum allowed.")


class AnnotationTable:
    """`update_makes_tags` False: an update that brings a tag that no POST brought before fails, as on SQLite up to
    Grafana 10.0 (#58305): it makes the tag over a second connection, which waits for the lock that the first one has.

    `time_end_on_patch`: "kept" ignores a PATCHed timeEnd, "collapsed" makes it the time.
    """

    def __init__(self, database="postgresql", *, update_makes_tags=True):
        self.rows = {}
        self.tags = set()
        self._database = database
        self._update_makes_tags = update_makes_tags
        self.by_tag = {}
        self.ids = itertools.count(1)
        self.seconds_seen = False
        self.time_end_on_patch = "right"

    def add(self, body, now, dashboard_uid):
        if not body.get("text"):
            raise Refused(400, "Failed to save annotation")
        tags = join_tags(parse_tags(body.get("tags")))
        _check_length(tags)
        self._make_tags(tags, "Failed to save annotation")
        start, end = self._span(body.get("time") or now, body.get("timeEnd") or 0)
        row = {"id": next(self.ids), "dashboardUID": dashboard_uid, "text": body["text"], "tags": tags}
        self._keep(row | {"time": start, "timeEnd": end})
        return row["id"]

    def patch(self, annotation_id, body):
        row = dict(self.get(annotation_id))
        if body.get("tags") is not None:
            row["tags"] = list(body["tags"])
        row["text"] = body.get("text") or row["text"]
        row["time"] = body.get("time") or row["time"]
        if self.time_end_on_patch == "collapsed":
            row["timeEnd"] = row["time"]
        elif self.time_end_on_patch == "right":
            row["timeEnd"] = body.get("timeEnd") or row["timeEnd"]
        self._update(row)

    def put(self, annotation_id, body):
        row = dict(self.get(annotation_id))
        row |= {"tags": body.get("tags"), "text": body.get("text") or ""}
        self._update(row | {name: body.get(name) or row[name] for name in ("time", "timeEnd")})

    def get(self, annotation_id):
        if annotation_id not in self.rows:
            raise Refused(404, "Annotation not found")
        return self.rows[annotation_id]

    def find(self, tags, limit, begin=0, end=0):
        asked_tags = parse_tags(tags)
        ids = self.rows.keys()
        for pair in asked_tags:
            ids = ids & self.by_tag.get(pair if pair[1] else (pair[0], None), set())
        rows = (self.rows[i] for i in ids)
        if begin and end:  # what touches the stretch of time (pkg/services/annotations/annotationsimpl/xorm_store.go)
            rows = (row for row in rows if row["time"] <= end and row["timeEnd"] >= begin)
        newest_first = sorted(rows, key=lambda row: (-row["timeEnd"], -row["time"]))
        return newest_first[: limit or 100]

    def delete(self, annotation_id):
        """Delete one; 0 once meant all of them (#99685)."""
        for row_id in [annotation_id] if annotation_id else list(self.rows):
            self._forget(self.rows.pop(row_id, None))

    def seen_with(self, tag):
        """Return what a dashboard shows that asks for a tag, the oldest first."""
        return sorted(self.find([tag], 10**9), key=lambda row: row["id"])

    def _span(self, start, end):
        self.seconds_seen |= 0 < start < SECONDS or 0 < end < SECONDS
        end = end or start
        return min(start, end), max(start, end)

    def _make_tags(self, tags, failure):
        pairs = parse_tags(tags)
        if self._database == "postgresql" and any(len(part) > 100 for pair in pairs for part in pair):
            raise Refused(500, failure)
        self.tags.update(pairs)

    def _update(self, row):
        failure = "Failed to update annotation"
        if not self._update_makes_tags and not self.tags.issuperset(parse_tags(row["tags"])):
            raise Refused(500, failure)
        _check_length(row["tags"] or [])
        self._make_tags(row["tags"], failure)
        row["time"], row["timeEnd"] = self._span(row["time"], row["timeEnd"])
        self._forget(self.rows[row["id"]])
        self._keep(row)

    def _keep(self, row):
        self.rows[row["id"]] = row
        for key, value in parse_tags(row["tags"]):
            for pair in ((key, value), (key, None)):
                self.by_tag.setdefault(pair, set()).add(row["id"])

    def _forget(self, row):
        for key, value in parse_tags(row["tags"]) if row else ():
            for pair in ((key, value), (key, None)):
                self.by_tag[pair].discard(row["id"])
