"""Every rule of the linter with its level. An id is for ever: a rule that goes is not replaced by another of its id."""

from collections.abc import Mapping

from service.postmortems.findings import FindingLevel, Rule

_E, _W = FindingLevel.ERROR, FindingLevel.WARNING

MISSING_FIELD = Rule("PM101", _E, "Metadata is missing")
WRONG_FIELD = Rule("PM102", _E, "Metadata has a value that nobody knows")
FILE_NAME = Rule("PM103", _E, "The file is not called PM-YYYYMMDD-slug.md")
TITLE = Rule("PM104", _E, "The title lacks the subject or the severity")
STATUS = Rule("PM105", _E, "The status is none of Draft, In Review and Final")

MISSING_SECTION = Rule("PM201", _E, "A section is missing")
SECTION_ORDER = Rule("PM202", _E, "A section stands in the wrong place")
EMPTY_SECTION = Rule("PM203", _E, "A section is empty")
SECTION_TWICE = Rule("PM204", _E, "A section is there twice")

ONE_ZONE = Rule("PM301", _E, "A time lacks UTC or the local zone")
UNEQUAL_TIMES = Rule("PM302", _E, "A time in UTC and its local time are different instants")
TIME_ORDER = Rule("PM303", _E, "The timeline is not in the order of time")
MISSING_ENTRY = Rule("PM304", _W, "The timeline lacks detection, mitigation or recovery", advice=True)
NO_TIME = Rule("PM305", _E, "A time is missing or does not exist")

IMPACT_NUMBERS = Rule("PM401", _E, "The impact has no numbers")
CAUSE_ASPECT = Rule("PM402", _E, "The root cause leaves out an aspect")
DETECTION_SOURCE = Rule("PM403", _E, "Nothing says which alert or who detected it")
NO_EVIDENCE = Rule("PM404", _E, "A final document has no evidence")
PLACEHOLDER = Rule("PM405", _E, "A placeholder is left")
DEADLINE = Rule("PM406", _W, "The deadline of the severity was missed")
EVIDENCE_SOURCE = Rule("PM407", _W, "A source of evidence is not spoken of")

ACTIONS_TABLE = Rule("PM501", _E, "The table of actions is missing, or lacks a column or rows")
ACTION_ID = Rule("PM502", _E, "An action has no id, or that of another")
ACTION_OWNER = Rule("PM503", _E, "An action has no owner")
ACTION_DUE = Rule("PM504", _E, "An action has no due date")
ACTION_EARLY = Rule("PM505", _E, "An action is due before the incident")
ACTION_TYPE = Rule("PM506", _E, "An action has no type")
ACTION_VERIFICATION = Rule("PM507", _E, "An action does not say how it is verified")
ACTION_STATE = Rule("PM508", _E, "The state of an action cannot be read")

SECRET = Rule("PM601", _E, "A secret")
PERSONAL_DATA = Rule("PM602", _E, "Personal data")
BLAME = Rule("PM603", _W, "A person is blamed")

DOCUMENTS = Rule("PM701", _E, "Documents that belong to the change were not updated")
ADR = Rule("PM702", _E, "The decision record that the document asks for is not there")
ISSUE = Rule("PM703", _W, "An action has no issue")

UNREADABLE = Rule("PM901", _E, "The file cannot be read as a whole")
SUPPRESSION = Rule("PM902", _E, "A comment that switches a rule off has no reason or no such rule")
UNUSED_SUPPRESSION = Rule("PM903", _W, "A comment switches off what is not there")

RULES: tuple[Rule, ...] = tuple(rule for rule in dict(globals()).values() if isinstance(rule, Rule))
BY_ID: Mapping[str, Rule] = {rule.id: rule for rule in RULES}
ALWAYS_ON = (UNREADABLE, SUPPRESSION, UNUSED_SUPPRESSION)
"""What is about the check itself cannot be switched off by a comment."""
