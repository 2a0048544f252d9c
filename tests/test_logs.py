"""A log line is one JSON object, and carries nothing that is not on the list."""

import json
import logging
import logging.config
import warnings

import pytest

from service.logs import FIELDS, JsonFormatter, configure, dict_config


@pytest.fixture
def logger(capfd):
    """Give a function that logs as the service does and returns the line."""
    before = logging.root.handlers[:], logging.root.level

    def log(message, *args, level="info", name="service.test", **options):
        configure("debug")
        getattr(logging.getLogger(name), level)(message, *args, **options)
        return capfd.readouterr().err

    yield log
    logging.captureWarnings(capture=False)
    logging.root.handlers[:], logging.root.level = before


def formatted(**fields):
    record = logging.LogRecord("service.web", logging.INFO, __file__, 1, "stored %s", ("INC-1",), None)
    record.created = 1_754_981_400.25
    record.__dict__.update(fields)
    return json.loads(JsonFormatter().format(record))


def test_it_says_when_how_bad_where_and_what():
    assert formatted() == {
        "time": "2025-08-12T06:50:00.250Z",
        "level": "info",
        "logger": "service.web",
        "message": "stored INC-1",
    }


def test_it_carries_the_request_id():
    assert formatted(request_id="4f1c")["request_id"] == "4f1c"


@pytest.mark.parametrize("name", ["commander", "name", "token", "authorization", "user", "owner", "data"])
def test_it_carries_no_name_and_no_token(name):
    assert name not in FIELDS
    line = formatted(**({name: "Alice"} if name != "name" else {"person": "Alice"}))
    assert "Alice" not in json.dumps(line)


def test_it_leaves_out_what_is_not_there():
    assert "status" not in formatted(status=None)


def test_it_keeps_a_message_of_many_lines_in_one(logger):
    line = logger("one\ntwo\x00\u2028 %s", "あ")
    assert line.count("\n") == 1
    assert json.loads(line)["message"] == "one\ntwo\x00\u2028 あ"


def test_it_carries_a_traceback_in_the_line(logger):
    try:
        raise RuntimeError("disk full")
    except RuntimeError:
        line = logger("cannot store", level="exception")
    assert line.count("\n") == 1
    assert json.loads(line)["exception"].endswith("RuntimeError: disk full")


def test_it_writes_what_json_cannot():
    assert formatted(count={1})["count"] == "{1}"


def test_it_writes_the_servers_own_lines_in_the_same_way(logger):
    assert json.loads(logger("Unexpected exit", level="error", name="_granian"))["logger"] == "granian"


def test_it_drops_the_servers_advice_about_threads(logger):
    advice = "Configuration allows spawning up to 16 Python threads, which seems quite high compared to …"
    assert logger(advice, level="warning", name="_granian") == ""


def test_it_writes_pythons_warnings_in_the_same_way(logger, capfd):
    logger("configured")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    logging.captureWarnings(capture=False)
    assert "DeprecationWarning: old" in json.loads(capfd.readouterr().err)["message"]


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_it_takes_every_level_of_the_configuration(level):
    assert dict_config(level)["root"]["level"] == level.upper()
