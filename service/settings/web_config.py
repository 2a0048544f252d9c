"""The file of `--web.config.file`, in the format of Prometheus' exporters: TLS, and users with bcrypt hashes.

Source: prometheus/exporter-toolkit, docs/web-configuration.md. What the server cannot do is refused, never ignored.
"""

import re
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, model_validator

from service.settings.advice import problems_of
from service.settings.errors import Problem, SettingsError
from service.settings.section import SettingsSection, problem_at
from service.settings.sources import read_text
from service.settings.yaml_text import NotYaml, parse_yaml

_BCRYPT = re.compile(r"\$2[abxy]?\$[0-9]{2}\$[./A-Za-z0-9]{53}")
ClientAuth = Literal["NoClientCert", "RequireAndVerifyClientCert"]


def _beside(path: Path, info: ValidationInfo) -> Path:
    """Return a path that is relative to the folder of the file, as in other exporters."""
    return (info.context or Path()) / path


def _hashed(text: str) -> str:
    if not _BCRYPT.fullmatch(text):
        raise ValueError("should be a bcrypt hash; `htpasswd -nBC 10 ''` prints one")
    return text


FileBeside = Annotated[Path, AfterValidator(_beside)]
PasswordHash = Annotated[str, AfterValidator(_hashed)]


class TlsServerConfig(SettingsSection):
    """The certificate of the server, and which certificates of clients it accepts.

    Connections use the secure suites and curves of the server's library: lists of them cannot be given.
    """

    cert_file: FileBeside
    key_file: FileBeside
    client_auth_type: ClientAuth = "NoClientCert"
    client_ca_file: FileBeside | None = None
    min_version: Literal["TLS12", "TLS13"] = "TLS12"
    max_version: Literal["TLS13"] = "TLS13"

    @model_validator(mode="after")
    def _usable(self) -> Self:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.cert_file, self.key_file, password="")  # never asks for one
        except OSError as error:
            reason = error.strerror or str(error)
            raise problem_at("cert_file", f"should be a certificate whose key is in key_file ({reason})") from None
        if (self.client_auth_type == "NoClientCert") != (self.client_ca_file is None):
            raise problem_at("client_ca_file", "goes with client_auth_type: RequireAndVerifyClientCert")
        if self.client_ca_file is not None:
            try:
                context.load_verify_locations(self.client_ca_file)
            except OSError as error:
                reason = error.strerror or str(error)
                raise problem_at("client_ca_file", f"should be a file of certificates ({reason})") from None
        return self

    @property
    def files(self) -> Iterator[Path]:
        """The files that it names."""
        yield from (file for file in (self.cert_file, self.key_file, self.client_ca_file) if file is not None)


class HttpServerConfig(SettingsSection):
    """HTTP/2 is not served, with or without this section."""

    http2: bool = False


class WebConfig(SettingsSection):
    """The content of the file. `basic_auth_users` are the bcrypt hashes of passwords, by user name."""

    tls_server_config: TlsServerConfig | None = None
    http_server_config: HttpServerConfig = HttpServerConfig()
    basic_auth_users: Annotated[Mapping[str, PasswordHash], Field(repr=False)] = {}


def load_web_config(path: Path | None) -> WebConfig:
    """Read the file; without one there is neither TLS nor a user. Raises SettingsError, which never quotes a hash."""
    if path is None:
        return WebConfig()
    try:
        content: Any = parse_yaml(read_text(path, "; it should hold TLS and users (docs/configuration.md)"))
    except NotYaml as error:
        raise SettingsError([Problem(str(path), str(error))]) from error
    try:
        return WebConfig.model_validate(content or {}, context=path.parent)
    except ValidationError as error:
        problems = (
            Problem(", ".join(filter(None, (str(path), p.key))), p.advice) for p in problems_of(error, WebConfig, {})
        )
        raise SettingsError(list(problems)) from None
