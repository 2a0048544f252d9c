"""Coverage-guided fuzzing with atheris: `python -m tests.hostile.fuzz SECONDS [PARSER…]`, one process for each parser.

A crash stops its parser, is printed with its input, and makes the whole fail.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["service"]):
    from tests.hostile.corpus import bodies
    from tests.hostile.parsers import PARSERS


def _all(seconds: str, names: list[str]) -> int:
    failed = []
    for name in names or list(PARSERS):
        with tempfile.TemporaryDirectory(prefix="mttx-fuzz-") as folder:
            command = [sys.executable, "-m", "tests.hostile.fuzz", "--one", name, folder, seconds]
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
        tried = re.findall(r"^#(\d+)\s", ran.stderr, re.MULTILINE)
        crashed = ran.returncode != 0
        print(f"{name:22} {tried[-1] if tried else 0:>10} inputs  {'CRASH' if crashed else 'no crash'}", flush=True)
        if crashed:
            failed.append(name)
            print(ran.stdout[-2000:], ran.stderr[-4000:], flush=True)
    return 1 if failed else 0


def _fuzz(name: str, folder: Path, seconds: str) -> None:
    for number, seed in enumerate([*PARSERS[name].seeds, *(seed.body for seed in bodies())]):
        (folder / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", "-max_len=8192", "-timeout=20", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={folder}/", str(folder)], PARSERS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        _fuzz(sys.argv[2], Path(sys.argv[3]), sys.argv[4])
    else:
        sys.exit(_all(sys.argv[1], sys.argv[2:]))
