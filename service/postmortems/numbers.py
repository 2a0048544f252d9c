"""Phone and card numbers."""

import re

from service.postmortems.detector import Detector, SensitiveKind


def _passes_luhn(match: re.Match[str]) -> bool:
    digits = [int(char) for char in match[1] if char.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [d * 2 - 9 * (d > 4) for d in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


# Counts and measurements: a key before the number, or a unit after it.
_MEASURE = re.compile(
    r"(?i)(?:nano(?:s|sec|seconds?)?|micro(?:s|sec|seconds?)?|(?<![a-z])[nuµ]s|(?<![a-z])ts|time(?:stamp)?|duration"
    r"|elapsed|latency|took|offset|seq|sequence|bytes|size|uptime|counter|total|zxid)"
    r"[\"'\\]{0,6}[ \t]{0,2}[:= ]?[ \t]{0,2}[\"'\\]{0,6}\Z"
)
_UNIT = re.compile(r"(?i)[ ]?(?:[nµu]s|nsec|nanos(?:econds)?|micros(?:econds)?|bytes)(?![a-z])")
_KEY_LENGTH = 40


def _is_card(match: re.Match[str]) -> bool:
    """Return whether it can be a card number; one in ten numbers of that length passes the checksum."""
    text, begin, end = match.string, match.start(1), match.end(1)
    is_measured = _MEASURE.search(text, max(begin - _KEY_LENGTH, 0), begin) or _UNIT.match(text, end)
    return _passes_luhn(match) and not is_measured


def _digits(text: str) -> int:
    return sum(map(str.isdigit, text))


def _is_japanese_phone(match: re.Match[str]) -> bool:
    return _digits(match[1]) in (10, 11)


def _is_international_phone(match: re.Match[str]) -> bool:
    return (
        9 <= _digits(match[1]) <= 15 and match[1].count(".") != 1
    )  # one point: a decimal number such as +1.2345678901


# Every phone or card number is in a run of these characters with nine digits; nothing else is searched.
DIGITS = re.compile(r"[0-9][0-9 ().ー-]{8,}")
ENOUGH = re.compile(r"(?:[0-9][ ().ー-]*){9}")
_APART = r"[ ー-]"
_ALONE = r"(?<![0-9A-Za-z/_.-])"
_OVER = r"(?![0-9A-Za-z_-]|\.[0-9])"
NUMBERS = (
    Detector(
        SensitiveKind.PERSONAL,
        "phone number",
        (),
        re.compile(
            rf"(?:{_ALONE}|(?<=[Tt][Ee][Ll]))(\(?0[1-9][0-9]{{0,3}}(?:\){_APART}?|{_APART}\(?|\()[0-9]{{1,4}}"
            rf"(?:\){_APART}?|{_APART})[0-9]{{3,4}}|0[5-9]0\.[0-9]{{4}}\.[0-9]{{4}}|0[5-9]0[0-9]{{8}}){_OVER}"
        ),
        _is_japanese_phone,
    ),
    Detector(
        SensitiveKind.PERSONAL,
        "phone number",
        (),
        re.compile(
            rf"(?<![0-9A-Za-z+])(\+[1-9][0-9]{{0,2}}(?:[ .-]?\(?[0-9]{{1,4}}\)?){{2,5}}"
            rf"|\([2-9][0-9]{{2}}\) ?[0-9]{{3}}-[0-9]{{4}}){_OVER}"
        ),
        _is_international_phone,
    ),
    Detector(
        SensitiveKind.PERSONAL,
        "card number",
        (),
        re.compile(
            rf"{_ALONE}((?=4|5[1-5]|2[2-7]|3[04-8]|6)(?:[0-9]{{13,19}}"
            r"|[0-9]{4}([ -])[0-9]{4}\2[0-9]{4}\2[0-9]{1,7}"
            rf"|[0-9]{{4}}([ -])[0-9]{{6}}\3[0-9]{{4,5}})){_OVER}"
        ),
        _is_card,
    ),
)
