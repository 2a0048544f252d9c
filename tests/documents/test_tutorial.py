"""docs/tutorial.md, typed from top to bottom, with the real servers that it starts."""

import pytest

from tests.documents.reading import blocks, shows
from tests.documents.terminal import Started, Terminal, checkout
from tests.real.processes import free_port

pytestmark = pytest.mark.real
PAGE = "docs/tutorial.md"
START = "deploy/local/up.py"


@pytest.fixture
def terminal(require, tmp_path):
    for command in ("prometheus", "prometheus-alertmanager", "promtool", "git"):
        require(command)
    ports = {"exporter": free_port(), "prometheus": free_port(), "alertmanager": free_port()}
    flags = "".join(f" --{name} {port}" for name, port in ports.items())
    defaults = {"exporter": 9877, "alertmanager": 9093, "prometheus": 9090}
    swaps = {f"127.0.0.1:{default}": f"127.0.0.1:{ports[name]}" for name, default in defaults.items()}
    # `mttx` looks for the exporter at its default port, which the tutorial does not have to say.
    url = f"http://127.0.0.1:{ports['exporter']}"
    folder = checkout(tmp_path / "mttx-exporter")
    return Terminal(folder, swaps | {START: START + flags}, MTTX_URL=url), ports["exporter"]


def test_it_is_the_same_in_both_languages():
    """What is typed and shown is the same, and so the other page need not be typed as well."""
    ours, theirs = blocks(PAGE), blocks("docs/tutorial.ja.md")
    assert [(block.language, block.text) for block in theirs] == [(block.language, block.text) for block in ours]
    assert len(ours) > 20


def test_it_leads_from_an_alert_to_a_final_postmortem(terminal):
    terminal, port = terminal
    server = None
    try:
        for block in blocks(PAGE):
            if START in block.text:
                server = Started(terminal, block, port, ready="ready; Ctrl-C ends it").start()
            elif block.language == "text":
                assert shows(terminal.swapped(block.text), server.log.read_text()), block.place
            else:
                terminal.follow(block)
    finally:
        if server is not None:
            server.stop()
    assert server is not None
