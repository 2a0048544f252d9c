"""Which labels may be dimensions: none that is a parameter of a page or of the API, or a name of the metrics' own."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings.model import Settings
from service.web.api import IncidentQuery
from service.web.indicators import IndicatorQuery

WEB = Path(__file__).parents[1] / "service/web"
READ = re.compile(r"""(?:args|arguments)\.get(?:list)?\("(\w+)"|(?:cursor_of|_several)\([\w.]+, "(\w+)\"""")
PAGES = {name for path in (WEB / "pages").glob("*.py") for names in READ.findall(path.read_text()) for name in names}
OF_ONE_INCIDENT = {"said", "entries", "alerts"}
"""Parameters of the page of an incident, which has no filters."""
PARAMETERS = {
    *(PAGES - OF_ONE_INCIDENT - {""}),
    *(field.alias or name for model in (IncidentQuery, IndicatorQuery) for name, field in model.model_fields.items()),
    *("lang", "file"),
}


@pytest.mark.parametrize("label", sorted({*PARAMETERS, "indicator", "dimension", "value", "mttx_ignore"}))
def test_it_refuses_a_dimension_named_like_something_of_ours(label):
    with pytest.raises(ValidationError, match="rename the label"):
        Settings.model_validate({"breakdown": [{"label": label}]})


@pytest.mark.parametrize("label", ["team", "service", "squad", "cost_center"])
def test_it_takes_other_labels(label):
    assert Settings.model_validate({"breakdown": [{"label": label}]}).policy().breakdown[0].label == label


def test_it_knows_the_parameters_of_the_pages():
    assert {"state", "window", "q", "skip", "before", "format", "lang"} <= PARAMETERS
