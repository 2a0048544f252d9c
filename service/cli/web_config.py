"""TLS and users of `mttx serve`: Granian's options, and starting again when their files change."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from service.settings.errors import SettingsError
from service.settings.web_config import TlsServerConfig, WebConfig, load_web_config

LOOK_SECONDS = 5.0
"""Between two looks at the files."""
_LOG = logging.getLogger(__name__)


def tls_options(config: TlsServerConfig | None) -> dict[str, Any]:
    """Return Granian's options for TLS."""
    from granian.constants import SSLProtocols

    if config is None:
        return {}
    return {
        "ssl_cert": config.cert_file,
        "ssl_key": config.key_file,
        "ssl_ca": config.client_ca_file,
        "ssl_client_verify": config.client_ca_file is not None,
        "ssl_protocol_min": SSLProtocols.tls12 if config.min_version == "TLS12" else SSLProtocols.tls13,
    }


def wait_until_valid(path: Path | None) -> WebConfig:
    """Return the configuration once it is valid: a file may be half-written at this moment, too."""
    problem = ""
    while True:
        try:
            return load_web_config(path)
        except SettingsError as error:
            problem = _log_once(error, problem)
        time.sleep(LOOK_SECONDS)


def _log_once(error: Exception, before: str) -> str:
    """Log why the files are not used, unless that is what was logged before; return what was logged."""
    if str(error) != before:
        _LOG.error("the changed web.config.file is not used: %s", error)
    return str(error)


class WebConfigWatch:
    """Calls `stop` once web.config.file, or a file that it names, has changed and is valid; in a thread of its own.

    A renewed certificate is written in several steps: while what is there is not valid, the old one stays in use.
    """

    def __init__(self, path: Path | None, config: WebConfig, stop: Callable[[], None]) -> None:
        self._path = path
        self._stop = stop
        self._state = _state_of(config)
        self.has_changed = False

    def start(self) -> None:
        """Begin to watch, if there is a file."""
        if self._path is not None:
            threading.Thread(target=self._watch, name="web-config", daemon=True).start()

    def _watch(self) -> None:
        problem = ""
        while True:
            time.sleep(LOOK_SECONDS)
            try:
                if _state_of(load_web_config(self._path)) != self._state:
                    break
            except (SettingsError, OSError) as error:
                problem = _log_once(error, problem)
        self.has_changed = True
        self._stop()


def _state_of(config: WebConfig) -> tuple[object, ...]:
    """Return a configuration and the content of the files that it names."""
    named = config.tls_server_config.files if config.tls_server_config else ()
    return config, *(file.read_bytes() for file in named)
