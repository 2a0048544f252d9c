"""The gate behind `make test`: prints what no test ran, and fails where that is more than we allow ourselves.

It reads what was measured in the tests' own process. Code that only ever ran in a server that a test started counts as
not covered, so that a number here never says more than it should.
"""

import sys
from io import StringIO
from pathlib import Path

from coverage import Coverage
from coverage.exceptions import NoDataError

ROOT = Path(__file__).parents[1]
WHOLE = 95.0
"""Lines and branches of everything together, in percent."""
PURE = ("service/domain", "service/intake", "service/render", "service/postmortems", "service/history/importing")
"""The pure floors: rules without I/O, in which every branch is tested."""


def measured() -> Coverage:
    """Return all that was measured: what pytest-cov left, and the data files of processes that measured themselves."""
    coverage = Coverage(config_file=str(ROOT / "pyproject.toml"))
    coverage.load()
    coverage.combine()
    coverage.save()
    return coverage


def percent(coverage: Coverage, folder: str) -> float:
    """Return how much of a folder is covered, but for its commands and its settings."""
    omit = [f"{ROOT}/{folder}/commands/*", f"{ROOT}/{folder}/settings.py"]
    return coverage.report(include=[f"{ROOT}/{folder}/*"], omit=omit, file=StringIO())


def verdict(coverage: Coverage) -> list[str]:
    """Print the report; returns what is not covered enough."""
    whole = coverage.report(file=sys.stdout)
    missed = [f"everything: {whole:.2f} %, at least {WHOLE:.0f} % is asked for"] if whole < WHOLE else []
    percents = {folder: percent(coverage, folder) for folder in PURE}
    return missed + [
        f"{folder}: {covered:.2f} %, 100 % is asked for" for folder, covered in percents.items() if covered < 100
    ]


def main() -> int:
    """Return the exit code."""
    try:
        missed = verdict(measured())
    except NoDataError as error:
        missed = [f"nothing was measured: {error}"]
    sys.stdout.writelines(f"not covered enough: {text}\n" for text in missed)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
