"""What a storm's message names, and how much of it fits."""

import pytest

from service.domain.incident import Phase
from service.domain.policy import Severity
from service.render.storm import PAGE, GatheredIncident, storm_of
from service.settings.model import Settings
from service.wiring.messages import message_templates
from tests.builders import at


def gathered(number, title="Disk full", severity=Severity.SEV_2, phase=Phase.DETECTED):
    return GatheredIncident(number, title, severity, phase)


def test_the_worst_comes_first_and_what_is_over_last():
    storm = storm_of(
        [
            gathered(1),
            gathered(2, severity=Severity.SEV_1, phase=Phase.ACKNOWLEDGED),
            gathered(3),
            gathered(4, "Other\nthing"),
            gathered(5, phase=Phase.RESOLVED),
            gathered(6, phase=Phase.DISMISSED),
        ],
        at(0),
        "https://mttx.example.com",
    )
    assert [(line.severity.value, line.title, line.incidents) for line in storm.lines] == [
        ("SEV-1", "Disk full", ("INC-2",)),
        ("SEV-2", "Disk full", ("INC-1", "INC-3")),
        ("SEV-2", "Other thing", ("INC-4",)),
    ]
    assert (storm.open, storm.acknowledged, storm.over) == (4, 1, ("INC-5", "INC-6"))
    assert storm.url == "https://mttx.example.com/incidents"
    assert storm_of([], at(0), None).url is None


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("title", ["{n} is full", "same", "x" * 300 + "{n}"])
@pytest.mark.parametrize("phase", [Phase.DETECTED, Phase.RESOLVED])
def test_a_whole_page_fits_into_a_message_and_names_everything(language, title, phase):
    incidents = [gathered(10_000 + n, title.format(n=n), list(Severity)[n % 4], phase) for n in range(PAGE)]
    storm = storm_of(incidents, at(0), "https://mttx.example.com")
    templates = message_templates("slack", Settings.model_validate({}), language)
    text = templates.storm(storm)
    assert len(text) <= 4_000
    assert all(f"INC-{incident.incident_id}" in text for incident in incidents)
