"""Patterns of secrets and personal data, each with the letters that every match contains: these are searched first,
because patterns are slow. Every pattern is bounded, so that the time is proportional to the length of the text.

Here are values recognised by their context; `token_shapes` has tokens with a known shape, `numbers` has digits.
"""

import re

from service.postmortems.command_lines import COMMAND_LINES
from service.postmortems.detector import (
    WORDS,
    Detector,
    SensitiveKind,
    holds_random,
    holds_real,
    holds_secret,
    is_real,
    looks_secret,
    value_of,
)
from service.postmortems.http_credentials import HTTP_CREDENTIALS
from service.postmortems.token_shapes import SHAPES


def _holds_password(match: re.Match[str]) -> bool:
    """Accept any word as a password in quotes, or after `=` without a space; elsewhere only what looks secret."""
    value = value_of(match)
    before = match.string[match.start(match.lastindex or 0) - 1]
    is_value = before in "\"'=>" and len(value) >= 4 and is_real(value) and value.casefold() not in WORDS
    return is_value or looks_secret(value)


_FILES = frozenset(
    {"png", "jpg", "jpeg", "gif", "svg", "webp", "service", "socket", "timer", "mount", "py", "js", "ts", "json"}
    | {"yml", "yaml", "md", "log", "txt"}
)


def _is_personal_address(match: re.Match[str]) -> bool:
    """Return whether a mail address can be a person's; some domains are reserved for examples (RFC 2606)."""
    local, _, domain = re.sub("%40", "@", match[1]).casefold().rpartition("@")
    reserved = re.fullmatch(r"(?:.*\.)?(?:example\.(?:com|net|org)|example|invalid|test|localhost|local)", domain)
    impersonal = local in ("git", "noreply", "no-reply") or domain.rpartition(".")[2] in _FILES
    return not reserved and not impersonal


def _is_phone(match: re.Match[str]) -> bool:
    return 9 <= sum(map(str.isdigit, value_of(match))) <= 15


def _is_not_a_folder(match: re.Match[str]) -> bool:
    """Tell the shell's `PWD=/srv/app` from a password."""
    before = match.string[max(match.start() - 4, 0) : match.start(match.lastindex or 0)]
    is_shells = re.search(r"(?<![A-Za-z_])(?:OLD)?PWD[\"'\\]{0,6}[ ]?[:=][ ]?[\"'\\]{0,6}\Z", before)
    return _holds_password(match) and not (is_shells and value_of(match)[:1] in "/~.")


def _is_session(match: re.Match[str]) -> bool:
    """Tell a web session from one of ZooKeeper, whose number is not secret."""
    return holds_random(match) and not re.fullmatch(r"0x[0-9a-fA-F]{1,16}", value_of(match))


_IDENTIFIER = re.compile(r"[a-z0-9]+(?:[./-][a-z0-9]+){2,}")


def _is_token(match: re.Match[str]) -> bool:
    """Tell a token from the name of a service, such as com.apple.xpc.activity/4505."""
    return holds_random(match) and not _IDENTIFIER.fullmatch(value_of(match))


# Between a name and its value, in YAML, JSON, JSON inside JSON, shells, URLs, and XML.
_SEPARATOR = r"[\\\"'`]{0,9}[ \t]{0,3}(?:=>|:=|[:=>]|%3[ADad])[ \t]{0,3}\[?"
_ESCAPED = r"\\{1,7}[\"']([^\"'\\\n]{%d,500})"
_QUOTED = r"\"((?:[^\"\\\n]|\\.){%d,500})(?=\")|'((?:[^'\\\n]|\\.){%d,500})(?=')"
_BARE = r"[\"'`]?((?:(?!&[\w.-]{1,40}=)[!#-&*-+\--:=?-\[\]-_a-{}~]){%d,500})"


def _value(least: int) -> str:
    """Return the pattern of a value: everything between quotes, else up to the next space or delimiter."""
    return f"{_SEPARATOR}(?:{_ESCAPED % least}|{_QUOTED % (least, least)}|{_BARE % least})"


_KEY_OWNERS = (
    *("secret", "api", "access", "private", "sign", "encrypt", "fernet", "master", "account", "shared", "storage"),
    *("application", "auth", "license", "subscription"),
)
_BY_CONTEXT = (
    Detector(
        SensitiveKind.SECRET,
        "password in a connection string",
        ("://",),
        re.compile(r"(?<=[A-Za-z0-9+.-])://[^\s:/@\"'<>\\]{0,100}:([^\s/?#\"'<>\\`]{1,200})@[^\s/@]"),
        holds_real,
    ),
    Detector(
        SensitiveKind.SECRET,
        "password in a connection string",
        ("jdbc:oracle:",),
        re.compile(r"(?i)jdbc:oracle:[a-z0-9]{1,10}:[^\s/@:]{1,100}/([^\s/@]{1,200})@"),
        holds_real,
    ),
    Detector(
        SensitiveKind.SECRET,
        "password or key",
        ("passw", "passphrase", "pwd", "_pass", "-pass", ".pass"),
        re.compile(rf"(?i)(?:passw(?:or)?d|passphrase|pwd|[_.-]pass){_value(3)}"),
        _is_not_a_folder,
    ),
    Detector(
        SensitiveKind.SECRET,
        "password or key",
        ("apiキー", "api キー", "アクセスキー", "シークレット", "トークン"),
        re.compile(
            r"(?i)(?:api[ ]?キー|アクセスキー|シークレット(?:アクセス)?(?:キー)?|トークン)(?:[ \t:=「『\"'`]|は){1,4}"
            r"([!#-&*-+\--:<-_a-{}~]{8,500})"
        ),
        holds_random,
    ),
    Detector(
        SensitiveKind.SECRET,
        "password or key",
        ("パスワード", "暗証番号", "秘密鍵"),
        re.compile(r"(?:パスワード|暗証番号|秘密鍵)(?:[ \t:=「『\"'`]|は){1,4}([!#-&*-+\--:<-_a-{}~]{4,500})"),
        holds_secret,
    ),
    Detector(
        SensitiveKind.SECRET,
        "password or key",
        ("password",),
        re.compile(r"(?i)password\\{0,3}[\"'][ \t]{1,3}value=\\{0,3}[\"']([^\"'\\]{1,200})"),
        holds_real,
    ),
    Detector(
        SensitiveKind.SECRET,
        "password or key",
        _KEY_OWNERS,
        re.compile(
            r"(?i)(?:(?<!existing)(?<!existing[_-])(?<!pull)(?<!image)(?<!tls)"
            r"secret(?:[_-]?(?:access[_-]?)?key(?:[_-]?base)?)?|api(?:[_-]|%5f)?key|sign(?:ing|ature)[_-]?key"
            r"|(?:access|private|encryption|fernet|master|account|storage|application|auth|license|subscription)[_-]?key"
            rf"|shared[_-]?(?:access[_-]?)?key){_value(6)}"
        ),
        holds_secret,
    ),
    Detector(
        SensitiveKind.SECRET,
        "password or key",
        ("_token", "-token", "token"),
        re.compile(rf"(?i)(?:(?<=[a-z0-9])_token|auth[_-]?token|(?<=access)token|(?<=refresh)token){_value(6)}"),
        holds_secret,
    ),
    Detector(
        SensitiveKind.SECRET,
        "token",
        ("token",),
        re.compile(
            r"(?i:(?<![A-Za-z])token|(?-i:(?<=[a-z])Token))[\\\"'`]{0,9}[ \t]{0,3}[:=][ \t]{0,3}[\\\[\"'`]{0,9}"
            r"([A-Za-z0-9._~+/=-]{16,500})"
        ),
        _is_token,
    ),
    Detector(
        SensitiveKind.SECRET,
        "token",
        ("auth",),
        re.compile(
            r"(?i)(?<![A-Za-z])auth\\{0,7}[\"']?[ \t]{0,3}[:=][ \t]{0,3}\\{0,7}[\"']?"
            r"([A-Za-z0-9+/]{12,500}={0,2})(?![\w.-])"
        ),
        holds_random,
    ),
    # A Kubernetes Secret; its kind may come before or after its data.
    Detector(
        SensitiveKind.SECRET,
        "Kubernetes Secret",
        ("kind: secret",),
        re.compile(
            r"(?i)kind:[ ]secret[ ]*\n(?:(?!---|[ ]*(?:string)?data:).{0,500}\n){0,60}?[ ]*(?:string)?data:[ ]*\n"
            r"((?:[ ]+\S.{0,20000}\n?){1,200})"
        ),
    ),
    Detector(
        SensitiveKind.SECRET,
        "Kubernetes Secret",
        ("data:",),
        re.compile(
            r"(?i)data:[ ]*\n((?:[ ]+[\w.-]{1,253}:[ ].{0,20000}\n){1,200})"
            r"(?=(?:(?!---).{0,500}\n){0,10}?kind:[ ]secret[ ]*$)",
            re.MULTILINE,
        ),
    ),
    Detector(
        SensitiveKind.SECRET,
        "token",
        ("sess", "sid="),
        re.compile(
            r"(?i)(?:phpsess|sess|connect\.s|(?<![a-z])s)(?:ion)?(?:[_-]?id)?[\\\"']{0,9}[ \t]{0,3}[:=][ \t]{0,3}"
            r"[\\\"']{0,9}([A-Za-z0-9._~+/%-]{16,500})"
        ),
        _is_session,
    ),
    Detector(
        SensitiveKind.SECRET,
        "token",
        ("sig=", "signature=", "key=", "x-amz-security-token="),
        re.compile(
            r"(?i)(?:(?<=[?&])|(?<=[?&]x-amz-)|(?<=[?&]x-goog-))(?:sig|signature|key|x-amz-security-token)="
            r"([A-Za-z0-9._~+/%-]{20,2000})"
        ),
        holds_random,
    ),
    Detector(
        SensitiveKind.PERSONAL,
        "phone number",
        ("phone", "tel", "mobile", "msisdn", "fax", "電話", "携帯"),
        re.compile(
            r"(?i)(?:(?<![a-z])tel|phone(?:[_-]?(?:number|no))?|mobile|msisdn|fax|電話(?:番号)?|携帯(?:番号)?)"
            r"[\\\"'`]{0,9}[ \t]{0,3}[:=][ \t]{0,3}[\\\"'`]{0,9}(\+?[0-9(][0-9() -]{7,18}[0-9])(?![0-9A-Za-z_-])"
        ),
        _is_phone,
    ),
    Detector(
        SensitiveKind.PERSONAL,
        "My Number",
        ("マイナンバー", "個人番号", "my_number", "my-number", "my number", "mynumber", "individual_number"),
        re.compile(
            r"(?i)(?:マイナンバー|個人番号|my[ _-]?number|individual_number)(?:カード)?(?:番号)?"
            r"(?:[\\\"'`:= \t「『]|は){0,12}([0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4})(?![0-9])"
        ),
    ),
    Detector(
        SensitiveKind.PERSONAL,
        "mail address",
        ("@", "%40"),
        re.compile(
            r"(?<![A-Za-z0-9._%+-])([A-Za-z0-9][A-Za-z0-9._%+'-]{0,63}(?:@|%40)(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24})"
            r"(?![A-Za-z0-9-])"
        ),
        _is_personal_address,
        back=66,
    ),
)
DETECTORS = SHAPES + HTTP_CREDENTIALS + COMMAND_LINES + _BY_CONTEXT
