"""The topics of timeline entries, by the words that teams use in Japanese and English."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache


class Topic(StrEnum):
    """A topic of a timeline entry (the standard, section 5)."""

    DETECTION = "detection"
    MITIGATION = "mitigation"
    RECOVERY = "recovery"
    DRAFT = "draft"
    FINAL = "final"


_WORDS: Mapping[Topic, str] = {
    Topic.DETECTION: r"""
        検知 検出 覚知 発覚 発報 発見 判明 通報 申告 鳴動 気[づ付] (?:障害|異常|エラー)を確認
        問い?合わ?せ(?:を受|が) 報告(?:を受|が(?:あ|入|届)) 呼び?出し(?:を受|が)
        (?:アラート|警報|監視)(?:が|を|の)?(?:通知|発生|発火|受信|鳴) detect discover notic(?:e[ds]?|ing)\b
        report(?:s|ed|ing)?\b warnings?\b identif (?:became|made)\saware spotted observ(?:e[ds]?|ing)\b complain
        (?:support|customer)\sticket alerted\b paged\b on-?call\s(?:was\s|is\s|were\s)?(?:notified|called)
        (?:alert|alarm|page)s?\b.{0,40}\b(?:fire|firing|trigger|receiv|rais|page|went\soff|start|com(?:es|ing)?\sin|sent|notif)
        (?:fired?|firing|trigger\w*|receiv\w*|got|first|automated|multiple|an|new)\b.{0,30}\b(?:alert|alarm|page)s?\b
        alert(?:s|ing)?\s*[:：—–-] notified\b informed\b witness pager\b page\sto\b page\sfor\b
        (?:goes|went|turn(?:s|ed)?)\s(?:red|off)\b tickets?\sfrom\b
        (?:customers?|clients?|users?|partners?)\s(?:\w+\s)?(?:writes?|wrote|calls?|called|asks?|asked|says?|said|contact|raise)
        連絡(?:を受|が|$) と連絡 からの?(?:連絡|電話|通知|指摘) を?通知(?!先|設定) から電話 見つ[かけ]
        アラート[^。]{0,20}(?:上が|鳴|飛|届|受)
        """,
    Topic.MITIGATION: r"""
        抑制 緩和 封じ込め 暫定 止血 切り?戻 差し?戻 巻き?戻 ロールバック フェ[イー]ル?オーバ 切り?離 切り?替え
        迂回 遮断 隔離 回避策 無効化 スケール(?:アウト|アップ) 増強 増設 再起動 を停止 流量制限 バイパス mitigat
        contain(?!er) work-?around roll(?:ed|ing|s)?[\s-]?back revert drain(?:ed|ing) fail(?:ed|ing|s)?[\s-]?over
        scal(?:ed|ing)\s(?:up|out|down) throttl isolat quarantin re-?rout disabl(?:ed|ing)\b block(?:ed|ing)\b
        switch(?:ed|ing)\s(?:to|over|off)\b re(?:start|boot)(?:ed|ing)\b hot-?fix bypass shed(?:ding)?\sload
        paused\b (?:taken|took|moved|pulled|removed)\s(?:\S+\s){0,4}(?:out|away|from|off)\b
        (?:turned|switched)\s(?:\S+\s){0,3}off\b turned\soff\b set\sto\s(?:zero|0)\b scal(?:ed|ing)\s(?:from|to)\b
        (?:increas|rais)ed\s(?:\S+\s){0,3}(?:limit|capacity|memory|replica|quota) roll(?:ed)?[\s-]over
        appl(?:ied|y)\s(?:\S+\s){0,2}(?:fix|patch) quick\sfix fix\s(?:applied|deployed|released|rolled\sout)
        downgraded\b terminated\b added\s(?:\S+\s){0,3}(?:capacity|nodes?|instances?|replicas?) cordon
        evict(?:ed|ing) (?:stopped|killed|deleted)\b へ戻し に戻し を戻し 除外 を寄せ を?保留 退避 を止め をオフ
        を?(?:OFF|off)に 削除し temporar(?:y|ily) stop(?:ped)?\sthe\sbleeding kill-?switch
        """,
    Topic.RECOVERY: r"""
        元に戻 通常の?(?:水準|状態|レベル|値) 正常(?:を|に|性|であ|稼働|復帰|値) クローズ がそろ 整合性を確認
        完全に完了 succe(?:ss|ed) (?:at|to)\s(?:its|their|the|a)?\s?(?:usual|normal) back\sin\sservice\b
        (?:is|are|was|were)\s(?:correct|gone|green)\b (?:gone|cleared|zero|normal|green|stable)[.\s|]*$ solved\b
        back\s(?:in\s)?operation resumed\b fix\s(?:works|worked) stabili[sz]ed closed\b again[.\s|]*$
        (?:works?|working)\s(?:for|as|fine|normally|correctly) 復旧 回復 復帰 正常化 正常に(?:戻|稼働|動作)
        平常(?:化|に) 解消 収束 終息 解決 recover resolv(?:ed|es)\b restor(?:ed|es|ing)\b
        back\s(?:to\snormal|up|online)\b normali[sz]ed\b fixed\b operational\b confirmed\sworking running\sagain
        (?:works?|working)\sagain as\sexpected now\s(?:fine|ok|good)\b work(?:s|ing)\sagain all[\s-]clear
        healthy\sagain (?:fully|services?|systems?)\s(?:operational|healthy)
        (?:incident|outage)\s(?:is\s|was\s)?(?:over|closed|ended)
        end(?:s|ed)?\sof\s(?:the\s)?(?:incident|outage|impact)
        """,
    Topic.DRAFT: "草案 draft",
    Topic.FINAL: r"確定 final(?:i[sz]ed)?(?![A-Za-z])",
}
"""Patterns, separated by spaces; one that starts with an ASCII character matches only at the start of a word."""
EXAMPLES: Mapping[Topic, tuple[str, str]] = {
    Topic.DETECTION: ("検知", "Detected"),
    Topic.MITIGATION: ("抑制", "Mitigated"),
    Topic.RECOVERY: ("復旧", "Recovered"),
}
"""The topics that every timeline must have, with words that start an entry about them."""


def topics_of(text: str, own_words: Mapping[Topic, tuple[str, ...]]) -> frozenset[Topic]:
    """Return the topics of a text; `own_words` are used in addition to the built-in words."""
    return frozenset(topic for topic in Topic if _pattern(topic, own_words.get(topic, ())).search(text))


@cache
def _pattern(topic: Topic, own_words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(_fragments(topic, own_words)), re.IGNORECASE)


def _fragments(topic: Topic, own_words: tuple[str, ...]) -> Iterator[str]:
    for fragment in (*_WORDS[topic].split(), *map(re.escape, own_words)):
        begins_word = fragment.lstrip("(?:")[:1].isascii()
        yield rf"(?<![A-Za-z0-9])(?:{fragment})" if begins_word else fragment
