"""Records the database of a released schema for `test_released.py`, by hand: the code of that schema is another tree's.

    git worktree add /tmp/before COMMIT
    python -m tests.store.record /tmp/before > tests/store/databases/story/0009.json

The story is told over HTTP, which every version has. Slack and Grafana answer at first, and then no longer; times are
minutes from the one in `began`.
"""

import json
import sqlite3
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.grafana.loopback import TOKEN as GRAFANA_TOKEN
from tests.grafana.loopback import Grafana
from tests.messages.loopback import CHANNEL, TOKEN, Slack
from tests.real.processes import until
from tests.real.servers import EarlierExporter
from tests.real.storms import notification

ERRORS, DISK, NOISE = "story-1", "story-2", "story-3"
TOTALS = ("mttx_incidents_", "mttx_time_to_", "mttx_postmortem_lead_time_")
UNTOLD = (
    "SELECT count(*) FROM outbox WHERE wanted > delivered AND failure IS NULL"
    " AND next_attempt_at < (CAST(strftime('%s', 'now') AS INTEGER) + 600) * 1000000"
)
"""How many rows of the outbox are not for later."""


def settings(slack, grafana):
    """Return the settings of the exporter that was stopped, and of the one that goes on."""
    return {
        "public_url": "https://mttx.example.com",
        "messages": {"language": "en"},
        "slack": {"api_url": f"{slack.url}/api", "token": TOKEN, "channel": CHANNEL, "timeout": "1s"},
        "grafana": {"url": grafana.url, "token": GRAFANA_TOKEN, "timeout": "1s"},
    }


class Story:
    """Tells what happens, in minutes from `began`."""

    def __init__(self, exporter, began):
        self.exporter = exporter
        self.began = began

    def at(self, minutes):
        return self.began + timedelta(minutes=minutes)

    def alert(self, name, status, starts, ends=None):
        body = notification(name, status, self.at(starts), None if ends is None else self.at(ends))
        self.exporter.post("/webhooks/alertmanager", body).expect(200)

    def open(self, title, detected, **more):
        body = {"title": title, "severity": "SEV-2", "detected_at": self.at(detected).isoformat(), **more}
        self.exporter.post("/api/v1/incidents", body).expect(201)

    def tell(self, number, kind, minutes, **more):
        body = {"kind": kind, "occurred_at": self.at(minutes).isoformat(), **more}
        self.exporter.post(f"/api/v1/incidents/INC-{number}/events", body).expect(200, 201)

    def over(self):
        """Tell of what is over."""
        self.alert(ERRORS, "firing", -300)
        self.tell(1, "acknowledged", -290, data={"text": "on it"})
        self.tell(1, "role_assigned", -289, data={"role": "commander", "name": "Ada"})
        self.tell(1, "mitigated", -250)
        self.alert(ERRORS, "resolved", -300, -240)
        self.tell(1, "postmortem_drafted", -200, data={"document": "https://docs.example.com/1"})
        self.tell(1, "postmortem_finalized", -150)
        for action in ("A1", "A2"):
            self.tell(1, "action_opened", -149, data={"action_id": action, "title": "Alert sooner", "owner": "Ada"})
        self.tell(1, "action_completed", -140, data={"action_id": "A1"})
        self.tell(1, "action_verified", -130, data={"action_id": "A1"})
        self.open("Checkout is slow", -180, started_at=self.at(-190).isoformat())
        self.tell(2, "severity_changed", -175, severity="SEV-1")
        self.tell(2, "resolved", -100)

    def under_way(self):
        """Tell of what is not, and of what was nothing."""
        self.alert(DISK, "firing", -60)
        self.alert(NOISE, "firing", -50)
        self.alert(NOISE, "resolved", -50, -46)
        self.tell(4, "dismissed", -45)
        self.open("Login fails", -30)
        self.open("Nobody can log in", -28)
        self.tell(6, "acknowledged", -25)
        self.tell(6, "merged", -20, data={"into": "INC-5"})


def record(tree):
    """Return the database of the story as that tree's code wrote it, and what the receivers have."""
    with tempfile.TemporaryDirectory() as folder, Slack() as slack, Grafana() as grafana:
        outbox = any((tree / "service/store/migrations/versions").glob("0002_*"))
        exporter = EarlierExporter(Path(folder), tree, settings(slack, grafana) if outbox else {})
        exporter.start()
        try:
            story = Story(exporter, datetime.now(UTC).replace(second=0, microsecond=0))
            story.over()
            if outbox:
                until(
                    lambda: scalar(exporter.database, UNTOLD) == 0 and slack.messages,
                    "the receivers to have it all",
                    60,
                )
            slack.fail_while(503)
            grafana.fail_while(503)
            story.under_way()
            samples = exporter.get_metrics().samples
        finally:
            exporter.terminate()
        receivers = {
            "slack": slack.messages,
            "now": slack.now,
            "grafana": {"rows": list(grafana.annotations.rows.values()), "tags": sorted(grafana.annotations.tags)},
        }
        return {
            "began": story.began.isoformat(),
            "samples": [[name, dict(labels), value] for (name, labels), value in samples.items() if is_total(name)],
            "tables": tables(exporter.database),
            "receivers": receivers,
        }


def is_total(name):
    """Tell the running totals of incidents from all else that is measured."""
    return name.startswith(TOTALS) and name.endswith(("_total", "_count"))


def scalar(database, query):
    connection = sqlite3.connect(database, timeout=20)
    try:
        return connection.execute(query).fetchone()[0]
    finally:
        connection.close()


def tables(database):
    """Return the rows of every table, with bytes as hex."""
    connection = sqlite3.connect(database)
    connection.row_factory = sqlite3.Row
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    rows = {name: [plain(row) for row in connection.execute(f"SELECT * FROM {name}")] for name in names}
    connection.close()
    return {name: content for name, content in rows.items() if content and not name.startswith(("sqlite_", "alembic_"))}


def plain(row):
    return {name: row[name].hex() if isinstance(row[name], bytes) else row[name] for name in row.keys()}  # noqa: SIM118


def lines(story):
    """Return the JSON with each row on a line of its own."""
    tables = (f'"{name}": [\n{_rows(rows)}\n]' for name, rows in story["tables"].items())
    others = (f'"{name}": {json.dumps(story[name], ensure_ascii=False)}' for name in ("began", "samples", "receivers"))
    return "{\n" + ",\n".join([*others, '"tables": {\n' + ",\n".join(tables) + "\n}"]) + "\n}\n"


def _rows(rows):
    return ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


if __name__ == "__main__":
    sys.stdout.write(lines(record(Path(sys.argv[1]).resolve())))
