"""The definition of done, as far as a document tells."""

import pytest

from service.domain.checks import Check, CheckState
from service.postmortems.done import judge
from service.postmortems.findings import FindingLevel
from service.postmortems.lint import failed, unreadable
from tests.postmortems.documents import DRAFT, FINAL, broken, context, document, edited, findings

UPDATED = frozenset({"Release-Notes.md", "Risk-Register.md", "ops/Runbooks.md"})


def states(text, **changes):
    return judge(document(text), context(**changes))


def test_it_passes_a_document_that_is_right():
    assert states(FINAL, changed=UPDATED) == {
        Check.EVIDENCE: CheckState.PASSED,
        Check.ACTIONS: CheckState.PASSED,
        Check.ISSUES: CheckState.PASSED,
        Check.DOCUMENTS: CheckState.PASSED,
        Check.ADR: CheckState.NOT_NEEDED,
    }


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (Check.EVIDENCE, edited("- トレース: evidence/INC-7/trace.json\n", "")),
        (Check.EVIDENCE, FINAL.split("## 8.")[0]),
        (Check.ACTIONS, edited("| Do | 2025-08-22", "| | 2025-08-22")),
        (Check.ACTIONS, edited("キャンセル条件の強化", "{対策}")),
        (Check.ACTIONS, FINAL.split("## 6.")[0]),
        (Check.ISSUES, edited("[A-02](https://git.example.com/issues/2)", "A-02")),
        (Check.ISSUES, FINAL.split("## 6.")[0]),
        (Check.DOCUMENTS, FINAL),
        (Check.ADR, edited("不要", "要")),
    ],
)
def test_it_fails_a_final_document_and_waits_for_a_draft(check, text):
    assert states(text, changed=frozenset({"x"}))[check] is CheckState.FAILED
    assert states(text.replace("Final", "Draft", 1), changed=frozenset({"x"}))[check] is CheckState.PENDING


def test_it_says_nothing_of_a_change_that_it_does_not_know():
    assert Check.DOCUMENTS not in states(FINAL)


def test_it_judges_a_draft_without_calling_it_wrong():
    text = edited("- トレース: evidence/INC-7/trace.json\n", "", DRAFT)
    assert broken(text) == []
    assert states(text)[Check.EVIDENCE] is CheckState.PENDING


def test_a_warning_fails_only_where_it_is_strict():
    reported = findings(edited("§4.2", "担当者のミスが原因"))
    assert [finding.level for finding in reported] == [FindingLevel.WARNING]
    assert (failed(reported, strict=False), failed(reported, strict=True)) == (False, True)
    assert failed([unreadable("not UTF-8")], strict=False)
    assert not failed([], strict=True)
