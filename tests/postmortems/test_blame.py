"""Wording: what blames a person, and what only sounds like it."""

import pytest

from service.postmortems.blame import blaming

BLAMING = [
    "担当者の確認不足が原因",
    "田中さんが間違えた",
    "オペレーターのミスによる",
    "うっかり本番に流した",
    "人為ミス",
    "新人が忘れたため",
    "もっと早く気づくべきだったのに",
    "The operator forgot to run it",
    "This was human error.",
    "a careless change",
    "She should have known",
    "It was the reviewer's, i.e. their mistake",
    "the fault of the engineer",
    "An engineer accidentally deleted the volume",
    "Root cause: human error",
    "The release manager is to blame",
    "担当者が誤って本番のテーブルを削除した",
    "作業ミスによる停止",
]
FAIR = [
    "`git blame` and git blame show who wrote it in 2019",
    "the culprit was the payment pod",
    "Pod が犯人だった",
    "犯人探しはしない",
    "lazy lookups of the catalogue are slow",
    "a second review is there to prevent human error",
    "ヒューマンエラーを防ぐため、差分を表示する",
    "担当者が忘れないように通知する",
    "if the operator forgets to drain the node, the tool refuses",
    "## Human error",
    "[Why the operator forgot to run it](https://example.org/the-operator-forgot)",
    "their error budget is spent",
    "the load balancer is to blame",
    "高負荷のせいで応答が遅れた",
    "担当者は 06:52 に気づいた",
    "Blameless（非難しない）で書く",
    "we do not blame anybody",
    "the service failed to respond",
    "確認手順に欠陥があった",
    "ミスを許容する設計にする",
    "the operator restarted the pod",
    "faulty disk, error budget, mistake-proof design",
]


@pytest.mark.parametrize("text", BLAMING)
def test_it_reports_blame(text):
    assert list(blaming(text))


@pytest.mark.parametrize("text", FAIR)
def test_it_accepts_the_description_of_a_system(text):
    assert not list(blaming(text))
