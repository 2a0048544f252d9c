"""What must not be in a document or in evidence: secrets and personal data (the standard, section 10).

Takes time in proportion to the length of the text. Knows nothing of Markdown, so that evidence can use it as well.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Why it must not be there."""

    SECRET = "secret"  # noqa: S105 - the word, not one
    PERSONAL = "personal data"


@dataclass(frozen=True, slots=True)
class Sensitive:
    """Something sensitive in a text, from `start` up to `end`, counted from 0; `name` says what it looks like."""

    kind: Kind
    name: str
    start: int
    end: int


def _anything(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Detector:
    """A pattern whose group 1 is what is sensitive. `hints`: one of them is in every text that can match."""

    kind: Kind
    name: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    holds: Callable[[str], bool] = _anything


# What stands where a secret was: nothing is told by it.
_HARMLESS = re.compile(
    r"[*xX•●.\-_]+|<.*>?|\$.*|\{.*|%.*|\[.*|\*{2,}.*|.*\*{3,}|(?i:true|false|null|none|nil|redacted|masked|hidden|changeme"
    r"|example|secret|password|token|your[-_].*|test|dummy|placeholder|xxx+.*|伏字.*|マスク.*|省略.*)"
)


def _is_real(value: str) -> bool:
    return _HARMLESS.fullmatch(value) is None


def _looks_secret(value: str) -> bool:
    """Tell `password: hunter22` from `password: rotated`: words of prose have no digits and no capitals inside."""
    return _is_real(value) and any(char.isdigit() or char in "!@#$%^&*+=?" or char.isupper() for char in value[1:])


def _looks_random(value: str) -> bool:
    return _is_real(value) and any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def _is_nobodys(address: str) -> bool:
    """Say whether a mail address can be a person's; some names are set aside for examples (RFC 2606)."""
    local, _, domain = address.casefold().rpartition("@")
    reserved = re.fullmatch(r"(?:.*\.)?(?:example\.(?:com|net|org)|example|invalid|test|localhost|local)", domain)
    return not reserved and local not in ("git", "noreply", "no-reply")


def _passes_luhn(number: str) -> bool:
    digits = [int(char) for char in number if char.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [d * 2 - 9 * (d > 4) for d in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def _is_japanese_phone(number: str) -> bool:
    digits = [char for char in number if char.isdigit()]
    return len(digits) in (10, 11)


def _is_international_phone(number: str) -> bool:
    return 9 <= sum(char.isdigit() for char in number) <= 15


PRIVATE_KEY = "private key"
_KEY_END = re.compile(r"-----END [A-Z ]{0,30}PRIVATE KEY-----")
_WORD = r"(?<![A-Za-z0-9_])"
_NAMED = (
    ("AWS access key", ("AKIA", "ASIA"), r"(A[KS]IA[A-Z0-9]{16})(?![A-Z0-9])"),
    ("GitHub token", ("gh", "github_pat_"), r"((?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{20,255})"),
    ("GitLab token", ("glpat-", "glrt-"), r"(gl(?:pat|rt)-[A-Za-z0-9_-]{16,128})"),
    ("Slack token", ("xox",), r"(xox[abeoprs]-[A-Za-z0-9-]{10,250})"),
    ("Slack webhook", ("hooks.slack.com",), r"(hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/]{20,120})"),
    ("Google API key", ("AIza",), r"(AIza[A-Za-z0-9_-]{35})"),
    ("Stripe key", ("_live_", "_test_"), r"([rs]k_(?:live|test)_[A-Za-z0-9]{16,200})"),
    ("Grafana token", ("glsa_", "glc_"), r"((?:glsa|glc)_[A-Za-z0-9_+/=]{20,400})"),
    ("npm token", ("npm_",), r"(npm_[A-Za-z0-9]{36})"),
    ("PyPI token", ("pypi-",), r"(pypi-[A-Za-z0-9_-]{40,400})"),
    ("OpenAI-style key", ("sk-",), r"(sk-[A-Za-z0-9_-]{32,250})"),
    ("JSON web token", ("eyJ",), r"(eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,2000})"),
)
_DETECTORS: tuple[_Detector, ...] = (
    *(_Detector(Kind.SECRET, name, hints, re.compile(_WORD + pattern)) for name, hints, pattern in _NAMED),
    _Detector(Kind.SECRET, PRIVATE_KEY, ("PRIVATE KEY",), re.compile(r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)")),
    _Detector(
        Kind.SECRET,
        "password in a connection string",
        ("://",),
        re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,30}://[^\s:/@]{0,100}:([^\s:/@]{1,200})@[^\s/@]"),
        _is_real,
    ),
    _Detector(
        Kind.SECRET,
        "password or key",
        ("pwd", "Pwd", "PWD", "assword", "ASSWORD"),
        re.compile(r"(?i)(?:;|\b)(?:pwd|password)=([^;\s\"'&|]{4,200})"),
        _is_real,
    ),
    _Detector(
        Kind.SECRET,
        "credentials of an HTTP request",
        ("earer", "asic", "EARER", "ASIC"),
        re.compile(
            r"(?i)\b(?:bearer|authorization:[ \t]{0,3}basic)[ \t]{1,3}([A-Za-z0-9._~+/-]{12,2000}={0,2})(?![\w-])"
        ),
        _is_real,
    ),
    _Detector(
        Kind.SECRET,
        "password or key",
        ("=", ":"),
        re.compile(
            r"(?i)(?:passw(?:or)?d|passphrase|secret(?:[_-]?(?:access[_-]?)?key)?|api[_-]?key|access[_-]?key|private[_-]?key"
            r"|auth[_-]?token|access[_-]?token|[a-z0-9]_token|パスワード|暗証番号|秘密鍵)"
            r"[\"'`]?[ \t]{0,3}(?:=>|:=|[:=])[ \t]{0,3}[\"'`]?([!#-&*-+\--:<-_a-{}~]{6,500})"
        ),
        _looks_secret,
    ),
    _Detector(
        Kind.SECRET,
        "token",
        ("oken", "OKEN"),
        re.compile(r"(?i)(?<![A-Za-z])token[\"'`]?[ \t]{0,3}[:=][ \t]{0,3}[\"'`]?([A-Za-z0-9._~+/=-]{16,500})"),
        _looks_random,
    ),
    _Detector(
        Kind.PERSONAL,
        "mail address",
        ("@",),
        re.compile(
            r"(?<![A-Za-z0-9._%+-])([A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24})"
            r"(?![A-Za-z0-9-])"
        ),
        _is_nobodys,
    ),
    _Detector(
        Kind.PERSONAL,
        "phone number",
        ("0",),
        re.compile(r"(?<![0-9A-Za-z/_.-])(\(?0[0-9]{1,4}\)?[- ][0-9]{1,4}[- ][0-9]{3,4})(?![0-9A-Za-z_-])"),
        _is_japanese_phone,
    ),
    _Detector(
        Kind.PERSONAL,
        "phone number",
        ("090", "080", "070", "050"),
        re.compile(r"(?<![0-9A-Za-z/_.-])(0[5789]0[0-9]{8})(?![0-9A-Za-z_.-])"),
    ),
    _Detector(
        Kind.PERSONAL,
        "phone number",
        ("+",),
        re.compile(r"(?<![0-9A-Za-z+])(\+[1-9][0-9]{0,2}(?:[ .-]?\(?[0-9]{1,4}\)?){2,5})(?![0-9A-Za-z])"),
        _is_international_phone,
    ),
    _Detector(
        Kind.PERSONAL,
        "card number",
        ("3", "4", "5", "6"),
        re.compile(
            r"(?<![0-9A-Za-z._-])((?:4[0-9]{3}|5[1-5][0-9]{2}|2[2-7][0-9]{2}|3[4-8][0-9]{2}|6[0-9]{3})"
            r"(?:[ -]?[0-9]){9,15})(?![0-9A-Za-z_-])"
        ),
        _passes_luhn,
    ),
)
# Full-width letters, digits and signs as the ASCII ones that they stand for, one for one.
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0x2010: 0x2D, 0x2212: 0x2D}


def find_sensitive(text: str) -> list[Sensitive]:
    """Return what is sensitive in a text, in order and without overlaps; of two at the same place the more specific."""
    narrow = text.translate(_NARROW)
    found = [
        Sensitive(detector.kind, detector.name, match.start(1), match.end(1))
        for detector in _DETECTORS
        if any(hint in narrow for hint in detector.hints)
        for match in detector.pattern.finditer(narrow)
        if detector.holds(match[1])
    ]
    found.sort(key=lambda one: one.start)  # stable: the specific detectors come first
    apart: list[Sensitive] = []
    for one in found:
        if not apart or one.start >= apart[-1].end:
            apart.append(one)
    return apart


def redact(text: str) -> tuple[str, Counter[str]]:
    """Return a text with everything sensitive replaced by what it was, and how often each of them was there.

    Of a private key everything up to its last line is taken out, and all that follows where it has none.
    """
    counted: Counter[str] = Counter()
    kept: list[str] = []
    at = 0
    for one in find_sensitive(text):
        if one.start < at:
            continue
        counted[one.name] += 1
        kept += [text[at : one.start], f"[{one.name} removed]"]
        at = _end_of_key(text, one.end) if one.name == PRIVATE_KEY else one.end
    return "".join([*kept, text[at:]]), counted


def _end_of_key(text: str, after: int) -> int:
    match = _KEY_END.search(text, after)
    return match.end() if match else len(text)
