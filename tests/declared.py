"""The shipped declarations, as a team has them that names them all."""

from service.settings.model import Settings
from service.web.services import Sources
from service.wiring.sources import declarations, shipped

SETTINGS = Settings(sources=dict.fromkeys(shipped()))
DECLARED = declarations(SETTINGS)
SOURCES = Sources(declared=DECLARED)


def declared(**source):
    """One declaration of a team's own, of the name `own`."""
    (declaration,) = declarations(Settings(sources={"own": source}))
    return declaration
