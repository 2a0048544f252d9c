"""The blocks of README.md, typed as a newcomer types them. README.ja.md has the same ones (tests/test_readme.py)."""

import subprocess

import pytest
import yaml

from tests.documents.reading import blocks, shows
from tests.documents.terminal import Started, Terminal, checkout
from tests.real.processes import free_port


@pytest.fixture(scope="module")
def page():
    """Give the blocks by what they are for. A new one has to be given a name, and a test."""
    names = ("run", "alert", "opened", "people", "numbers", "alertmanager", "prometheus", "test")
    return dict(zip(names, blocks("README.md"), strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return checkout(tmp_path_factory.mktemp("readme") / "mttx-exporter")


@pytest.fixture(scope="module")
def terminal(page, folder):
    """Give a terminal beside the one in which `make run` runs, at a free port."""
    port = free_port()
    url = f"127.0.0.1:{port}"
    swaps = {"127.0.0.1:9877": url}
    server = Started(Terminal(folder, swaps, MTTX_LISTEN=url), page["run"], port)
    try:
        server.start()
        yield Terminal(folder, swaps, MTTX_URL=f"http://{url}")
    finally:
        server.stop()


def test_it_leads_to_the_numbers_of_a_first_incident(page, terminal):
    for typed, shown in (("alert", "opened"), ("people", "numbers")):
        printed = terminal.run(page[typed].text, page[typed].place)
        assert shows(page[shown].text, printed), printed


def test_it_has_a_receiver_that_alertmanager_takes(page, require, tmp_path):
    config = yaml.safe_load(page["alertmanager"].text) | {"route": {"receiver": "mttx"}}
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config))
    subprocess.run([require("amtool"), "check-config", tmp_path / "alertmanager.yml"], check=True, capture_output=True)


def test_it_has_a_scrape_and_rules_that_prometheus_takes(page, folder, require):
    (folder / "prometheus.yml").write_text(page["prometheus"].text)
    command = [require("promtool"), "check", "config", folder / "prometheus.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("rules found")) == (0, 4), done.stdout + done.stderr


def test_it_starts_the_tests_that_run_now(page, folder):
    """Not once more from within themselves: make only says what it would do."""
    done = Terminal(folder, {}, MAKEFLAGS="n").run(page["test"].text, page["test"].place)
    assert "-m pytest" in done
    assert "install-servers.sh" in done
