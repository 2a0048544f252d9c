"""deploy/local/up.py with real servers: an alert becomes an incident, and the incident a number in Prometheus."""

import os
import signal
import stat
import sys
from pathlib import Path

import pytest
import yaml

from tests.real.http import request
from tests.real.processes import Server, free_port, until
from tests.real.servers import REPOSITORY

pytestmark = pytest.mark.real

CHECKOUT_DOWN = {"alert": "CheckoutDown", "expr": "vector(1)", "labels": {"severity": "critical"}}


class Stack(Server):
    """up.py; its port is the exporter's."""

    name = "up"

    def __init__(self, home):
        super().__init__(home)
        self.data = self.home / "data"
        self.prometheus, self.alertmanager = free_port(), free_port()
        self.starts = 0

    def command(self):
        ports = {"exporter": self.port, "prometheus": self.prometheus, "alertmanager": self.alertmanager}
        flags = [part for name, port in ports.items() for part in (f"--{name}", str(port))]
        return [sys.executable, str(REPOSITORY / "deploy/local/up.py"), "--quick", "--home", str(self.data), *flags]

    def launch(self):
        super().launch()
        self.starts += 1

    def wait_until_ready(self, within=90.0):
        super().wait_until_ready(within)
        until(
            lambda: self.log.read_text().count("ready; Ctrl-C ends it") == self.starts, "the last of them to be ready"
        )

    def value(self, expression):
        answer = (
            request("GET", f"http://127.0.0.1:{self.prometheus}/api/v1/query?query={expression}").expect(200).json()
        )
        return [float(series["value"][1]) for series in answer["data"]["result"]]

    def children(self):
        return [pid for pid in self.pids() if pid != self.process.pid]


@pytest.fixture(scope="module")
def stack(start_for_module, tmp_path_factory, prometheus_needed, alertmanager_needed):
    stack = Stack(tmp_path_factory.mktemp("local"))
    (stack.data / "rules").mkdir(parents=True)
    rules = {"groups": [{"name": "demo", "rules": [CHECKOUT_DOWN]}]}
    (stack.data / "rules" / "demo.yml").write_text(yaml.safe_dump(rules))
    return start_for_module(stack)


def test_it_turns_an_alert_into_an_incident_and_the_incident_into_a_metric(stack):
    opened = "mttx_incidents_opened_total{incident_severity='SEV-2',job='mttx-exporter'}".replace("'", "%22")
    until(lambda: stack.value(opened) == [1.0], "the incident to be in Prometheus")
    token = (stack.data / "operator-token").read_text()
    headers = {"Authorization": f"Bearer {token}"}
    incident = request("GET", f"{stack.url}/api/v1/incidents/INC-1", headers=headers).expect(200).json()
    assert (incident["severity"], incident["phase"]) == ("SEV-2", "detected")
    assert incident["alerts"]


def test_it_evaluates_the_shipped_rules_and_scrapes_everything(stack):
    groups = request("GET", f"http://127.0.0.1:{stack.prometheus}/api/v1/rules").expect(200).json()["data"]["groups"]
    assert {group["file"].rpartition("/")[2] for group in groups} == {
        path.name for path in (REPOSITORY / "alert_rules").glob("*.yml")
    } | {"demo.yml"}
    until(lambda: stack.value("up") == [1.0, 1.0], "both targets to be up")


def test_it_lets_nobody_in_without_a_token_and_keeps_the_tokens_to_the_owner(stack):
    request("GET", f"{stack.url}/api/v1/incidents").expect(401)
    for name in ("tokens.yml", "alertmanager-token", "operator-token"):
        assert stat.S_IMODE((stack.data / name).stat().st_mode) == 0o600


def test_it_ends_all_of_them_with_itself_and_starts_again_on_the_same_data(stack):
    token = (stack.data / "operator-token").read_text()
    assert len(stack.children()) >= 3
    assert stack.terminate() == 0, stack.tail()
    until(lambda: not stack.children(), "the three to be gone")
    stack.start()
    assert (stack.data / "operator-token").read_text() == token
    headers = {"Authorization": f"Bearer {token}"}
    request("GET", f"{stack.url}/api/v1/incidents/INC-1", headers=headers).expect(200)


def test_it_ends_when_one_of_them_ends(stack):
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in stack.children()}
    (prometheus,) = [pid for pid, command in commands.items() if b"prometheus.yml" in command]
    os.kill(prometheus, signal.SIGKILL)
    assert stack.process.wait(30) == 1
    assert "prometheus ended; see its log" in stack.tail()
