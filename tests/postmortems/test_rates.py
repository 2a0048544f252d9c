"""The error rates that docs/lint/README.md states are those that the command prints."""

import re
from pathlib import Path

from service.postmortems.catalogue import BLAME, MISSING_ENTRY
from tests.postmortems import rates

README = Path(__file__).parents[2] / "docs/lint/README.md"


def test_the_rates_in_the_documents_are_the_measured_ones():
    unseen = rates.labelled(rates.CORPUS / "unseen")
    rows = re.findall(r"^\| (PM\d+), .*8 documents.* \| (\d+) of (\d+) \| (\d+) of (\d+) \|$", README.read_text(), re.M)
    stated = {rule: tuple(map(int, numbers)) for rule, *numbers in rows}
    measured = {"PM304": rates.missing_entries(unseen), "PM603": rates.blame(unseen)}
    assert stated == {rule: (r.wrong, r.findings, r.missed, r.cases) for rule, r in measured.items()}


def test_a_rule_that_is_wrong_more_often_than_right_is_advice():
    unseen = rates.labelled(rates.CORPUS / "unseen")
    for rule, rate in ((MISSING_ENTRY, rates.missing_entries(unseen)), (BLAME, rates.blame(unseen))):
        assert rule.advice or rate.wrong * 2 <= rate.findings
