"""The indicators in a reader's words: name, and what is measured. The full definitions: docs/definitions.md."""

from dataclasses import dataclass

NO_SAMPLE = "An incident that lacks one of the two instants has no value here; it is never counted as 0."
WINDOWED = "It covers the incidents detected within the chosen window."
OVER_TARGET = "Over 100 % means that the target is missed."


@dataclass(frozen=True, slots=True)
class Indicator:
    """One interval in an incident's life."""

    name: str
    title: str
    definition: str


DETECT = Indicator(
    "detect",
    "Time to detect",
    "MTTD: from the start of the impact to its detection. The start is known only if it was recorded.",
)
ACKNOWLEDGE = Indicator(
    "acknowledge",
    "Time to acknowledge",
    "MTTA: from detection to the first response – an acknowledgement, a commander assigned, the impact contained, or "
    "a person resolving the incident, whichever comes first.",
)
MITIGATE = Indicator(
    "mitigate",
    "Time to mitigate",
    "From detection to the impact being contained, even if the cause is still there. It has no target unless one is "
    "configured.",
)
RESOLVE = Indicator(
    "resolve",
    "Time to resolve",
    "MTTR: from detection (or from the start of the impact, if so configured) to full recovery. Incidents that were "
    "closed only because nothing was heard of them are left out.",
)
DRAFT = Indicator(
    "draft",
    "Postmortem draft",
    "Lead time from the start of the incident until its postmortem is a complete draft. The deadline depends on the "
    "severity and runs from the start of the impact, or from detection where the start is unknown.",
)
FINALIZE = Indicator(
    "finalize",
    "Postmortem final",
    "Lead time from the start of the incident until its postmortem is final. The deadline depends on the severity and "
    "runs from the start of the impact, or from detection where the start is unknown.",
)
INDICATORS = (DETECT, ACKNOWLEDGE, MITIGATE, RESOLVE, DRAFT, FINALIZE)
