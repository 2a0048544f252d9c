"""The keys of postmortem documents: where they are, what `mttx postmortem new` fills in, what the check asks for."""

from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from service.settings.section import SettingsSection

LINK_FIELDS = ("incident", "from_ms", "to_ms", "from", "to")


def _link(written: str) -> str:
    try:
        named = {name for _, name, _, _ in Formatter().parse(written) if name is not None}
    except ValueError as error:
        raise ValueError("should have every { closed by a }") from error
    if not written.startswith(("http://", "https://")) or not named <= set(LINK_FIELDS):
        fields = ", ".join(f"{{{name}}}" for name in LINK_FIELDS)
        raise ValueError(f"should be an address that starts with http:// or https://, in which there may be {fields}")
    return written


LinkName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
LinkAddress = Annotated[str, AfterValidator(_link)]
TopicWord = Annotated[str, StringConstraints(min_length=2, max_length=100, strip_whitespace=True)]
Topic = Literal["detection", "mitigation", "recovery"]
Template = Annotated[Literal["standard", "noctria"] | Path, BeforeValidator(lambda value: value or "standard")]
RuleId = Annotated[str, StringConstraints(pattern=r"^PM[0-9]{3}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[^/\\]{1,100}$")]


class PostmortemSettings(SettingsSection):
    """Documents, one for each incident."""

    directory: Path = Field(Path("docs/incidents"), description="Where `mttx postmortem new` writes documents.")
    language: Literal["ja", "en"] = Field("ja", description="Language of the template.")
    template: Template = Field(
        "standard",
        description="Template of a document: `standard`, `noctria` (the standard's words of a team that trades), or a"
        " Jinja file.",
    )
    words: Mapping[Topic, tuple[TopicWord, ...]] = Field(
        {},
        description="Further words for the entries of a timeline, such as {mitigation: [traffic shifted]}; the keys are"
        " detection, mitigation and recovery.",
    )
    links: Mapping[LinkName, LinkAddress] = Field(
        {},
        description="Links for every document, by name; {incident}, {from_ms}, {to_ms}, {from} and {to} are filled in.",
    )
    documents: tuple[FileName, ...] = Field(
        ("Release-Notes.md", "Risk-Register.md", "Runbooks.md"),
        description="Files that have to be changed together with a final postmortem (the standard, section 8).",
    )
    disabled_rules: tuple[RuleId, ...] = Field(
        (), description="Rules of `mttx postmortem lint` that do not count, such as [PM603]."
    )
