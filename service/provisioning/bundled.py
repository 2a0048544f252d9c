"""The bundled dashboards and rules: inside the package in a wheel, beside it in a checkout."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

BundledKind = Literal["dashboards", "alert_rules"]


def bundled(kind: BundledKind) -> Traversable:
    """Return the folder of the bundled files. Raises FileNotFoundError if the package was built without them."""
    package = files("service")
    for parent in (package / "shipped", Path(str(package)).parent):
        if (parent / kind).is_dir():
            return parent / kind
    raise FileNotFoundError(f"this installation of mttx-exporter has no {kind}; install it from a released wheel")
