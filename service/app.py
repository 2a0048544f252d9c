"""The WSGI application, for `mttx serve` and for any other WSGI server: `service.app:create_app()`."""

import atexit
import os
from datetime import UTC, datetime

from flask import Flask

from service import logs, web
from service.settings.model import Settings
from service.settings.sources import load
from service.settings.web_config import WebConfig, load_web_config
from service.wiring.exporter import Exporter


def now() -> datetime:
    """Return the current time; the only clock below the command line."""
    return datetime.now(UTC)


def create_app(settings: Settings | None = None, web_config: WebConfig | None = None) -> Flask:
    """Build the service; settings default to `mttx.yml` and the environment, `web_config` to the file they name.

    Any WSGI server can run it, in one process for each database file. Raises `SettingsError` or `StoreRefused`.
    """
    settings = settings or load(None, os.environ)
    logs.configure(settings.log.level)
    exporter = Exporter(settings, web_config or load_web_config(settings.web_config_file), now)
    app = Flask("mttx-exporter", static_folder=None)
    web.install(app, exporter.services)
    exporter.start()
    atexit.register(exporter.close)
    app.extensions["mttx.shut_down"] = exporter.close
    return app
