"""Findings as text for people, JSON for scripts, annotations for GitHub, and SARIF for code scanning."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from service.postmortems.catalogue import BY_ID, RULES
from service.postmortems.findings import Finding, FindingLevel
from service.printable import printable, printable_json

LONGEST_SHOWN = 160
HELP = "https://github.com/mttx-exporter/mttx-exporter/blob/main/docs/lint/{}.md"
FindingsByPath = Mapping[str, Sequence[Finding]]
"""Findings by file path."""


def as_text(path: str, finding: Finding, line: str) -> str:
    """Format a finding with its line and carets below the text concerned; wide characters count as two columns."""
    location = f"{path}:{finding.line}:{finding.column}: {finding.level} {finding.rule_id}"
    head = f"{printable(location)}: {printable(finding.message, lines=True)}"
    start = max(0, finding.column - 1 - LONGEST_SHOWN // 2)
    shown = printable(line[start : start + LONGEST_SHOWN])
    if not shown.strip():
        return head
    indent = _width(shown[: finding.column - 1 - start])
    carets = max(1, _width(shown[finding.column - 1 - start : finding.end_column - 1 - start]))
    return f"{head}\n    {shown}\n    {' ' * indent}{'^' * carets}"


def as_json(findings: FindingsByPath) -> str:
    """Format all findings as one JSON document."""
    entries = [
        {
            "path": path,
            "line": finding.line,
            "column": finding.column,
            "end_column": finding.end_column,
            "rule": finding.rule_id,
            "level": finding.level.value,
            "title": BY_ID[finding.rule_id].title,
            "message": finding.message,
        }
        for path, of_file in findings.items()
        for finding in of_file
    ]
    return printable_json({"findings": entries}, indent=2)


def as_github(path: str, finding: Finding) -> str:
    """Format a finding as a workflow command of GitHub Actions, which shows it next to the line."""
    columns = {"line": finding.line, "endLine": finding.line, "col": finding.column, "endColumn": finding.end_column}
    location = {"file": path, **columns, "title": finding.rule_id}
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in location.items())
    return f"::{finding.level.value} {properties}::{_data(finding.message)}"


def as_sarif(findings: FindingsByPath, version: str) -> str:
    """Format all findings as SARIF 2.1.0 (OASIS); columns are counted in characters, as everywhere here."""
    results = [_result(path, finding) for path, of_file in findings.items() for finding in of_file]
    driver = {
        "name": "mttx postmortem lint",
        "version": version,
        "rules": [
            {
                "id": rule.id,
                "shortDescription": {"text": rule.title},
                "helpUri": HELP.format(rule.id),
                "defaultConfiguration": {"level": rule.level.value},
            }
            for rule in RULES
        ],
    }
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    sarif = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return printable_json(sarif, indent=2)


def summary(findings: FindingsByPath) -> str:
    """Format the number of documents, errors and warnings."""
    counts = {level: sum(f.level is level for of_file in findings.values() for f in of_file) for level in FindingLevel}
    totals = (_number(counts[FindingLevel.ERROR], "error"), _number(counts[FindingLevel.WARNING], "warning"))
    return f"{_number(len(findings), 'document')}: {', '.join(totals)}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _result(path: str, finding: Finding) -> dict[str, Any]:
    region = {"startLine": finding.line, "startColumn": finding.column, "endColumn": finding.end_column}
    return {
        "ruleId": finding.rule_id,
        "ruleIndex": RULES.index(BY_ID[finding.rule_id]),
        "level": finding.level.value,
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": path}, "region": region}}],
    }


def _width(text: str) -> int:
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
