"""The model of all of mttx.yml: the keys of the exporter, and the sections of the companions that are there."""

from pydantic import create_model

from service import companions
from service.settings.model import Settings


def _model() -> type[Settings]:
    extended = tuple(module.SETTINGS for module in companions.modules("settings"))
    return create_model("WholeSettings", __base__=extended or Settings, __module__=__name__)


WholeSettings = _model()
"""Found by its name in this module where settings are sent to a process that is spawned."""
