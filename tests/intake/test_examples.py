"""What the pages tell people to send is accepted."""

import json
import re
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.intake import lifecycle
from service.intake.event_data import MODELS
from service.intake.lifecycle import EventParseOptions, parse_event, parse_opening

DOCS = Path(__file__).parents[2] / "docs"
NOW = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
NUMBERS = count()
READING = EventParseOptions(zone=ZoneInfo("Asia/Tokyo"), new_id=lambda: f"new-{next(NUMBERS)}")


def sent(page):
    """The bodies of a page: those of curl, and those that stand alone."""
    text = (DOCS / page).read_text()
    curls = re.findall(r"-d '\s*(.+?)'", text, re.DOTALL)
    return curls + [block for block in re.findall(r"```json\n(.+?)```", text, re.DOTALL) if '"kind"' in block[:200]]


@pytest.mark.parametrize("body", sent("sources/lifecycle.md"))
def test_the_lifecycle_page_shows_bodies_that_are_accepted(body):
    assert lifecycle.parse(body.encode(), READING, NOW).events


@pytest.mark.parametrize("body", sent("api.md"))
def test_the_api_page_shows_bodies_that_are_accepted(body):
    document = json.loads(body)
    parse = lifecycle.parse if "incident_key" in body else parse_event if "kind" in document else parse_opening
    assert parse(body.encode(), READING, NOW)


def test_the_api_page_names_every_kind_of_data():
    text = (DOCS / "api.md").read_text()
    for kind, model in MODELS.items():
        for name in (f"`{kind}`", *(field for field in model.model_fields)):
            assert name in text
