"""The companions can be deleted: the exporter starts without each of them, and says what it has."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service import companions

SERVICE = Path(companions.__file__).parent
SCRIPT = """
import sys
from service.app import create_app
from service.settings.model import Settings
app = create_app(Settings(database_url="sqlite:///mttx.db"))
client = app.test_client()
client.environ_base["HTTP_HOST"] = "127.0.0.1"
assert client.get("/-/ready").status_code == 200
alert = {"status": "firing", "labels": {"alertname": "A", "severity": "critical"}, "annotations": {},
         "fingerprint": "f", "startsAt": "2026-11-20T10:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": ""}
body = {"version": "4", "groupKey": "g", "status": "firing", "receiver": "mttx", "groupLabels": {}, "commonLabels": {},
        "commonAnnotations": {}, "externalURL": "", "truncatedAlerts": 0, "alerts": [alert]}
assert client.post("/webhooks/alertmanager", json=body).status_code == 200
page = client.get("/incidents/INC-1").get_data(as_text=True)
print("evidence" in str(client.get("/openapi.json").get_json()["paths"]), "/evidence" in page)
assert "matplotlib" not in sys.modules
app.extensions["mttx.shut_down"]()
"""


@pytest.fixture
def house(tmp_path):
    """Give a copy of the package without a companion, and a function that runs Python in it."""
    shutil.copytree(SERVICE, tmp_path / "service")  # compiled as it is, since every module would be compiled anew

    def run(*arguments, exit_code=0):
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
        )
        assert done.returncode == exit_code, done.stderr
        return done.stdout

    return tmp_path / "service", run


@pytest.mark.parametrize("companion", companions.COMPANIONS)
def test_the_exporter_starts_without_it(house, companion):
    service, run = house
    shutil.rmtree(service / companion)
    has_evidence = str(companion == "history")
    assert run("-c", SCRIPT).split() == [has_evidence, has_evidence]
    commands = run("-m", "service", "--help")
    assert "serve" in commands
    missing = {"postmortems": ("postmortem", "evidence"), "evidence": ("evidence",), "history": ("history", "demo")}
    assert not any(f"  {name} " in commands for name in missing[companion])


@pytest.mark.parametrize("companion", ["postmortems", "evidence"])
def test_a_section_of_one_that_is_not_there_is_refused(house, companion):
    service, run = house
    shutil.rmtree(service / companion)
    (service.parent / "mttx.yml").write_text(f"{companion}: {{}}\n")
    problem = f"{companion}: belongs to the companion {companion}, which is not installed"
    assert run("-m", "service", "config", "check", exit_code=1).splitlines()[0] == problem
    assert f"\n{companion}:" not in run("-m", "service", "config", "show", "--config", "/dev/null")


def test_it_starts_without_all_of_them(house):
    service, run = house
    for companion in companions.COMPANIONS:
        shutil.rmtree(service / companion)
    assert run("-c", SCRIPT).split() == ["False", "False"]
