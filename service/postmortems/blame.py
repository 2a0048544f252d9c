"""Wording that blames a person: a person as the subject of a fault (the standard, section 1, "Blameless").

Describing what a system did, what a process allowed, or how mistakes are prevented is not blame, whatever the words.
"""

import re
from collections.abc import Iterator

_PERSON = (
    r"(?:(?:the|an?|our|that|one of (?:the|our))\s+)?"
    r"(?:(?:on-?call|junior|senior|new|responsible|lead|devops|software|database|network|release)\s+)"
    r"{0,3}"
    r"(?:engineers?|operators?|developers?|admin(?:istrator)?s?|sysadmins?|sres?|dbas?|reviewers?|interns?|employees?"
    r"|colleagues?|contractors?|technicians?|deployers?|authors?|committers?|managers?|team members?"
    r"|responders?|maintainers?"
    r"|on-?call|someone|somebody|he|she)\b"
)
_FAULT = (
    r"(?:forgot|forgets|had forgotten|neglected|ignored|overlooked|failed to|messed up|screwed up|mistyped|misread"
    r"|(?:did|had)(?:n't| not) (?:even )?(?:bother|check|checked|follow|followed|verify|verified|test|tested|read"
    r"|pay attention)"
    r"|(?:had )?(?:accidentally|mistakenly|carelessly|inadvertently|wrongly|erroneously)\b"
    r"|made an? (?:\w+ )?(?:mistake|error)|(?:is|are|was|were) (?:too |simply )?(?:careless|negligent|lazy|sloppy"
    r"|stupid|to blame|at fault|guilty|the culprit|incompetent|responsible for (?:the|this) (?:outage|incident|mistake"
    r"|failure))"
    r"|(?:should|ought to) have (?:known|noticed|checked|reali[sz]ed|tested|verified|been more careful))"
)
_ENGLISH = (
    rf"\b{_PERSON}\s+(?:\w+ly\s+)?{_FAULT}",
    r"\b(?!it|this|that|which|who|nobody)(?-i:[A-Z][a-z]+)\s+(?:forgot to|neglected to|messed up|screwed up"
    r"|did(?:n't| not) bother|was careless)",
    r"\b(?:they|you) should have (?:known|noticed|checked|been more careful)",
    rf"\b(?:{_PERSON}['’]s?|his|her|someone's|somebody's|their)\s+(?:own )?(?:fault|mistake|error|negligence"
    rf"|carelessness)\b"
    r"(?!\s(?:rate|report|log|budget|message|code|track|handl|count|page))",
    rf"\b(?:fault|mistake|error|negligence|carelessness) (?:made )?(?:of|by|on the part of) {_PERSON}",
    rf"\b(?:lazy|sloppy|stupid|careless|incompetent) {_PERSON}",
    rf"\bblam(?:e|es|ed|ing) (?:lies with |falls on |rests with )?(?:{_PERSON}|him|her)",
    rf"\b(?:culprit|guilty (?:party|one|person)) (?:is|was) {_PERSON}",
    r"\b(?:caused by|due to|because of|result of|down to|attributed to|cause:?\**|was|is) (?:an? |simple "
    r"|plain |pure |just )*"
    r"(?:(?:human|operator) (?:error|mistake)s?|user mistakes?)\b",
    r"\b(?:careless(?:ly|ness)?|negligen(?:t|ce|tly)|incompeten(?:t|ce))\b",
)
_NAME = r"(?!お?客|患者|業者)[一-龥々ァ-ヶー]{1,6}(?:さん|氏|君|くん)"
_WHO = (
    r"(?:担当(?:者|エンジニア)?|作業者|作業員|オペレーター?|エンジニア"
    rf"|開発者|運用者|レビュアー?|管理者|新人|新入社員|本人|彼女?|{_NAME})"
)
_JAPANESE = (
    rf"{_WHO}の(?:せい|ミス|過失|落ち度|失態|怠り|怠慢|不注意|(?:判断|操作|作業|設定)ミス|(?:確認|知識|勉強"
    rf"|スキル|理解|注意)不足)",
    rf"{_WHO}の責任(?:だ|であ|によ|と考え)",
    rf"{_WHO}(?:が|は)[^。、\n]{{0,25}}?(?:間違え(?!な|ず|に)|誤っ[てた]|忘れ(?!な|ず|に)|見落と(?!さ|しに)"
    rf"|見逃し(?!に)|ミスを|ミスし|失敗し"
    r"|怠っ|確認しな|確認せず|放置し|悪い|悪かった|べきだった)",
    rf"(?:犯人|戦犯)は{_WHO}|{_WHO}[がは](?:犯人|戦犯)",
    r"(?:すべき|するべき|気[づ付]くべき)だったのに",
    r"うっかり|ケアレスミス|不注意(?=[でにがか])|怠慢|軽率|無責任|ずさんな(?:作業|対応|確認)",
    r"(?:人為(?:的)?|人的|ヒューマン|オペレーション|作業|操作)(?:ミス|エラー)(?=が原因|によ|のため|に起因|であ"
    r"|だっ|でし|です|[。）)]|\s*$)",
)
_BLAME = re.compile("|".join((*_ENGLISH, *_JAPANESE)), re.IGNORECASE)
_NO_BLAME = re.compile(
    r"blame-?less|\b(?:no|not|without|never|n't|nobody|rather than|instead of)\b[^.]{0,30}$|\bn't \w*\s*$"
    r"|\b(?:prevent|avoid|protect|guard|reduc|toler|catch|if|even if|in case|unless|so that)\w*\b[^.]{0,60}$",
    re.IGNORECASE,
)
_PREVENTION = re.compile(
    "防[ぐぎげご止]|避け|ないよう|なくす|減ら|許容|責めない|責めず|(?:犯人|戦犯)(?:探|捜)し|非難し(?:ない|ず)|場合|しても|ても|前提|ではなく|でなく"
    "|せいにし(?:ない|ていない|ません)|せいではな|検出でき|気[づ付]け"
)
_LINK = re.compile(r"\[[^\[\]]{0,300}\]\([^()\s]{0,2000}(?:\s[^()]{0,200})?\)|https?://\S+")
_SENTENCE_END = re.compile(r"[。．！？]|[.!?](?=\s|$)|\|")
NEAR = 80
"""How many characters around an expression are searched for signs that it is about preventing mistakes."""


def blaming(line: str) -> Iterator[re.Match[str]]:
    """Yield wording that blames a person. Ignores headings, links, and sentences about preventing mistakes."""
    if re.match(r" {0,3}#", line):
        return
    text = _LINK.sub(lambda match: " " * len(match[0]), line)
    begin = 0
    for stop in (*_SENTENCE_END.finditer(text), None):
        end = stop.end() if stop else len(text)
        yield from _in_sentence(text, begin, end)
        begin = end


def _in_sentence(text: str, begin: int, end: int) -> Iterator[re.Match[str]]:
    for match in _BLAME.finditer(text, begin, end):
        excused = _NO_BLAME.search(text, max(begin, match.start() - NEAR), match.start())
        if not excused and not _PREVENTION.search(text, match.start(), min(end, match.end() + NEAR)):
            yield match
