"""Wording that blames a person instead of describing a system (the standard, section 1, "Blameless")."""

import re
from collections.abc import Iterator

_WHO = (
    "担当者?|作業者|作業員|オペレーター?|エンジニア|開発者|運用者|レビュアー?|新人|本人|彼女?"
    "|[^\\s、。「」（）]{1,12}(?:さん|氏|君|くん)"
)
_JAPANESE = (
    r"うっかり|ケアレスミス|不注意|怠慢|怠った|怠って|不真面目|無責任|ずさんな|いい加減な|軽率|初歩的なミス|人為ミス|人的ミス|犯人|戦犯"
    rf"|(?:{_WHO})(?:の(?:せい|ミス|過失|責任|落ち度|失態|怠り|判断ミス|確認不足|知識不足|勉強不足|スキル不足)"
    r"|が(?:悪い|悪かった|悪く|間違え|忘れ|見落と|ミスを|失敗した|確認しなかった))"
    r"|(?:すべき|するべき|気[づず]くべき|確認すべき)だったのに"
)
_ENGLISH = (
    r"\b(?:careless(?:ly|ness)?|negligen(?:t|ce|tly)|incompeten(?:t|ce)|sloppy|sloppiness|stupid(?:ly|ity)?|lazy|laziness"
    r"|human error|operator error|user error|user mistake|blame[ds]?|blaming|culprit|guilty"
    r"|(?:should|ought to) have (?:known|noticed|checked|realized|realised|been more careful)"
    r"|(?:his|her|their|someone's|somebody's) (?:fault|mistake|error)"
    r"|(?:fault|mistake) of (?:the )?(?:operator|engineer|developer|on-call|reviewer|intern)"
    r"|(?:the )?(?:operator|engineer|developer|on-call|reviewer|intern)"
    r" (?:forgot|ignored|neglected|did not bother|messed up))\b"
)
_BLAME = re.compile(f"{_JAPANESE}|{_ENGLISH}", re.IGNORECASE)
_WHAT_WE_DO_NOT_DO = re.compile(
    r"blame-?less|no[- ]blame|without blam|not (?:to )?blam|n't blam|非難しない|責めない|のせいにしない", re.IGNORECASE
)


def blaming(line: str) -> Iterator[re.Match[str]]:
    """Find what blames somebody. A line that says that nobody is blamed is none."""
    if _WHAT_WE_DO_NOT_DO.search(line):
        return iter(())
    return _BLAME.finditer(line)
