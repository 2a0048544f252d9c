"""The real servers: Debian's Prometheus and Alertmanager, and the exporter as its users start it."""

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.real.http import request
from tests.real.processes import Server, free_port

REPOSITORY = Path(__file__).parents[2]


class Prometheus(Server):
    """Scrapes and evaluates twice a second unless `config` says otherwise; `rules` are paths of rule files."""

    name = "prometheus"

    def __init__(self, home, config, rules=(), resend_delay="5s"):
        super().__init__(home)
        self.resend_delay = resend_delay
        self.config = {"global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"}, **config}
        self.config["rule_files"] = [str(rule) for rule in rules]

    def command(self):
        (self.home / "prometheus.yml").write_text(yaml.safe_dump(self.config))
        return [
            "prometheus",
            f"--config.file={self.home / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.home / 'tsdb'}",
            f"--web.listen-address={self.address}",
            # An alert is sent again this often and believed for four times as long: longer than any pause here.
            f"--rules.alert.resend-delay={self.resend_delay}",
            "--web.enable-lifecycle",
        ]

    def reload(self):
        """Make it read its configuration again; answers only when that is done."""
        self.command()
        request("POST", f"{self.url}/-/reload").expect(200)

    def query(self, expression):
        """Return what an instant query gives now, as [(labels, number)]."""
        answer = request("GET", f"{self.url}/api/v1/query?{urlencode({'query': expression})}").expect(200).json()
        return [(series["metric"], float(series["value"][1])) for series in answer["data"]["result"]]

    def value(self, expression):
        """Return the only number of an instant query, or None where there is no series (yet)."""
        series = self.query(expression)
        assert len(series) <= 1, f"{expression} gives {len(series)} series: {series}"
        return series[0][1] if series else None

    def alerts(self):
        """Return the pending and firing alerts as its API shows them."""
        return request("GET", f"{self.url}/api/v1/alerts").expect(200).json()["data"]["alerts"]

    def rule_errors(self):
        """Return the rules that could not be evaluated, as {rule: error}."""
        groups = request("GET", f"{self.url}/api/v1/rules").expect(200).json()["data"]["groups"]
        return {rule["name"]: rule["lastError"] for group in groups for rule in group["rules"] if rule.get("lastError")}


class Alertmanager(Server):
    """Notifies one webhook receiver. `flags` are further command line flags, `route` overrides the quick route."""

    name = "alertmanager"

    def __init__(self, home, webhook, route=None, flags=(), receiver=None):
        super().__init__(home)
        self.cluster_port = free_port()
        self.flags = ["--cluster.listen-address=", *flags]
        quick = {"group_by": ["alertname"], "group_wait": "0s", "group_interval": "1s", "repeat_interval": "3s"}
        self.config = {
            "route": {"receiver": "mttx", **quick, **(route or {})},
            "receivers": [
                {"name": "mttx", "webhook_configs": [{"url": webhook, "send_resolved": True, **(receiver or {})}]}
            ],
        }

    @property
    def cluster_address(self):
        return f"127.0.0.1:{self.cluster_port}"

    def command(self):
        (self.home / "alertmanager.yml").write_text(yaml.safe_dump(self.config))
        flags = dict(flag.split("=", 1) for flag in self.flags)  # the last one wins; Alertmanager refuses repeats
        return [
            "prometheus-alertmanager",
            f"--config.file={self.home / 'alertmanager.yml'}",
            f"--storage.path={self.home / 'data'}",
            f"--web.listen-address={self.address}",
            "--log.level=debug",
            *(f"{name}={value}" for name, value in flags.items()),
        ]

    def reload(self):
        """Have it read its configuration as it is now."""
        self.command()
        request("POST", f"{self.url}/-/reload").expect(200)

    def api(self, method, path, body=None):
        answer = request(method, f"{self.url}/api/v2{path}", body).expect(200)
        return answer.json() if answer.body else None

    def fire(self, labels, starts_at, ends_at=None, annotations=None):
        """Hand it an alert as Prometheus does: firing until `ends_at`, which says it is over when it has passed."""
        alert = {"labels": labels, "annotations": annotations or {}, "startsAt": rfc3339(starts_at)}
        if ends_at is not None:
            alert["endsAt"] = rfc3339(ends_at)
        self.api("POST", "/alerts", [alert])

    def silence(self, labels, starts_at, ends_at):
        """Silence what carries these labels."""
        matchers = [{"name": k, "value": v, "isRegex": False, "isEqual": True} for k, v in labels.items()]
        window = {"startsAt": rfc3339(starts_at), "endsAt": rfc3339(ends_at)}
        self.api("POST", "/silences", {"matchers": matchers, **window, "createdBy": "tests", "comment": "tests"})

    def alerts(self):
        return self.api("GET", "/alerts")

    def metrics(self):
        return Samples.read(self.url)

    def webhooks(self):
        """Return (requests sent to the webhook, those that failed), by its own count."""
        metrics, which = self.metrics(), {"integration": "webhook"}
        sent = metrics.total("alertmanager_notification_requests_total", **which)
        return sent, metrics.total("alertmanager_notification_requests_failed_total", **which)


def alertmanager_pair(home, webhook, route=None, flags=()):
    """Return two Alertmanagers that join into one cluster once both are started."""
    pair = [Alertmanager(Path(home) / f"alertmanager-{n}", webhook, route) for n in (1, 2)]
    for alertmanager, other in (pair, pair[::-1]):
        alertmanager.flags += [
            f"--cluster.listen-address={alertmanager.cluster_address}",
            f"--cluster.advertise-address={alertmanager.cluster_address}",
            f"--cluster.peer={other.cluster_address}",
            *flags,
        ]
    return pair


class Exporter(Server):
    """`mttx serve`; `config` is what mttx.yml says, `under` is a command that runs it.

    It has a SQLite file of its own, unless `database_url` names a database that it shares.
    """

    name = "mttx"

    def __init__(self, home, config=None, under=(), database_url=None):
        super().__init__(home)
        self.database = self.home / "mttx.db"
        self.database_url = database_url or f"sqlite:///{self.database}"
        self.config = config or {}
        self.under = list(under)

    def command(self):
        (self.home / "mttx.yml").write_text(yaml.safe_dump(self.config))
        installed = Path(sys.executable).with_name("mttx")
        mttx = [str(installed)] if installed.exists() else [sys.executable, "-m", "service"]
        return [*self.under, *mttx, "serve"]

    def environment(self):
        path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
        return super().environment() | {
            "MTTX_LISTEN": self.address,
            "MTTX_DATABASE_URL": self.database_url,
            "MTTX_CONFIG": str(self.home / "mttx.yml"),
            "PYTHONPATH": path,  # `python -m service` from a tree that was not installed
        }

    @property
    def webhook(self):
        return f"{self.url}/webhooks/alertmanager"

    def stop(self):
        """Let it end by itself first: what it measured of its own code is written then."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
        super().stop()

    def restart(self):
        """Stop it as an upgrade would and start it again on the same port and database."""
        self.terminate()
        return self.start()

    def get(self, path):
        return request("GET", self.url + path).expect(200).json()

    def post(self, path, body):
        return request("POST", self.url + path, body)

    def get_metrics(self):
        return Samples.read(self.url)

    def incidents(self, limit=1000):
        """Return every incident of the list, page by page."""
        incidents, path = [], f"/api/v1/incidents?limit={limit}"
        while path:
            page = self.get(path)
            incidents += page["incidents"]
            path = (page["next"] or "").removeprefix(self.url)  # a URL, whole or relative
        return incidents

    def incident(self, number="INC-1"):
        return self.get(f"/api/v1/incidents/{number}")


class EarlierExporter(Exporter):
    """The same of the code in another tree, such as that of an earlier commit."""

    def __init__(self, home, tree, config=None, database_url=None):
        super().__init__(home, config, database_url=database_url)
        self.tree = tree

    def command(self):
        super().command()
        return [sys.executable, "-m", "service", "serve"]

    def environment(self):
        return super().environment() | {"PYTHONPATH": str(self.tree)}


@dataclass(frozen=True, slots=True)
class Samples:
    """A scrape, as {(name, labels): number}."""

    samples: dict

    @classmethod
    def read(cls, url):
        text = request("GET", f"{url}/metrics", headers={"Accept": "text/plain"}).expect(200).body.decode()
        samples = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in samples, f"exported twice: {key}"
                samples[key] = sample.value
        return cls(samples)

    def total(self, name, **labels):
        """Return the sum of the series that carry these labels, 0 where there is none."""
        labelled = labels.items()
        return sum(value for (metric, has), value in self.samples.items() if metric == name and labelled <= has)

    def starting_with(self, *prefixes):
        """Return the part whose names begin so."""
        return {key: value for key, value in self.samples.items() if key[0].startswith(prefixes)}


def rfc3339(moment):
    return moment.astimezone(UTC).isoformat()


def instant(text):
    """Read a time of an API; it must carry its zone."""
    moment = datetime.fromisoformat(text)
    assert moment.tzinfo is not None, f"a time without a zone: {text}"
    return moment
