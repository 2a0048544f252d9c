"""Statements that every batch runs: the same rows come of them, however many are written at a time."""

from service.store.histories import history_of
from tests.builders import alert, policy


def test_it_writes_any_number_of_rows_at_once(house):
    fingerprints = [f"f{number}" for number in range(100)]
    [incident_id] = house.send(*(alert(fingerprint=print_) for print_ in fingerprints))
    episodes = house.store.read(history_of, incident_id, policy()).episodes
    assert sorted(episode.fingerprint for episode in episodes) == sorted(fingerprints)
