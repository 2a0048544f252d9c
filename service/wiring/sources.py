"""Declared sources: what is configured over the shipped declaration of the same name, with its expressions read."""

from collections.abc import Iterator

from pydantic import SecretStr

from service.domain.policy import Severity
from service.intake.declaration import EventRule, SourceDeclaration
from service.intake.expressions import BadExpression, Expression, expression
from service.intake.signatures import Signing, Verifier
from service.intake.sources import PROFILES, SenderProfile
from service.intake.standard_webhooks import StandardWebhooks, secret_key
from service.provisioning.bundled import bundled
from service.settings.declared import DeclaredSourceSettings, EventRuleSettings
from service.settings.errors import Problem, SettingsError
from service.settings.files import read_text
from service.settings.inbound import secrets_of, several_secrets
from service.settings.model import Settings
from service.settings.yaml_text import parse_yaml

RESERVED = frozenset(
    {*PROFILES, "alias", "grafana_test", "history", "mttx", "prometheus", "reconciled", "unmapped_severity"}
)
_REQUIRED = ("event", "key", "events")


def shipped() -> tuple[str, ...]:
    """Return the names of the shipped declarations."""
    return tuple(sorted(file.name.removesuffix(".yml") for file in bundled("sources").iterdir()))


def shipped_declaration(name: str) -> DeclaredSourceSettings | None:
    """Return the shipped declaration of a source; None if there is none."""
    file = bundled("sources") / f"{name}.yml"
    return DeclaredSourceSettings.model_validate(parse_yaml(file.read_text("utf-8"))) if file.is_file() else None


def declarations(settings: Settings) -> tuple[SourceDeclaration, ...]:
    """Return all declared sources. Raises SettingsError with the problems of all."""
    problems: list[Problem] = []
    readable = []
    for name in settings.sources:
        try:
            readable.append(declaration(settings, name))
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)
    return tuple(readable)


def declaration(settings: Settings, name: str) -> SourceDeclaration:
    """Return one source, configured or shipped. Raises SettingsError with its problems."""
    reader = _Reader(name, complete(settings, name), settings.default_severity)
    read = reader.declaration()
    if reader.problems:
        raise SettingsError(reader.problems)
    return read


def complete(settings: Settings, name: str) -> DeclaredSourceSettings:
    """Return what is configured of a source, over the shipped declaration of its name."""
    configured = settings.sources.get(name) or DeclaredSourceSettings()
    base = shipped_declaration(name)
    if base is None:
        return configured
    return base.model_copy(update={key: getattr(configured, key) for key in configured.model_fields_set})


def unsigned(settings: Settings) -> Iterator[Problem]:
    """Yield a warning for each source that signs its requests and has no secret here."""
    for name in settings.sources:
        source = complete(settings, name)
        if source.auth in ("hmac", "standard-webhooks") and source.secrets is None and source.secrets_file is None:
            advice = "its sender signs: without secrets or secrets_file its requests need a token with the scope ingest"
            yield Problem(f"sources.{name}", advice)


def verifiers(settings: Settings) -> Iterator[tuple[str, Verifier]]:
    """Yield how the declared sources with secrets are verified. Raises SettingsError."""
    for name in settings.sources:
        if verifier := _verifier(name, complete(settings, name)):
            yield name, verifier


def _verifier(name: str, source: DeclaredSourceSettings) -> Verifier | None:
    secrets = _secrets(name, source)
    if not secrets:
        return None
    try:
        match source.auth:
            case "standard-webhooks":
                return StandardWebhooks(secrets=tuple(secret_key(secret.decode()) for secret in secrets))
            case "hmac" if source.header:
                return Signing(
                    secrets=secrets,
                    header=source.header,
                    prefix=source.prefix or "",
                    timestamp_prefix=source.timestamp_prefix,
                    separator=source.separator if source.separator is not None else ":",
                )
    except ValueError as error:
        raise SettingsError([Problem(f"sources.{name}.secrets", str(error))]) from None
    advice = "needs `auth: standard-webhooks`, or `auth: hmac` with the `header` of the signature"
    raise SettingsError([Problem(f"sources.{name}.secrets", advice)])


def _secrets(name: str, source: DeclaredSourceSettings) -> tuple[bytes, ...]:
    if source.secrets_file is None:
        return secrets_of(source.secrets)
    key = f"sources.{name}.secrets_file"
    try:
        return secrets_of(several_secrets(SecretStr(read_text(source.secrets_file).strip())))
    except UnicodeDecodeError:
        raise SettingsError([Problem(key, "should be UTF-8 text", repr(str(source.secrets_file)))]) from None
    except (OSError, ValueError) as error:
        raise SettingsError([Problem(key, str(error), repr(str(source.secrets_file)))]) from None


class _Reader:
    """Reads one source, and collects its problems."""

    def __init__(self, name: str, source: DeclaredSourceSettings, default: Severity) -> None:
        self._name = name
        self._source = source
        self._default = default
        self.problems: list[Problem] = []

    def declaration(self) -> SourceDeclaration:
        """Return the declaration, which is of use only without `problems`."""
        source = self._source
        if self._name in RESERVED:
            self._add("", "is the name of something else; choose another one")
        if missing := [key for key in _REQUIRED if not getattr(source, key)]:
            hint = f"no declaration of this name is shipped; known are {', '.join(shipped())}"
            self._add("", f"requires {', '.join(missing)} to be set: {hint}")
        is_alerts = any(rule.kind == "firing" for rule in source.events)
        return SourceDeclaration(
            source=self._name,
            summary=f"Take in a request of {source.about or self._name}",
            profile=SenderProfile(sends="alerts" if is_alerts else "keyed events", severity=self._default),
            event=self._read(source.event, "event"),
            when=self._optional(source.when, "when"),
            subject=self._optional(source.subject, "subject"),
            key=self._read(source.key, "key"),
            title=self._optional(source.title, "title"),
            severity=self._optional(source.severity, "severity"),
            severities=source.severities,
            labels={name: self._read(text, f"labels.{name}") for name, text in source.labels.items()},
            alias=self._optional(source.alias, "alias"),
            zone=source.timezone,
            rules=tuple(self._rule(rule, f"events.{index}") for index, rule in enumerate(source.events)),
        )

    def _rule(self, rule: EventRuleSettings, key: str) -> EventRule:
        return EventRule(
            kind=rule.kind,
            values=rule.is_,
            when=self._optional(rule.when, f"{key}.when"),
            at=self._read(rule.at, f"{key}.at"),
            since=self._optional(rule.since, f"{key}.since"),
            automated=self._optional(rule.automated, f"{key}.automated"),
            text=self._optional(rule.text, f"{key}.text"),
        )

    def _optional(self, text: str | None, key: str) -> Expression | None:
        return self._read(text, key) if text is not None else None

    def _read(self, text: str | None, key: str) -> Expression:
        try:
            return expression(text) if text else Expression("", None)
        except BadExpression as error:
            self._add(key, str(error), repr(text))
            return Expression(text or "", None)

    def _add(self, key: str, advice: str, value: str | None = None) -> None:
        self.problems.append(Problem(f"sources.{self._name}{'.' if key else ''}{key}", advice, value))
