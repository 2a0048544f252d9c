"""schemathesis: requests made of the OpenAPI document, at the whole service; its answers are those of the document."""

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service import app as composition
from service.app import create_app
from service.evidence.routes import EVIDENCE
from service.intake.sources import webhook_path
from service.settings.model import Settings
from service.web.openapi import OPERATIONS
from tests.declared import DECLARED, SETTINGS
from tests.hostile.corpus import bodies
from tests.hostile.service import Service

LONG = os.environ.get("MTTX_TORTURE") == "1"
EXAMPLES = int(os.environ.get("MTTX_EXAMPLES", "1000" if LONG else "8"))
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    """The document as schemathesis reads it from the service, in which one of everything has happened."""
    patch = pytest.MonkeyPatch()
    patch.setattr(composition.logs, "configure", lambda level: None)
    patch.setattr(composition.atexit, "register", lambda function: None)
    folder = tmp_path_factory.mktemp("document")
    seeded = Service(folder)
    for seed in bodies():
        seeded.send(seed, -1)
    seeded.close()
    app = create_app(Settings(database_url=f"sqlite:///{folder / 'mttx.db'}", sources=SETTINGS.sources))
    yield schemathesis.openapi.from_wsgi("/openapi.json", app)
    app.extensions["mttx.shut_down"]()
    patch.undo()


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("method", "path"),
    [(operation.method, operation.path) for operation in (*OPERATIONS, EVIDENCE)]
    + [("post", webhook_path(declaration.source)) for declaration in DECLARED],
)
def test_it_answers_what_its_document_says(described, method, path):
    operation = described[path][method.upper()]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=not LONG,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy())
    def check(case):
        case.call_and_validate(checks=CHECKS, headers={"Host": "localhost"})

    check()
