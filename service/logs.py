"""Logs for machines: one JSON object per line on stderr, with only the fields listed here.

Never people's names or tokens: a name belongs in the incident's record, a token nowhere.
"""

import logging
import logging.config
from datetime import UTC, datetime
from typing import Any

from service.printable import printable_json

# What `extra=` may add. A new field must not contain personal data.
FIELDS = (
    "request_id",
    "method",
    "path",
    "client",
    "status",
    "seconds",
    "source",
    "reason",
    "incident",
    "event_id",
    "count",
)

LONGEST = {"message": 2_000, "exception": 20_000}
"""Characters written of each: input from outside must not crowd everything else out of a log."""


class JsonFormatter(logging.Formatter):
    """Format a record as one line of JSON: time, level, logger, message, the fields of FIELDS, and a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: dict[str, Any] = {
            "time": at,
            "level": record.levelname.lower(),
            "logger": record.name.lstrip("_"),
            "message": record.getMessage(),
        }
        line.update((name, getattr(record, name)) for name in FIELDS if getattr(record, name, None) is not None)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        for name in ("message", "exception"):
            if len(line.get(name, "")) > LONGEST[name]:
                line[name] = f"{line[name][: LONGEST[name]]}… ({len(line[name])} characters)"
        return printable_json(line)


class WorthReading(logging.Filter):
    """Drop Granian's warning about 16 threads at every start: they wait for the disk, not for a core."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write the record."""
        is_servers = record.name == "_granian"  # not another logger, whose lines may quote input
        return not (is_servers and "Python threads, which seems quite high" in record.getMessage())


def dict_config(level: str) -> dict[str, Any]:
    """Return the configuration for `logging.config`; it covers the loggers of the server too."""
    handled = {"handlers": ["stderr"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "service.logs.JsonFormatter"}},
        "filters": {"worth_reading": {"()": "service.logs.WorthReading"}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stderr",
                "formatter": "json",
                "filters": ["worth_reading"],
            }
        },
        "root": {"level": level.upper(), "handlers": ["stderr"]},
        "loggers": {
            "_granian": handled,
            "granian.access": {"level": "INFO", **handled},
            "alembic": {
                "level": "WARNING"
            },  # lists its plugins and every step; `service.store.migrate` says what matters
        },
    }


def configure(level: str) -> None:
    """Log to stderr from this level up, including Python's warnings."""
    logging.config.dictConfig(dict_config(level))
    logging.captureWarnings(capture=True)
