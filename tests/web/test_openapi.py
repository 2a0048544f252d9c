"""The OpenAPI document, the routes and docs/api.md tell of the same endpoints."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.evidence.routes import EVIDENCE
from service.web import openapi, schemas
from tests.web.fakes import World

OPERATIONS = (*openapi.OPERATIONS, EVIDENCE)
PAGE = Path(__file__).parents[2] / "docs" / "api.md"
SOURCES = Path(__file__).parents[2] / "docs" / "sources" / "README.md"
OF_ITSELF = {"HEAD", "OPTIONS"}


def document():
    return openapi.document(OPERATIONS)


def routes():
    rules = World().app.url_map.iter_rules()
    return {(method, re.sub("<(.+?)>", r"{\1}", rule.rule)) for rule in rules for method in rule.methods - OF_ITSELF}


def test_it_describes_every_route_and_nothing_else():
    assert {(operation.method.upper(), operation.path) for operation in OPERATIONS} == routes()


@pytest.mark.parametrize(("method", "path"), sorted(routes()))
def test_the_page_has_a_section_for_every_route(method, path):
    """A webhook may have its own page instead, which the index of the sources names."""
    headings = [line for line in PAGE.read_text().splitlines() if line.startswith("#")]
    lines = [*headings, *SOURCES.read_text().splitlines()]
    assert any(f"`{method} {path}`" in line for line in lines)


def test_the_page_names_no_route_that_is_not_there():
    named = re.findall(r"^#+ .*?`([A-Z]+) (\S+?)`", PAGE.read_text(), re.MULTILINE)
    assert set(named) <= routes()


def test_it_is_served(world):
    response = world.get("/openapi.json")
    assert response.content_type == "application/json"
    assert response.get_json() == document()
    assert response.get_json()["openapi"].startswith("3.1")


def references(node):
    if isinstance(node, dict):
        yield from (node[key] for key in node if key == "$ref")
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from references(inner)


def test_its_references_all_lead_somewhere():
    schemas = document()["components"]["schemas"]
    names = set(references(document()))
    assert names
    assert {reference.removeprefix("#/components/schemas/") for reference in names} <= set(schemas)


def test_its_operations_have_names_of_their_own():
    names = [operation["operationId"] for path in document()["paths"].values() for operation in path.values()]
    assert len(set(names)) == len(names) == len(OPERATIONS)


def test_it_tells_the_scope_of_what_is_guarded():
    assert document()["paths"]["/webhooks/alertmanager"]["post"]["security"] == [
        {"bearer": ["ingest"]},
        {"basic": ["ingest"]},
    ]
    assert "security" not in document()["paths"]["/metrics"]["get"]


def test_its_parameters_stand_for_themselves():
    phase, *_ = document()["paths"]["/api/v1/incidents"]["get"]["parameters"]
    assert phase["name"] == "phase"
    assert "resolved" in phase["schema"]["items"]["enum"]


def test_answers_are_what_it_says():
    with pytest.raises(ValidationError):
        schemas.TouchedIncident(id="INC-1", phase="gone")
