"""The companions: rooms beside the exporter, with commands, routes and settings of their own. Each can be deleted.

Nothing imports them by name but each other; the command line, the wiring and the settings load what is there. Each has
its own name as the key of its section in mttx.yml.
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
