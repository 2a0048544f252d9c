"""The whole service on a database of its own, asked past every client library, and what its document lets it answer."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

from flask import Response
from prometheus_client.parser import text_string_to_metric_families as parse_text

from service.app import create_app
from service.settings.model import Settings
from tests.declared import SETTINGS
from tests.hostile.corpus import FORM, Seed

SHARED = {404, 405}
"""What every address may answer: there is nothing of that name, or not by this method."""


def allowed(app):
    """Return the statuses that the service's document names, by method and template of the path."""
    document = app.test_client().get("/openapi.json").get_json()
    return {
        (method.upper(), path): {int(status) for status in operation["responses"]}
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict
    body: bytes

    @property
    def text(self):
        return self.body.decode()


@dataclass(slots=True)
class Outcome:
    """What came of many inputs: how many of each status by path, and what must not be, with the input."""

    statuses: Counter = field(default_factory=Counter)
    wrong: list = field(default_factory=list)

    @property
    def tried(self):
        return self.statuses.total()

    def share(self, status):
        return sum(count for (_, _, status_), count in self.statuses.items() if status_ == status) / self.tried

    def table(self):
        """Return the rows of a table: method and path, inputs, 2xx and 3xx, 4xx, 503, other 5xx."""
        columns = {"2xx": 0, "4xx": 0, "503": 0, "5xx": 0}
        rows = {}
        for (method, path, status), count in self.statuses.items():
            row = rows.setdefault(f"{method} {path}", {"inputs": 0, **columns})
            column = "503" if status == 503 else {2: "2xx", 3: "2xx", 4: "4xx", 5: "5xx"}[status // 100]
            row["inputs"] += count
            row[column] += count
        return rows


class Service:
    """The service, in this process. `wrong` in its outcome is empty where every answer is one that it may give."""

    def __init__(self, folder: Path) -> None:
        url = f"sqlite:///{folder / 'mttx.db'}"
        self.app = create_app(Settings(database_url=url, log={"level": "error"}, sources=SETTINGS.sources))
        self.outcome = Outcome()
        self._allowed = allowed(self.app)
        self._templates = [
            (method, re.compile(re.sub(r"{\w+}", "[^/]*", path) + "/?"), path) for method, path in self._allowed
        ]

    def close(self):
        self.app.extensions["mttx.shut_down"]()

    def send(self, seed: Seed, number: int, incident: int = 1) -> Answer:
        """Post a body; `number` says which input it was."""
        path = seed.path.replace("{number}", str(incident))
        return self.ask("POST", path, seed.body, number, CONTENT_TYPE=seed.media_type)

    def ask(self, method: str, path: str, body: bytes = b"", number: int | None = None, **environ: str) -> Answer:
        """Make a request of its parts, and hold the answer against the document."""
        parts = urlsplit(path)
        answer = self._call(
            {
                "REQUEST_METHOD": method,
                "SCRIPT_NAME": "",
                "PATH_INFO": parts.path,
                "QUERY_STRING": parts.query,
                "SERVER_NAME": "localhost",
                "SERVER_PORT": "9877",
                "SERVER_PROTOCOL": "HTTP/1.1",
                "HTTP_HOST": "localhost:9877",
                "CONTENT_LENGTH": str(len(body)),
                "wsgi.version": (1, 0),
                "wsgi.url_scheme": "http",
                "wsgi.input": BytesIO(body),
                "wsgi.errors": BytesIO(),
                "wsgi.multithread": True,
                "wsgi.multiprocess": False,
                "wsgi.run_once": False,
                **environ,
            }
        )
        self._check(method, parts.path, answer, number if number is not None else path)
        return answer

    def _call(self, environ) -> Answer:
        response = Response.from_app(self.app, environ)
        return Answer(response.status_code, dict(response.headers), response.get_data())

    def _check(self, method, path, answer, about):
        template = next((t for m, pattern, t in self._templates if m == method and pattern.fullmatch(path)), "-")
        self.outcome.statuses[method, template, answer.status] += 1
        may = self._allowed.get((method, template), set()) | SHARED
        if problem := _wrong(answer, may):
            self.outcome.wrong.append((about, method, path[:200], answer.status, problem, answer.body[:300]))

    def forms(self, incident):
        """Return the forms of an incident's page as a browser would send them; empty while there is no such page."""
        page = self.ask("GET", f"/incidents/INC-{incident}")
        hidden = r'<form[^>]*action="([^"?]*)[^"]*".*?name="seen" value="([^"]*)".*?name="seal" value="([^"]*)"'
        for path, seen, seal in re.findall(hidden, page.text, re.DOTALL) if page.status == 200 else ():
            typed = "severity=SEV-1&role=commander&name=Ada&text=x&milestone=detected&at=2026-11-24+03:10"
            yield Seed(path, f"seen={seen}&seal={seal}&{typed}".encode(), FORM)

    def look_at_everything(self, most=200):
        """Read all that was stored through every door: what was taken in has to come out again."""
        listed = json.loads(self.ask("GET", "/api/v1/incidents?limit=1000").body)["incidents"]
        for incident in [row["id"] for row in listed][:most]:
            for path in ("", "/timeline", "/bodies"):
                self.ask("GET", f"/api/v1/incidents/{incident}{path}")
            self.ask("GET", f"/incidents/{incident}")
            self.ask("GET", f"/incidents/{incident}?lang=ja")
        for path in ("/", "/incidents", "/postmortems", "/api/v1/postmortems?all=true&limit=200"):
            self.ask("GET", path)
        for window in ("7d", "30d", "90d"):
            self.ask("GET", f"/api/v1/indicators?window={window}")
        scrape = self.ask("GET", "/metrics").text
        samples = {(s.name, *s.labels.values()): s.value for f in parse_text(scrape) for s in f.samples}
        assert samples["mttx_scrape_errors_total",] == samples["mttx_store_errors_total",] == 0
        return len(listed)


def _wrong(answer: Answer, may: set) -> str | None:
    """Say what is wrong with an answer; nothing is ever busy in these tests, so that 503 is for the future only."""
    if answer.status not in may:
        return "the document does not allow it"
    if answer.status >= 500 and b"urn:mttx-exporter:problem:future" not in answer.body:
        return "it failed"
    if any("\r" in value or "\n" in value or "X-Injected" in name for name, value in answer.headers.items()):
        return "a header was injected"
    media_type = answer.headers["Content-Type"] if answer.body else ""
    if answer.status >= 400 and not media_type.startswith("text/html"):
        if media_type != "application/problem+json" or json.loads(answer.body)["status"] != answer.status:
            return "it is no problem document"
    elif media_type == "application/json":
        json.loads(answer.body)
    return None
