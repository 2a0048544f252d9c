"""Mutated bodies at the whole service: the answer is one that the document names, never a failure."""

import os
import time

import pytest

from service import app as composition
from tests.hostile.storm import AT_ONCE, storm

SHORT = 1_500
LONG = int(os.environ.get("MTTX_STORM", "1000000"))


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(composition.logs, "configure", lambda level: None)
    monkeypatch.setattr(composition.atexit, "register", lambda function: None)


def test_it_answers_mutated_bodies_as_its_document_says(tmp_path):
    outcome = storm(0, SHORT, tmp_path)
    assert outcome.wrong == []
    assert outcome.share(200) + outcome.share(201) > 0.2, "most mutations get no further than the parser"
    assert outcome.share(400) > 0.2, "hardly any mutation is refused"


@pytest.mark.torture
def test_it_answers_a_million_mutated_bodies_as_its_document_says(tmp_path):
    first = int(time.time()) * 10**6  # other inputs in every run; the number of what is wrong is in the failure
    for start in range(0, LONG, AT_ONCE):
        folder = tmp_path / str(start)
        folder.mkdir()
        outcome = storm(first + start, min(AT_ONCE, LONG - start), folder)
        assert outcome.wrong == []
        for file in folder.iterdir():
            file.unlink()
