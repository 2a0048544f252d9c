"""Write the dashboards' JSON, or with `--check` compare it with what is committed.

`python dashboards/generate.py` after an edit in `generator/`; nothing but the standard library is needed.
"""

import argparse
import json
import sys
from pathlib import Path

from generator import exporter, overview, postmortems, timeline

HERE = Path(__file__).parent
DASHBOARDS = (overview.dashboard, postmortems.dashboard, timeline.dashboard, exporter.dashboard)


def rendered():
    """Give each dashboard's file name and text: a line for each value, but no indentation.

    `kubectl apply` repeats a config map in an annotation, of which Kubernetes takes 256 KiB.
    """
    built = (build() for build in DASHBOARDS)
    return {f"{board['uid']}.json": json.dumps(board, indent=0, ensure_ascii=False) + "\n" for board in built}


def stale(folder, files):
    """Name the files in `folder` that differ from what would be written; a missing one differs."""
    return [
        name
        for name, text in files.items()
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text
    ]


def main():
    """Write or compare; exit 1 when the comparison finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a committed file differs")
    parser.add_argument("--output", type=Path, default=HERE, help="folder of the JSON files")
    options = parser.parse_args()
    files = rendered()
    if options.check:
        different = stale(options.output, files)
        for name in different:
            print(f"{name} is not what the generator writes: run python dashboards/generate.py", file=sys.stderr)
        return 1 if different else 0
    for name, text in files.items():
        (options.output / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
