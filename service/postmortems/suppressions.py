"""Comments that disable a rule: <!-- mttx-disable-line PM603: quoted from the customer -->, with a reason."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from service.postmortems import catalogue as c
from service.postmortems.document import Document, Text
from service.postmortems.findings import Finding, at

_COMMENT = re.compile(
    r"\s*mttx-(?P<verb>disable-file|disable-line|disable-next-line|disable|enable)\b"
    r"(?P<ids>(?:[\s,]{1,5}PM[0-9]{3}){0,40})\s*(?:[:：]\s*(?P<reason>.*))?",
    re.DOTALL,
)
_ID = re.compile("PM[0-9]{3}")
END = 2**31
MOST = 200


@dataclass(frozen=True, slots=True)
class Suppression:
    """One rule disabled from line `first` to line `last`, inclusive, by the comment at `location`."""

    rule_id: str
    first: int
    last: int
    location: Text


def suppressed(document: Document, findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings that are not suppressed, and those about the comments themselves."""
    suppressions, invalid = read_suppressions(document)
    of_rule: dict[str, list[Suppression]] = {}
    for suppression in suppressions[:MOST]:
        of_rule.setdefault(suppression.rule_id, []).append(suppression)
    used: set[Suppression] = set()
    kept: list[Finding] = []
    for finding in findings:
        by = [s for s in of_rule.get(finding.rule_id, ()) if s.first <= finding.line <= s.last]
        used.update(by)
        if not by:
            kept.append(finding)
    unused = [s for s in suppressions[:MOST] if s not in used]
    invalid += [at(c.UNUSED_SUPPRESSION, s.location, f"{s.rule_id} reports nothing here") for s in unused]
    invalid += [
        at(c.SUPPRESSION, s.location, f"only the first {MOST} comments of this kind are used")
        for s in suppressions[MOST:][:1]
    ]
    return sorted([*kept, *invalid])


def read_suppressions(document: Document) -> tuple[list[Suppression], list[Finding]]:
    """Parse all comments addressed to the linter; returns the suppressions and the findings about invalid comments."""
    suppressions: list[Suppression] = []
    invalid: list[Finding] = []
    open_: dict[str, Text] = {}
    for comment in document.comments:
        if not comment.text.lstrip().startswith("mttx-"):
            continue
        match = _COMMENT.fullmatch(comment.text)
        comment = _whole(document, comment)  # noqa: PLW2901 - only its location changes
        complaint = _complaint(match)
        if match is None or complaint:
            invalid.append(at(c.SUPPRESSION, comment, complaint))
            continue
        ids = _ID.findall(match["ids"])
        if match["verb"] == "enable":
            suppressions += _closed(open_, ids, comment.line)
        elif match["verb"] == "disable":
            open_ |= {rule_id: open_.get(rule_id, comment) for rule_id in ids}
        else:
            first, last = _lines(match["verb"], comment)
            suppressions += [Suppression(rule_id, first, last, comment) for rule_id in ids]
    return [*suppressions, *_closed(open_, list(open_), END)], invalid


def _whole(document: Document, comment: Text) -> Text:
    """Return the first line of the comment, with its delimiters."""
    line = document.lines[comment.line - 1]
    end = line.find("-->", comment.column - 1)
    return replace(comment, width=(end + 3 if end >= 0 else len(line)) - comment.column + 1)


def _complaint(match: re.Match[str] | None) -> str:
    """Return what is wrong with a comment, empty if it is valid."""
    if match is None:
        return "write mttx-disable-line PM603: reason (or disable-next-line, disable, enable, disable-file)"
    ids = _ID.findall(match["ids"])
    unknown = [i for i in ids if i not in c.BY_ID or c.BY_ID[i] in c.ALWAYS_ON]
    if unknown:
        return f"{', '.join(unknown)} cannot be disabled" if unknown[0] in c.BY_ID else f"unknown rule {unknown[0]}"
    if match["verb"] == "enable":
        return ""
    if not ids:
        return "name the rules, such as PM603"
    return "" if (match["reason"] or "").strip() else f"add a reason: mttx-{match['verb']} {ids[0]}: reason"


def _lines(verb: str, comment: Text) -> tuple[int, int]:
    last = comment.line + comment.text.count("\n")
    match verb:
        case "disable-file":
            return 1, END
        case "disable-next-line":
            return last + 1, last + 1
        case _:
            return comment.line, last


def _closed(open_: dict[str, Text], ids: Sequence[str], last: int) -> Iterator[Suppression]:
    """Close the ranges that `disable` opened; `enable` without ids closes all of them."""
    for rule_id in list(ids) or list(open_):
        location = open_.pop(rule_id, None)
        if location is not None:
            yield Suppression(rule_id, location.line, last, location)
