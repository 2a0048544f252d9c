"""Every rule of the linter with its level. The id of a removed rule is never reused."""

from collections.abc import Mapping

from service.postmortems.findings import FindingLevel, Rule

_E, _W = FindingLevel.ERROR, FindingLevel.WARNING

MISSING_FIELD = Rule("PM101", _E, "Metadata is missing")
WRONG_FIELD = Rule("PM102", _E, "Unknown metadata value")
FILE_NAME = Rule("PM103", _E, "The file name is not PM-YYYYMMDD-slug.md")
TITLE = Rule("PM104", _E, "The title has no subject or no severity")
STATUS = Rule("PM105", _E, "The status is not Draft, In Review or Final")

MISSING_SECTION = Rule("PM201", _E, "A section is missing")
SECTION_ORDER = Rule("PM202", _E, "A section is out of order")
EMPTY_SECTION = Rule("PM203", _E, "A section is empty")
SECTION_TWICE = Rule("PM204", _E, "Duplicate section")

ONE_ZONE = Rule("PM301", _E, "A time is not in both UTC and the local zone")
UNEQUAL_TIMES = Rule("PM302", _E, "A time in UTC and its local time differ")
TIME_ORDER = Rule("PM303", _E, "The timeline is not in chronological order")
MISSING_ENTRY = Rule("PM304", _W, "The timeline has no detection, mitigation or recovery", advice=True)
NO_TIME = Rule("PM305", _E, "A time is missing or invalid")

IMPACT_NUMBERS = Rule("PM401", _E, "The impact has no numbers")
CAUSE_ASPECT = Rule("PM402", _E, "The root cause lacks an aspect")
DETECTION_SOURCE = Rule("PM403", _E, "The source of the detection is missing")
NO_EVIDENCE = Rule("PM404", _E, "A final document has no evidence")
PLACEHOLDER = Rule("PM405", _E, "A placeholder is left")
DEADLINE = Rule("PM406", _W, "The deadline of the severity was missed")
EVIDENCE_SOURCE = Rule("PM407", _W, "A source of evidence is missing")

ACTIONS_TABLE = Rule("PM501", _E, "The action table is missing or incomplete")
ACTION_ID = Rule("PM502", _E, "An action has no id or a duplicate one")
ACTION_OWNER = Rule("PM503", _E, "An action has no owner")
ACTION_DUE = Rule("PM504", _E, "An action has no due date")
ACTION_EARLY = Rule("PM505", _E, "An action is due before the incident")
ACTION_TYPE = Rule("PM506", _E, "An action has no type")
ACTION_VERIFICATION = Rule("PM507", _E, "An action has no verification")
ACTION_STATE = Rule("PM508", _E, "The state of an action is unreadable")

SECRET = Rule("PM601", _E, "Secret")
PERSONAL_DATA = Rule("PM602", _E, "Personal data")
BLAME = Rule("PM603", _W, "A person is blamed")

DOCUMENTS = Rule("PM701", _E, "Related documents were not updated")
ADR = Rule("PM702", _E, "The required decision record is missing")
ISSUE = Rule("PM703", _W, "An action has no issue")

UNREADABLE = Rule("PM901", _E, "The file cannot be read completely")
SUPPRESSION = Rule("PM902", _E, "Invalid suppression comment")
UNUSED_SUPPRESSION = Rule("PM903", _W, "Unused suppression comment")

RULES: tuple[Rule, ...] = tuple(rule for rule in dict(globals()).values() if isinstance(rule, Rule))
BY_ID: Mapping[str, Rule] = {rule.id: rule for rule in RULES}
ALWAYS_ON = (UNREADABLE, SUPPRESSION, UNUSED_SUPPRESSION)
"""Rules about the check itself cannot be disabled by a comment."""
