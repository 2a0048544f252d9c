"""The service and a real browser for the tests of the pages."""

import sys
from pathlib import Path

import pytest

from tests.real.processes import Server

TOKEN, READER = "browser-token-0123456789", "reader-token-0123456789"


class Service(Server):
    name = "mttx"

    def command(self):
        return [sys.executable, "-m", "service", "serve"]

    def environment(self):
        tokens = self.home / "tokens.yml"
        tokens.write_text(
            f"- {{name: browser, token: {TOKEN}, scopes: [ingest, read, write]}}\n"
            f"- {{name: reader, token: {READER}, scopes: [read]}}\n"
        )
        tokens.chmod(0o600)
        return super().environment() | {
            "MTTX_LISTEN": self.address,
            "MTTX_DATABASE_URL": f"sqlite:///{self.home / 'mttx.db'}",
            "MTTX_TOKENS_FILE": str(tokens),
            "MTTX_DISPLAY_TIMEZONE": "Europe/Berlin",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }

    @property
    def database(self):
        return self.home / "mttx.db"


def grave_violations(page):
    """Return what axe-core finds on a page and calls serious or critical."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed").Axe()
    return [
        (violation["id"], violation["nodes"][0]["target"])
        for violation in axe.run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


def overhang(page):
    """Return by how many pixels a page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
