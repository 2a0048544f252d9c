"""The dashboards and rules that come with the program: beside its code in a wheel, beside the package in a checkout."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

Kind = Literal["dashboards", "alert_rules"]


def shipped(kind: Kind) -> Traversable:
    """Return the folder of the shipped files. Raises FileNotFoundError where a package was built without them."""
    package = files("service")
    beside = (package / "shipped", Path(str(package)).parent)
    found = next((place / kind for place in beside if (place / kind).is_dir()), None)
    if found is None:
        raise FileNotFoundError(f"this installation of mttx-exporter has no {kind}; install it from a released wheel")
    return found
