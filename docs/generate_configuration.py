"""Update the tables of docs/configuration.md from the settings: python docs/generate_configuration.py."""

import re
from pathlib import Path

from service.settings.table import SettingRow, dumped, rows, value_at
from service.settings.whole import WholeSettings
from service.settings.yaml_text import write_yaml

TARGET = Path(__file__).with_name("configuration.md")
_ROW = re.compile(r"^\| `([^`]+)` \| `[^`]+` \| `[^`]+` \| .* \|$", re.MULTILINE)


def keys(text: str) -> list[str]:
    """Return the keys that have a row on the page."""
    return _ROW.findall(text)


def page(text: str) -> str:
    """Return the page with every row of its tables regenerated. Raises KeyError for a key that does not exist."""
    defaults = dumped(WholeSettings())
    lines = {row.key: _line(row, write_yaml(value_at(defaults, row.path))) for row in rows(WholeSettings)}
    return _ROW.sub(lambda match: lines[match[1]], text)


def _line(row: SettingRow, default: str) -> str:
    description = row.description.replace("|", r"\|")
    return f"| `{row.key}` | `{row.env}` | `{default}` | {description} |"


if __name__ == "__main__":
    TARGET.write_text(page(TARGET.read_text(encoding="utf-8")), encoding="utf-8")
