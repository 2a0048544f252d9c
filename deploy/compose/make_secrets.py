"""Makes the secrets of compose.yaml, once: `make_secrets.py FOLDER`. What is there already is never changed.

Uses the standard library only, and runs in the exporter's image as root with the one capability to give files away.
"""

import json
import os
import secrets
import sys
from pathlib import Path

EXPORTER, ALERTMANAGER, GRAFANA = 65532, 65534, 472
"""The users that the images run as."""


def main(folder: Path) -> None:
    """Make all of them, unless they are there. The tokens file comes last, and says that the others are there too."""
    if (folder / "tokens.yml").exists():
        return
    alertmanager, operator = secrets.token_hex(32), secrets.token_hex(32)
    write(folder / "alertmanager-token", alertmanager, ALERTMANAGER, ALERTMANAGER)
    write(folder / "operator-token", operator, EXPORTER, EXPORTER)
    write(folder / "grafana-password", secrets.token_hex(16), GRAFANA, EXPORTER)  # grafana-bootstrap reads it too
    tokens = [
        {"name": "alertmanager", "token": alertmanager, "scopes": ["ingest"]},
        {"name": "operator", "token": operator, "scopes": ["write", "read"]},
    ]
    write(folder / "tokens.yml", json.dumps(tokens, indent=2), EXPORTER, EXPORTER)  # JSON is YAML too


def write(path: Path, text: str, owner: int, group: int) -> None:
    """Write a file that its owner and group may read, whole or not at all."""
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o440)
    os.write(handle, text.encode())
    os.fchown(handle, owner, group)
    os.close(handle)
    beside.replace(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
