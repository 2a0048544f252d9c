"""Loading a configuration: the file, the environment over it, then validation by the model."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from service.settings import files
from service.settings.advice import path_of, problems_of, unknown
from service.settings.errors import Problem, SettingsError
from service.settings.model import Settings
from service.settings.table import PREFIX, SettingRow, rows
from service.settings.yaml_text import NotYaml, parse_yaml

DEFAULT_FILE = Path("mttx.yml")
CONFIG = "MTTX_CONFIG"
# Read by commands and tests only: the service and its token, the databases of `db copy`, the switches of the tests.
_OTHER_VARIABLES = frozenset(
    {
        CONFIG,
        "MTTX_URL",
        "MTTX_TOKEN",
        "MTTX_TOKEN_FILE",
        "MTTX_CA_FILE",
        "MTTX_CERT_FILE",
        "MTTX_REQUIRE_ALL",
        "MTTX_TORTURE",
    }
    | {f"MTTX_COPY_{end}" for end in ("FROM", "FROM_FILE", "TO", "TO_FILE")}
)
# Kubernetes sets these in every pod of a namespace that has a Service called mttx or mttx-something.
_SERVICE_LINK = re.compile(
    r"MTTX_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, the file it was read from (None: no file), and the origin of each key that is set.

    `nulls` are the keys whose value is null.
    """

    settings: Settings
    file: Path | None
    origins: Mapping[str, str]
    nulls: frozenset[str] = frozenset()


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the configuration file and the environment; like `read`, without the origins."""
    return read(path, environ).settings


def read(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """Read a configuration. `path` None: the file named by MTTX_CONFIG, else mttx.yml, if it exists.

    Raises SettingsError with every problem.
    """
    from service.settings.whole import WholeSettings  # noqa: PLC0415 - it imports companions, which import this package

    table = list(rows(WholeSettings))
    file = _file(path, environ)
    origins: dict[str, str] = {}
    tree = _read_file(file) if file else {}
    origins.update((row.key, str(file)) for row in table if _contains(tree, row.path))
    problems: list[Problem] = []
    for row, name, value in _from_environment(table, environ, problems):
        tree = _merged(tree, _below(row.path, value))
        origins[row.key] = f"{origins[row.key]}, {name}" if row.structured and row.key in origins else name
    nulls = frozenset(_nulls(tree))
    settings: Settings | None
    try:
        settings = WholeSettings.model_validate(tree)
    except ValidationError as error:
        problems += problems_of(error, WholeSettings, origins)
        settings = _rest(WholeSettings, tree, error)
    if settings is None:
        raise SettingsError(problems)
    loaded = Loaded(settings, file, origins, nulls)
    if problems:
        raise SettingsError(problems, loaded)
    return loaded


def _nulls(tree: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, value in tree.items():
        if value is None:
            yield f"{above}{key}"
        elif isinstance(value, Mapping):
            yield from _nulls(value, f"{above}{key}.")


def _rest(model: type[Settings], tree: dict[str, Any], error: ValidationError) -> Settings | None:
    """Return the configuration without its invalid sections, repeatedly, since removing one may reveal another."""
    while faulty := {path_of(details)[0] for details in error.errors()} & tree.keys():
        tree = {key: value for key, value in tree.items() if key not in faulty}
        try:
            return model.model_validate(tree)
        except ValidationError as another:
            error = another
    return None


# --- the file -------------------------------------------------------------------------------------------------------


def _file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    if path is None and environ.get(CONFIG):
        path = Path(environ[CONFIG])
    if path is None and DEFAULT_FILE.exists():
        path = DEFAULT_FILE
    return path


def _read_file(path: Path) -> dict[str, Any]:
    tree = _parsed(str(path), read_text(path))
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise SettingsError([Problem(str(path), "should be keys and values, such as `listen: 127.0.0.1:9877`")])
    return {str(key): value for key, value in tree.items()}


def read_text(path: Path, meaning: str = "") -> str:
    """Read a UTF-8 text; `meaning` is appended to the reason why it cannot be read. Raises SettingsError."""
    try:
        return files.read_text(path)
    except OSError as error:
        raise SettingsError([Problem(str(path), f"cannot be read: {error.strerror or error}{meaning}")]) from error
    except ValueError as error:
        raise SettingsError([Problem(str(path), "should be UTF-8 text")]) from error


def _parsed(name: str, text: str) -> Any:
    try:
        return parse_yaml(text)
    except NotYaml as error:
        raise SettingsError([Problem(name, str(error))]) from error


def _contains(tree: Any, path: tuple[str, ...]) -> bool:
    for key in path:
        if not isinstance(tree, Mapping) or key not in tree:
            return False
        tree = tree[key]
    return True


# --- the environment ------------------------------------------------------------------------------------------------


def _from_environment(
    table: list[SettingRow], environ: Mapping[str, str], problems: list[Problem]
) -> Iterator[tuple[SettingRow, str, Any]]:
    variables = {row.env: row for row in table}
    files = {name: row for row in table if row.secret and (name := f"{row.env}_FILE") not in variables}
    for name, text in sorted(environ.items()):
        row = variables.get(name) or files.get(name)
        if row is None:
            if name.startswith(PREFIX) and not _is_unrelated(name, text):
                problems.append(Problem(name, unknown(name, [*variables, *files], "variable")))
        elif name in files and row.env in environ:
            problems.append(Problem(name, f"is set together with {row.env}; set only one of them"))
        else:
            try:
                yield row, name, _value(row, name, text, from_file=name in files)
            except SettingsError as error:
                problems.extend(error.problems)


def _is_unrelated(name: str, text: str) -> bool:
    return name in _OTHER_VARIABLES or bool(_SERVICE_LINK.fullmatch(name)) or bool(_SERVICE_ADDRESS.match(text))


def _value(row: SettingRow, name: str, text: str, *, from_file: bool) -> Any:
    if from_file:
        text = read_text(Path(text)).rstrip("\r\n")
    if not text.strip():
        raise SettingsError([Problem(name, "is empty; set a value or unset it")])
    if row.structured:
        return _parsed(name, text)
    return None if row.nullable and text == "null" else text


def _below(path: tuple[str, ...], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _merged(under: Any, over: Any) -> Any:
    """Override a value of the file; mappings are merged. An invalid section in the file stays, to be reported."""
    if under is None or not isinstance(over, dict):
        return over
    if not isinstance(under, dict):
        return under
    return under | {key: _merged(under.get(key), value) for key, value in over.items()}
