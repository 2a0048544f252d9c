"""Comments that switch a rule off: <!-- mttx-disable-line PM603: quoted from the customer -->, with a reason."""

import re
from collections.abc import Iterable, Iterator, Sequence
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
    """One rule switched off from the line `first` to the line `last`, both included, by the comment at `place`."""

    rule_id: str
    first: int
    last: int
    location: Text


def suppressed(document: Document, findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings that are not switched off, and those about the comments themselves."""
    suppressions, wrong = read_suppressions(document)
    of_rule: dict[str, list[Suppression]] = {}
    for one in suppressions[:MOST]:
        of_rule.setdefault(one.rule_id, []).append(one)
    used: set[Suppression] = set()
    left: list[Finding] = []
    for finding in findings:
        by = [s for s in of_rule.get(finding.rule_id, ()) if s.first <= finding.line <= s.last]
        used.update(by)
        if not by:
            left.append(finding)
    unused = [s for s in suppressions[:MOST] if s not in used]
    wrong += [at(c.UNUSED_SUPPRESSION, s.location, f"{s.rule_id} finds nothing here") for s in unused]
    wrong += [
        at(c.SUPPRESSION, s.location, f"only {MOST} comments of this kind count") for s in suppressions[MOST:][:1]
    ]
    return sorted([*left, *wrong])


def read_suppressions(document: Document) -> tuple[list[Suppression], list[Finding]]:
    """Read all comments that are meant for the linter."""
    found: list[Suppression] = []
    wrong: list[Finding] = []
    open_: dict[str, Text] = {}
    for comment in document.comments:
        if not comment.text.lstrip().startswith("mttx-"):
            continue
        match = _COMMENT.fullmatch(comment.text)
        comment = _whole(document, comment)  # noqa: PLW2901 - only where to point
        complaint = _complaint(match)
        if match is None or complaint:
            wrong.append(at(c.SUPPRESSION, comment, complaint))
            continue
        ids = _ID.findall(match["ids"])
        if match["verb"] == "enable":
            found += _closed(open_, ids, comment.line)
        elif match["verb"] == "disable":
            open_ |= {rule_id: open_.get(rule_id, comment) for rule_id in ids}
        else:
            first, last = _lines(match["verb"], comment)
            found += [Suppression(rule_id, first, last, comment) for rule_id in ids]
    return [*found, *_closed(open_, list(open_), END)], wrong


def _whole(document: Document, comment: Text) -> Text:
    """Return the comment with its marks, as far as it stands on its first line."""
    line = document.lines[comment.line - 1]
    end = line.find("-->", comment.column - 1)
    return replace(comment, width=(end + 3 if end >= 0 else len(line)) - comment.column + 1)


def _complaint(match: re.Match[str] | None) -> str:
    """Say what is wrong with a comment, nothing where all is right."""
    if match is None:
        return "write mttx-disable-line PM603: reason (or disable-next-line, disable, enable, disable-file)"
    ids = _ID.findall(match["ids"])
    unknown = [i for i in ids if i not in c.BY_ID or c.BY_ID[i] in c.ALWAYS_ON]
    if unknown:
        return (
            f"{', '.join(unknown)} cannot be switched off"
            if unknown[0] in c.BY_ID
            else f"there is no rule {unknown[0]}"
        )
    if match["verb"] == "enable":
        return ""
    if not ids:
        return "name the rules, such as PM603"
    return "" if (match["reason"] or "").strip() else f"say why: mttx-{match['verb']} {ids[0]}: reason"


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
    """Close what `disable` opened; `enable` without ids closes all of it."""
    for rule_id in _known(open_, ids):
        location = open_.pop(rule_id)
        yield Suppression(rule_id, location.line, last, location)


def _known(open_: dict[str, Text], ids: Iterable[str]) -> list[str]:
    named = list(ids) or list(open_)
    return [rule_id for rule_id in named if rule_id in open_]
