"""Passwords on command lines: `--password x`, `-u name:x`, `-px`."""

import re

from service.postmortems.detector import (
    Detector,
    SensitiveKind,
    holds_real,
    holds_secret,
    is_real,
    looks_random,
    looks_secret,
    value_of,
)

NAME = "password or key"
_COMMAND = r"[^\n|;&]{0,300}?"
_VALUE = r"[\"']?([^\s\"'-][^\s\"']{2,200})"


def _holds_user(match: re.Match[str]) -> bool:
    """Tell `-u admin:hunter22` from `-u 1000:1000`."""
    return is_real(value_of(match)) and not value_of(match).isdigit()


def _holds_glued(match: re.Match[str]) -> bool:
    """Tell `-pS3cr3t!` from `-p8080`, `-p1-1024` and `-python3`."""
    value = value_of(match)
    is_mixed = value.lower() != value and value.upper() != value
    return looks_random(value) and (is_mixed or any(char in "!@#$%^&*" for char in value))


def _holds_option(match: re.Match[str]) -> bool:
    value = value_of(match)
    return is_real(value) and (looks_secret(value) or len(value) >= 6) and not re.fullmatch(r"[0-9:.-]{1,21}", value)


COMMAND_LINES = (
    Detector(
        SensitiveKind.SECRET,
        NAME,
        ("--pass", "--token", "--api", "--secret", "--access", "--auth"),
        re.compile(
            r"(?i)(?<![\w-])--(?:password|passwd|pass|passphrase|token|api-?key|secret|secret-key|access-key|access-token"
            r"|auth-token)[ \t]{1,3}[\"']?([^\s\"'-][^\s\"']{3,500})"
        ),
        holds_secret,
    ),
    Detector(
        SensitiveKind.SECRET,
        NAME,
        ("-u ", "--user ", "--user="),
        re.compile(r"(?<![\w-])(?:-u|--user)[ =]{1,3}[\"']?[^\s:\"'/]{1,100}:([^\s:\"'/]{3,200})(?![:/])"),
        _holds_user,
    ),
    Detector(
        SensitiveKind.SECRET,
        NAME,
        ("sshpass", "login "),
        re.compile(
            r"(?:sshpass[ ]{1,3}-p[ ]{0,3}|login[ ]{1,3}\S{1,100}[ ]{1,3}password[ ]{1,3})[\"']?([^\s\"']{3,200})"
        ),
        holds_real,
    ),
    # The clients of MySQL take it without a space: `-p x` names a database.
    Detector(
        SensitiveKind.SECRET,
        NAME,
        ("mysql", "mariadb", "mycli", "xtrabackup"),
        re.compile(rf"(?i)(?:mysql|mariadb|mycli|xtrabackup)[\w-]{{0,20}}[ ]{_COMMAND}(?<=[ ])-p{_VALUE}"),
        holds_real,
    ),
    Detector(
        SensitiveKind.SECRET,
        NAME,
        ("docker", "podman", "buildah", "skopeo", "helm", "crane", "az ", "oc ", "cf ", "argocd"),
        re.compile(
            rf"(?i)(?:docker|podman|buildah|skopeo|helm|crane|az|oc|cf|argocd)[ ]{_COMMAND}(?<=[ ])login[ ]{_COMMAND}"
            rf"(?<=[ ])-p[ =]{{0,3}}{_VALUE}"
        ),
        _holds_option,
    ),
    Detector(
        SensitiveKind.SECRET,
        NAME,
        ("mongo", "cqlsh", "rabbitmqadmin", "ldap", "redis-cli", "sqlcmd", "7z", "zip ", "smbclient"),
        re.compile(
            rf"(?i)(?:(?:mongo\w{{0,10}}|cqlsh|rabbitmqadmin)[ ]{_COMMAND}(?<=[ ])-p[ =]{{0,3}}"
            rf"|ldap(?:search|modify|add|delete|whoami|passwd)[ ]{_COMMAND}(?<=[ ])-w[ ]{{0,3}}"
            rf"|redis-cli[ ]{_COMMAND}(?<=[ ])-a[ ]{{1,3}}"
            rf"|(?:sqlcmd|(?<![a-z])(?:un)?zip)[ ]{_COMMAND}(?<=[ ])-P[ ]{{0,3}}"
            rf"|7z\w?[ ]{_COMMAND}(?<=[ ])-p|smbclient[ ]{_COMMAND}(?<=[ ])-U[ ]{{0,3}}[^\s%]{{1,60}}%){_VALUE}"
        ),
        _holds_option,
    ),
    Detector(SensitiveKind.SECRET, NAME, (" -p",), re.compile(r" -p([^\s\"'/=:,-][^\s\"'/=,]{5,200})"), _holds_glued),
)
