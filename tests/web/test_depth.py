"""A body that is nested without end is refused like any other that cannot be read."""

import pytest

from tests.web.fakes import World, assert_problem


@pytest.mark.parametrize(
    "path", ["/webhooks/alertmanager", "/webhooks/lifecycle", "/webhooks/grafana", "/api/v1/incidents"]
)
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('{"labels":{"a":', "}}")])
@pytest.mark.parametrize("depth", [300, 100_000])
def test_it_refuses_a_body_that_is_nested_too_deeply(path, opening, closing, depth):
    world = World()
    response = world.post(path, data=opening * depth + "1" + closing * depth)
    assert_problem(response, 400, "invalid_json")
    assert world.recorder.commands == []
