"""The section `postmortems` of mttx.yml: where documents are, their template, and what the linter requires."""

from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from service.postmortems.context import DOCUMENTS
from service.settings.model import Settings
from service.settings.section import SettingsSection

LINK_FIELDS = ("incident", "from_ms", "to_ms", "from", "to")


def _link(url: str) -> str:
    try:
        names = {name for _, name, _, _ in Formatter().parse(url) if name is not None}
    except ValueError as error:
        raise ValueError("has a { without its }") from error
    if not url.startswith(("http://", "https://")) or not names <= set(LINK_FIELDS):
        fields = ", ".join(f"{{{name}}}" for name in LINK_FIELDS)
        raise ValueError(f"should be a URL that starts with http:// or https:// and may contain {fields}")
    return url


LinkName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
LinkAddress = Annotated[str, AfterValidator(_link)]
TopicWord = Annotated[str, StringConstraints(min_length=2, max_length=100, strip_whitespace=True)]
RequiredTopic = Literal["detection", "mitigation", "recovery"]
Template = Annotated[Literal["standard", "noctria"] | Path, BeforeValidator(lambda value: value or "standard")]
RuleId = Annotated[str, StringConstraints(pattern=r"^PM[0-9]{3}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[^/\\]{1,100}$")]


class PostmortemSettings(SettingsSection):
    """Postmortem documents, one per incident."""

    directory: Path = Field(Path("docs/incidents"), description="Where `mttx postmortem new` writes documents.")
    language: Literal["ja", "en"] = Field("ja", description="Language of the template.")
    template: Template = Field(
        "standard",
        description="Template of a document: `standard`, `noctria` (the standard's wording for a trading team), or a "
        "Jinja file.",
    )
    words: Mapping[RequiredTopic, tuple[TopicWord, ...]] = Field(
        {},
        description="Additional words for the entries of a timeline, such as `{mitigation: [traffic shifted]}`; the "
        "keys are detection, mitigation and recovery.",
    )
    links: Mapping[LinkName, LinkAddress] = Field(
        {},
        description="Links for every document, by name; placeholders are `{incident}`, `{from_ms}`, `{to_ms}`, "
        "`{from}` and `{to}`.",
    )
    documents: tuple[FileName, ...] = Field(
        DOCUMENTS,
        description="Files that must change together with a final postmortem (the standard, section 8).",
    )
    disabled_rules: tuple[RuleId, ...] = Field(
        (), description="Rules of `mttx postmortem lint` to disable, such as `[PM603]`."
    )


class SettingsWithPostmortems(Settings):
    """The configuration with this section."""

    postmortems: PostmortemSettings = PostmortemSettings()


SETTINGS = SettingsWithPostmortems


def postmortem_settings(settings: Settings) -> PostmortemSettings:
    """Return this section; its defaults if the configuration was made without it."""
    return settings.postmortems if isinstance(settings, SettingsWithPostmortems) else PostmortemSettings()
