"""What is bundled (dashboards, rules, runbook, sources): inside the package in a wheel, beside it in a checkout."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

BundledKind = Literal["dashboards", "alert_rules", "docs", "sources"]
RUNBOOK_URL = "https://github.com/mttx-exporter/mttx-exporter/blob/main/docs/runbook.md"
"""Where the bundled rules point to."""


def runbook() -> str:
    """Return the runbook as Markdown. Raises FileNotFoundError if the package was built without it."""
    return (bundled("docs") / "runbook.md").read_text(encoding="utf-8")


def bundled(kind: BundledKind) -> Traversable:
    """Return the folder of the bundled files. Raises FileNotFoundError if the package was built without them."""
    package = files("service")
    for parent in (package / "shipped", Path(str(package)).parent):
        if (parent / kind).is_dir():
            return parent / kind
    raise FileNotFoundError(f"this installation of mttx-exporter has no {kind}; install it from a released wheel")
