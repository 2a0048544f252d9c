"""The companions: rooms beside the exporter, with commands and routes of their own. Each can be deleted.

Nothing imports them by name but each other; the command line and the wiring load what is there.
"""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

COMPANIONS = {"postmortems": (), "evidence": ("postmortems",), "history": ()}
"""Each companion with those that it needs: evidence is redacted by the detectors of the postmortem lint."""


def is_installed(companion: str) -> bool:
    """Whether a companion is there, and all that it needs."""
    return all(find_spec(f"service.{name}") is not None for name in (companion, *COMPANIONS[companion]))


def modules(name: str) -> Iterator[ModuleType]:
    """Import the module of that name of every companion that is there and has one."""
    for companion in filter(is_installed, COMPANIONS):
        module = f"service.{companion}.{name}"
        if find_spec(module) is not None:
            yield import_module(module)
