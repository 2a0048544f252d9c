"""What secrets and personal data look like, each with the letters that every one of them has: these are looked for
first, because patterns are slow. Every pattern is bounded, so that the time grows with the text and no faster.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Why it must not be there."""

    SECRET = "secret"  # noqa: S105 - the word, not one
    PERSONAL = "personal data"


def _anything(_: re.Match[str]) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Detector:
    """A pattern whose last group is what is sensitive.

    It begins at one of its `anchors`, or up to `back` characters before; `folded`: these are in lower case, and are
    found in whatever case the text has them.
    """

    kind: Kind
    name: str
    anchors: tuple[str, ...]
    pattern: re.Pattern[str]
    holds: Callable[[re.Match[str]], bool] = _anything
    folded: bool = True
    back: int = 0


# What stands where a secret was, or would stand: nothing is told by it.
_HARMLESS = re.compile(
    r"[*xX•●.\-_]+|<.*>?|\$[A-Z_][A-Z0-9_]*|\$[{(].*|\$\w+\$?|\{.*|%.*|\[.*|\*{2,}.*|.*\*{3,}|(?i:true|false|null|none|nil"
    r"|redacted|masked|hidden|changeme|example|secret|password|token|your[-_].*|test|dummy|placeholder|xxx+.*|伏字.*|マスク.*"
    r"|省略.*)"
)
_SHELL_NAME = re.compile(r"\$[a-z]+[0-9!@#%^&*]")
_WORDS = frozenset(
    {"required", "missing", "invalid", "incorrect", "wrong", "rotated", "expired", "unset", "empty", "string", "text"}
    | {"changed", "reset", "failed", "optional", "yes", "bytes", "object", "undefined", "unknown", "file", "prompt"}
)


def _is_real(value: str) -> bool:
    return _HARMLESS.fullmatch(value) is None or _SHELL_NAME.match(value) is not None


def _looks_secret(value: str) -> bool:
    """Tell `password: hunter22` from `password: rotated`: words of prose have no digits and no capitals inside."""
    return _is_real(value) and any(char.isdigit() or char in "!@#$%^&*+=?" or char.isupper() for char in value[1:])


def _looks_random(value: str) -> bool:
    return _is_real(value) and any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def _value(match: re.Match[str]) -> str:
    return match[match.lastindex or 0]


def _holds_real(match: re.Match[str]) -> bool:
    return _is_real(_value(match))


def _holds_secret(match: re.Match[str]) -> bool:
    return _looks_secret(_value(match))


def _holds_random(match: re.Match[str]) -> bool:
    return _looks_random(_value(match))


def _holds_password(match: re.Match[str]) -> bool:
    """Take any word for a password where only a value can stand: in quotes, or after `=` without a space."""
    value = _value(match)
    before = match.string[match.start(match.lastindex or 0) - 1]
    told = before in "\"'=>" and len(value) >= 4 and _is_real(value) and value.casefold() not in _WORDS
    return told or _looks_secret(value)


def _holds_credentials(match: re.Match[str]) -> bool:
    """Take whatever a request sends for a secret where its header is named, else only what is no word."""
    named = "authorization" in match[0].casefold()
    schemed = re.search(r"(?i)(?:bearer|basic|token|digest|negotiate|apikey)[ \t]", match[0]) is not None
    return _holds_real(match) if named and schemed else _holds_random(match) or (schemed and _holds_secret(match))


def _holds_user(match: re.Match[str]) -> bool:
    """Tell `-u admin:hunter22` from `-u 1000:1000`."""
    return _is_real(_value(match)) and not _value(match).isdigit()


_FILES = frozenset(
    {"png", "jpg", "jpeg", "gif", "svg", "webp", "service", "socket", "timer", "mount", "py", "js", "ts", "json"}
    | {"yml", "yaml", "md", "log", "txt"}
)


def _is_somebodys(match: re.Match[str]) -> bool:
    """Say whether a mail address can be a person's; some names are set aside for examples (RFC 2606)."""
    local, _, domain = re.sub("%40", "@", match[1]).casefold().rpartition("@")
    reserved = re.fullmatch(r"(?:.*\.)?(?:example\.(?:com|net|org)|example|invalid|test|localhost|local)", domain)
    nobody = local in ("git", "noreply", "no-reply") or domain.rpartition(".")[2] in _FILES
    return not reserved and not nobody


def _passes_luhn(match: re.Match[str]) -> bool:
    digits = [int(char) for char in match[1] if char.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [d * 2 - 9 * (d > 4) for d in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def _digits(text: str) -> int:
    return sum(map(str.isdigit, text))


def _is_japanese_phone(match: re.Match[str]) -> bool:
    return _digits(match[1]) in (10, 11)


def _is_international_phone(match: re.Match[str]) -> bool:
    return 9 <= _digits(match[1]) <= 15 and match[1].count(".") != 1  # one point: a number such as +1.2345678901


def _is_told_phone(match: re.Match[str]) -> bool:
    return 9 <= _digits(_value(match)) <= 15


# --- by their shape -------------------------------------------------------------------------------------------------

PRIVATE_KEY = "private key"
KEY_END = re.compile(r"-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----|Private-MAC: [0-9a-f]{8,128}")
_WORD = r"(?<![A-Za-z0-9_])"
_BASE = "[A-Za-z0-9_-]"
_NAMED = (
    ("AWS access key", ("AKIA", "ASIA"), r"(A[KS]IA[A-Z0-9]{16})(?![A-Z0-9])"),
    ("GitHub token", ("gh", "github_pat_"), r"((?:gh[pousr]|github_pat)_\w{20,255})"),
    ("GitLab token", ("gl",), rf"(gl(?:pat|rt|dt|ptt|cbt|ft|agent)-{_BASE}{{16,128}})"),
    ("Slack token", ("xox", "xapp-"), r"((?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,250})"),
    ("Slack webhook", ("hooks.slack.com",), r"(hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/]{20,120})"),
    ("Google API key", ("AIza",), rf"(AIza{_BASE}{{35}})"),
    ("Google token", ("ya29.",), rf"(ya29\.{_BASE}{{20,2000}})"),
    ("Google client secret", ("GOCSPX-",), rf"(GOCSPX-{_BASE}{{20,100}})"),
    ("Stripe key", ("whsec_",), r"(whsec_[A-Za-z0-9+/=]{16,200})"),
    ("Grafana token", ("glsa_", "glc_"), r"((?:glsa|glc)_[A-Za-z0-9_+/=]{20,400})"),
    ("npm token", ("npm_",), r"(npm_[A-Za-z0-9]{36})"),
    ("PyPI token", ("pypi-",), rf"(pypi-{_BASE}{{40,400}})"),
    ("SendGrid key", ("SG.",), rf"(SG\.{_BASE}{{16,64}}\.{_BASE}{{16,128}})"),
    ("Hugging Face token", ("hf_",), r"(hf_[A-Za-z0-9]{30,100})"),
    ("DigitalOcean token", ("do",), r"(do[opr]_v1_[a-f0-9]{64})"),
    ("Vault token", ("hv",), rf"(hv[sbr]\.{_BASE}{{20,300}})"),
    ("age key", ("AGE-SECRET-KEY-1",), r"(AGE-SECRET-KEY-1[A-Z0-9]{50,70})"),
    ("OpenAI-style key", ("sk-",), rf"(sk-{_BASE}{{32,250}})"),
    (
        "JSON web token",
        ("eyJ",),
        rf"(eyJ{_BASE}{{8,2000}}\.(?:eyJ{_BASE}{{8,4000}}|{_BASE}{{0,1000}})\.{_BASE}{{8,4000}}"
        rf"(?:\.{_BASE}{{8,8000}}\.{_BASE}{{8,100}})?)",
    ),
    ("private key in base64", ("LS0tLS1CRUdJTiB",), r"(LS0tLS1CRUdJTiB(?!QVUJM|DRVJU)[A-Za-z0-9+/]{20,8000}={0,2})"),
)
_SHAPES = (
    *(Detector(Kind.SECRET, name, at, re.compile(_WORD + pattern), folded=False) for name, at, pattern in _NAMED),
    Detector(
        Kind.SECRET,
        "Stripe key",
        ("_live_", "_test_"),
        re.compile(_WORD + r"([rs]k_(?:live|test)_[A-Za-z0-9]{16,200})"),
        folded=False,
        back=2,
    ),
    Detector(
        Kind.SECRET,
        PRIVATE_KEY,
        ("-----BEGIN ", "Private-Lines: "),
        re.compile(r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----|Private-Lines: [0-9]{1,3})"),
        folded=False,
    ),
)

# --- by what stands beside them -------------------------------------------------------------------------------------

# Between a name and its value, as it is in YAML, JSON, JSON inside of JSON, shells, URLs, and XML.
_GIVES = r"[\\\"'`]{0,9}[ \t]{0,3}(?:=>|:=|[:=>]|%3[ADad])[ \t]{0,3}\[?"
_ESCAPED = r"\\{1,7}[\"']([^\"'\\\n]{%d,500})"
_QUOTED = r"\"((?:[^\"\\\n]|\\.){%d,500})(?=\")|'((?:[^'\\\n]|\\.){%d,500})(?=')"
_BARE = r"[\"'`]?((?:(?!&[\w.-]{1,40}=)[!#-&*-+\--:=?-\[\]-_a-{}~]){%d,500})"


def _given(least: int) -> str:
    """Return the pattern of a value: in quotes whatever stands between them, else up to the next space or sign."""
    return f"{_GIVES}(?:{_ESCAPED % least}|{_QUOTED % (least, least)}|{_BARE % least})"


_BESIDE = (
    Detector(
        Kind.SECRET,
        "password in a connection string",
        ("://",),
        re.compile(r"(?<=[A-Za-z0-9+.-])://[^\s:/@\"'<>\\]{0,100}:([^\s/@?#\"'<>\\`]{1,200})@[^\s/@]"),
        _holds_real,
    ),
    Detector(
        Kind.SECRET,
        "password in a connection string",
        ("jdbc:oracle:",),
        re.compile(r"(?i)jdbc:oracle:[a-z0-9]{1,10}:[^\s/@:]{1,100}/([^\s/@]{1,200})@"),
        _holds_real,
    ),
    Detector(
        Kind.SECRET,
        "credentials of an HTTP request",
        ("authorization",),
        re.compile(
            r"(?i)authorization[\\\"'`]{0,9}[ \t]{0,3}[:=,][ \t]{0,3}[\[\\\"'`]{0,9}"
            r"(?:(?:bearer|basic|token|digest|negotiate|apikey)[ \t]{1,3})?([A-Za-z0-9._~+/-]{12,4000}={0,2})(?![\w-])"
        ),
        _holds_credentials,
    ),
    Detector(
        Kind.SECRET,
        "credentials of an HTTP request",
        ("bearer",),
        re.compile(r"(?i)(?<![A-Za-z0-9_])bearer[ \t]{1,3}([A-Za-z0-9._~+/-]{12,4000}={0,2})(?![\w-])"),
        _holds_secret,
    ),
    Detector(
        Kind.SECRET,
        "password or key",
        ("passw", "passphrase", "pwd", "_pass", "-pass", ".pass"),
        re.compile(rf"(?i)(?:passw(?:or)?d|passphrase|pwd|[_.-]pass){_given(3)}"),
        _holds_password,
    ),
    Detector(
        Kind.SECRET,
        "password or key",
        ("パスワード", "暗証番号", "秘密鍵"),
        re.compile(r"(?:パスワード|暗証番号|秘密鍵)(?:[ \t:=「『\"'`]|は){1,4}([!#-&*-+\--:<-_a-{}~]{4,500})"),
        _holds_secret,
    ),
    Detector(
        Kind.SECRET,
        "password or key",
        ("password",),
        re.compile(r"(?i)password\\{0,3}[\"'][ \t]{1,3}value=\\{0,3}[\"']([^\"'\\]{1,200})"),
        _holds_real,
    ),
    Detector(
        Kind.SECRET,
        "password or key",
        ("--pass", "--token", "--api", "--secret", "--access", "--auth"),
        re.compile(
            r"(?i)(?<![\w-])--(?:password|passwd|pass|passphrase|token|api-?key|secret|secret-key|access-key|access-token"
            r"|auth-token)[ \t]{1,3}[\"']?([^\s\"'-][^\s\"']{3,500})"
        ),
        _holds_secret,
    ),
    Detector(
        Kind.SECRET,
        "password or key",
        ("-u ", "--user ", "--user="),
        re.compile(r"(?<![\w-])(?:-u|--user)[ =]{1,3}[\"']?[^\s:\"'/]{1,100}:([^\s:\"'/]{3,200})(?![:/])"),
        _holds_user,
    ),
    Detector(
        Kind.SECRET,
        "password or key",
        ("sshpass", "login "),
        re.compile(
            r"(?:sshpass[ ]{1,3}-p[ ]{0,3}|login[ ]{1,3}\S{1,100}[ ]{1,3}password[ ]{1,3})[\"']?([^\s\"']{3,200})"
        ),
        _holds_real,
    ),
    Detector(
        Kind.SECRET,
        "password or key",
        ("secret", "api", "access", "private", "sign", "encrypt", "fernet", "master", "account", "shared", "storage"),
        re.compile(
            r"(?i)(?:secret(?:[_-]?(?:access[_-]?)?key(?:[_-]?base)?)?|api(?:[_-]|%5f)?key|access[_-]?key|private[_-]?key"
            r"|sign(?:ing|ature)[_-]?key|encryption[_-]?key|fernet[_-]?key|master[_-]?key|account[_-]?key"
            rf"|shared[_-]?(?:access[_-]?)?key|storage[_-]?key){_given(6)}"
        ),
        _holds_secret,
    ),
    Detector(
        Kind.SECRET,
        "password or key",
        ("_token", "-token", "token"),
        re.compile(rf"(?i)(?:(?<=[a-z0-9])_token|auth[_-]?token|(?<=access)token|(?<=refresh)token){_given(6)}"),
        _holds_secret,
    ),
    Detector(
        Kind.SECRET,
        "token",
        ("token",),
        re.compile(
            r"(?i:(?<![A-Za-z])token|(?-i:(?<=[a-z])Token))[\\\"'`]{0,9}[ \t]{0,3}[:=][ \t]{0,3}[\\\[\"'`]{0,9}"
            r"([A-Za-z0-9._~+/=-]{16,500})"
        ),
        _holds_random,
    ),
    Detector(
        Kind.SECRET,
        "token",
        ("auth",),
        re.compile(
            r"(?i)(?<![A-Za-z])auth\\{0,7}[\"']?[ \t]{0,3}[:=][ \t]{0,3}\\{0,7}[\"']?"
            r"([A-Za-z0-9+/]{12,500}={0,2})(?![\w.-])"
        ),
        _holds_random,
    ),
    Detector(
        Kind.SECRET,
        "token",
        ("sess", "sid="),
        re.compile(
            r"(?i)(?:phpsess|sess|connect\.s|(?<![a-z])s)(?:ion)?(?:[_-]?id)?[\\\"']{0,9}[ \t]{0,3}[:=][ \t]{0,3}"
            r"[\\\"']{0,9}([A-Za-z0-9._~+/%-]{16,500})"
        ),
        _holds_random,
    ),
    Detector(
        Kind.SECRET,
        "token",
        ("sig=", "signature=", "key=", "x-amz-security-token="),
        re.compile(
            r"(?i)(?:(?<=[?&])|(?<=[?&]x-amz-)|(?<=[?&]x-goog-))(?:sig|signature|key|x-amz-security-token)="
            r"([A-Za-z0-9._~+/%-]{20,2000})"
        ),
        _holds_random,
    ),
    Detector(
        Kind.PERSONAL,
        "phone number",
        ("phone", "tel", "mobile", "msisdn", "fax", "電話", "携帯"),
        re.compile(
            r"(?i)(?:(?<![a-z])tel|phone(?:[_-]?(?:number|no))?|mobile|msisdn|fax|電話(?:番号)?|携帯(?:番号)?)"
            r"[\\\"'`]{0,9}[ \t]{0,3}[:=][ \t]{0,3}[\\\"'`]{0,9}(\+?[0-9(][0-9() -]{7,18}[0-9])(?![0-9A-Za-z_-])"
        ),
        _is_told_phone,
    ),
    Detector(
        Kind.PERSONAL,
        "mail address",
        ("@", "%40"),
        re.compile(
            r"(?<![A-Za-z0-9._%+-])([A-Za-z0-9][A-Za-z0-9._%+'-]{0,63}(?:@|%40)(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24})"
            r"(?![A-Za-z0-9-])"
        ),
        _is_somebodys,
        back=66,
    ),
)
DETECTORS = _SHAPES + _BESIDE

# --- numbers --------------------------------------------------------------------------------------------------------

# Every phone and every card is in a stretch of these signs, with nine digits; nothing else of a text is looked at.
DIGITS = re.compile(r"[0-9][0-9 ().ー-]{8,}")
ENOUGH = re.compile(r"(?:[0-9][ ().ー-]*){9}")
_APART = r"[ ー-]"
_ALONE = r"(?<![0-9A-Za-z/_.-])"
_OVER = r"(?![0-9A-Za-z_-]|\.[0-9])"
NUMBERS = (
    Detector(
        Kind.PERSONAL,
        "phone number",
        (),
        re.compile(
            rf"(?:{_ALONE}|(?<=[Tt][Ee][Ll]))(\(?0[1-9][0-9]{{0,3}}(?:\){_APART}?|{_APART}\(?|\()[0-9]{{1,4}}"
            rf"(?:\){_APART}?|{_APART})[0-9]{{3,4}}|0[5-9]0\.[0-9]{{4}}\.[0-9]{{4}}|0[5-9]0[0-9]{{8}}){_OVER}"
        ),
        _is_japanese_phone,
    ),
    Detector(
        Kind.PERSONAL,
        "phone number",
        (),
        re.compile(
            rf"(?<![0-9A-Za-z+])(\+[1-9][0-9]{{0,2}}(?:[ .-]?\(?[0-9]{{1,4}}\)?){{2,5}}"
            rf"|\([2-9][0-9]{{2}}\) ?[0-9]{{3}}-[0-9]{{4}}){_OVER}"
        ),
        _is_international_phone,
    ),
    Detector(
        Kind.PERSONAL,
        "card number",
        (),
        re.compile(
            rf"{_ALONE}((?=4|5[1-5]|2[2-7]|3[04-8]|6)(?:[0-9]{{13,19}}"
            r"|[0-9]{4}([ -])[0-9]{4}\2[0-9]{4}\2[0-9]{1,7}"
            rf"|[0-9]{{4}}([ -])[0-9]{{6}}\3[0-9]{{4,5}})){_OVER}"
        ),
        _passes_luhn,
    ),
)
