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
]
FAIR = [
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
def test_it_hears_blame(text):
    assert list(blaming(text))


@pytest.mark.parametrize("text", FAIR)
def test_it_hears_none_where_a_system_is_described(text):
    assert not list(blaming(text))
