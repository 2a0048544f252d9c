"""The indicators in a reader's words: name, and what is measured. The full definitions: docs/definitions.md."""

from dataclasses import dataclass

NO_SAMPLE = "Incidents missing one of the two timestamps are excluded, never counted as 0."
WINDOWED = "Covers incidents detected in the selected window."
OVER_TARGET = "Over 100 % means the target is missed."


@dataclass(frozen=True, slots=True)
class Indicator:
    """One interval in an incident's life."""

    name: str
    title: str
    definition: str


DETECT = Indicator(
    "detect",
    "Time to detect",
    "MTTD: from start of impact to detection. Requires a recorded start.",
)
ACKNOWLEDGE = Indicator(
    "acknowledge",
    "Time to acknowledge",
    "MTTA: from detection to the first human response: an acknowledgement, assignment of a commander, mitigation, "
    "or resolution, whichever comes first.",
)
MITIGATE = Indicator(
    "mitigate",
    "Time to mitigate",
    "From detection to containment of the impact, even if the cause remains. No target by default.",
)
RESOLVE = Indicator(
    "resolve",
    "Time to resolve",
    "MTTR: from detection (or start of impact, if configured) to full recovery. Incidents closed as stale are "
    "excluded.",
)
DRAFT = Indicator(
    "draft",
    "Postmortem draft",
    "Lead time from the start of the incident to the completed postmortem draft. The deadline depends on the "
    "severity and runs from the start of impact, or from detection if the start is unknown.",
)
FINALIZE = Indicator(
    "finalize",
    "Postmortem final",
    "Lead time from the start of the incident to the final postmortem. The deadline depends on the severity and "
    "runs from the start of impact, or from detection if the start is unknown.",
)
INDICATORS = (DETECT, ACKNOWLEDGE, MITIGATE, RESOLVE, DRAFT, FINALIZE)
