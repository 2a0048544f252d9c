"""Checking a thousand postmortem documents: throughput, what the rules cost beside parsing, and that nothing grows."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.plan import Plan
from benchmarks.report import Figure, Line, Section, Target
from service.postmortems.reading import read
from tests.postmortems.documents import FINAL

FEW = 100


def measure(plan: Plan) -> list[Section]:
    """Check many and few documents with the command, and only parse them in this process, in turns."""
    folder = plan.folder / "documents"
    many = _documents(folder / "many", plan.documents)
    few = _documents(folder / "few", FEW)
    checked: list[float] = []
    checked_few: list[float] = []
    parsed: list[float] = []
    for number in plan.rounds():
        turns: list[Callable[[], None]] = [
            lambda: checked.append(len(many) / _seconds(lambda: _lint(folder / "many"))),
            lambda: checked_few.append(len(few) / _seconds(lambda: _lint(folder / "few"))),
            lambda: parsed.append(len(many) / _seconds(lambda: _parse(many))),
        ]
        first = number % len(turns)
        for turn in turns[first:] + turns[:first]:
            turn()
    return [
        Section(
            f"mttx postmortem lint, {plan.documents:,} final documents of {len(FINAL.encode()):,} bytes",
            [
                Line(
                    "documents/s, start of the command included",
                    Figure(checked),
                    f"{FEW} documents",
                    Figure(checked_few),
                    Target(0.9, at_least=True),
                ),
                Line("documents/s", Figure(checked), "reading them alone", Figure(parsed)),
            ],
        )
    ]


def _documents(folder: Path, number: int) -> list[Path]:
    """Write documents that differ in their names, numbers and days, so that nothing can be remembered."""
    folder.mkdir(parents=True)
    paths = [folder / f"PM-20250812-do-latency-{index}.md" for index in range(number)]
    for index, path in enumerate(paths):
        path.write_text(FINAL.replace("INC-7", f"INC-{index + 1}"), encoding="utf-8")
    return paths


def _lint(folder: Path) -> None:
    """Run the command; a document that is refused would be another measurement."""
    subprocess.run([sys.executable, "-m", "service", "postmortem", "lint", folder], check=True, capture_output=True)


def _parse(paths: list[Path]) -> None:
    for path in paths:
        read(path.name, path.read_text(encoding="utf-8"))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
