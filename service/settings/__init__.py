"""The whole configuration: `mttx.yml`, overridden by `MTTX_*`, validated as a whole before anything starts."""

from collections.abc import Mapping
from pathlib import Path

from service.settings.errors import Problem, SettingsError
from service.settings.model import Settings
from service.settings.sources import Loaded, read
from service.settings.tokens import Scope, Token, find_token, load_tokens

__all__ = [
    "Loaded",
    "Problem",
    "Scope",
    "Settings",
    "SettingsError",
    "Token",
    "find_token",
    "load",
    "load_tokens",
]


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the configuration file and the environment. Raises SettingsError with every problem.

    `path` None: the file named by MTTX_CONFIG, else `mttx.yml` in the working directory, if it exists.
    """
    return read(path, environ).settings
