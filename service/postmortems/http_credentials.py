"""Credentials of HTTP requests in logs, commands and configuration: the value of the header, in any scheme."""

import re

from service.postmortems.detector import WORDS, Detector, SensitiveKind, holds_secret, is_real, looks_secret, value_of

NAME = "credentials of an HTTP request"
_SCHEMES = frozenset({"basic", "bearer", "token", "digest", "negotiate", "apikey", "key", "oauth", "hmac"})
_PLAIN = re.compile(r"[A-Za-z]?[a-z]{0,15}[.,;:!?]?")
_SCHEME = r"(?:[A-Za-z][\w.-]{0,40}(?:[ \t]{1,3}|%20|\+))?"
_PARAMETER = r"[\w-]{1,40}=(?:\\{0,7}\"[^\"\n]{0,1000}\"|[^\s,\"'\\]{1,1000})"
_PARAMETERS = rf"{_PARAMETER}(?:[ \t]{{0,3}},[ \t]{{0,3}}{_PARAMETER}){{1,30}}"
_WORD = r"[!#-&*+\--:=?@A-Z^_a-z|~]{2,4000}"
_HEADER = r"[\w-]{0,20}authorization"


def _holds_header(match: re.Match[str]) -> bool:
    """Tell the value of a header from a placeholder (`Bearer $TOKEN`) and from prose (`Authorization: who may`)."""
    words = value_of(match).split()
    credentials = words[1:] or words
    if not any(map(is_real, credentials)) or _is_prose(words):
        return False
    return len(words) > 1 or (len(words[0]) >= 8 and looks_secret(words[0]))


def _is_prose(words: list[str]) -> bool:
    """Return whether words are prose: two may be a scheme and its credentials, but not `Basic required`."""
    if not all(map(_PLAIN.fullmatch, words)):
        return False
    has_scheme = len(words) == 2 and (words[0][0].isupper() or words[0] in _SCHEMES)
    return not has_scheme or words[1].casefold().rstrip(".,;:!?") in WORDS


def _header(pattern: str, back: int = 0) -> Detector:
    return Detector(
        SensitiveKind.SECRET,
        NAME,
        ("authorization",),
        re.compile(f"(?im){pattern}"),
        _holds_header,
        back=back,
        reach=4_500,
    )


HTTP_CREDENTIALS = (
    # "Authorization": "…" and 'Authorization': '…', also in JSON inside JSON: up to the closing quote.
    _header(
        rf"(\\{{0,7}}[\"']){_HEADER}\1[ \t]{{0,3}}(?:=>|[:=,])[ \t]{{0,3}}\[?[ \t]{{0,3}}\1"
        r"((?:(?!\1)(?:\\.|[^\n\\])){1,4000})(?=\1)",
        back=32,
    ),
    # "Authorization: …", as an argument of curl.
    _header(rf"([\"'`]){_HEADER}[ \t]{{0,2}}:[ \t]{{0,8}}((?:(?!\1)[^\n\\]){{1,4000}})(?=\1)", back=32),
    # A line of its own.
    _header(rf"^[ \t<>*-]{{0,8}}{_HEADER}[ \t]{{0,2}}:[ \t]{{0,8}}([!-~][ -~]{{0,4000}})", back=32),
    _header(rf"\\{{1,7}}[rn][ \t]{{0,4}}{_HEADER}:[ \t]{{0,8}}((?:[ !#-\[\]-~]|\\{{1,7}}\"){{1,4000}})", back=32),
    # Anywhere else: a scheme followed by comma-separated parameters or one word.
    _header(
        r"authorization[\\\"'`]{0,9}[ \t]{0,3}(?:=>|[:=]|%3[ad])(?:[ \t+]|%20){0,3}[\[(\\\"'`]{0,9}[ \t]{0,3}"
        rf"({_SCHEME}(?:{_PARAMETERS}|{_WORD}))"
    ),
    Detector(
        SensitiveKind.SECRET,
        NAME,
        ("bearer",),
        re.compile(r"(?i)(?<![A-Za-z0-9_])bearer[ \t]{1,3}([A-Za-z0-9._~+/-]{12,4000}={0,2})(?![\w-])"),
        holds_secret,
    ),
)
