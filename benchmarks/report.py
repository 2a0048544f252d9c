"""The one table: what was measured, with what it is compared, and whether the target is met."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Target:
    """A bound that a figure should keep; it is reported, never enforced."""

    limit: float
    at_least: bool = False
    unit: str = "×"

    def met(self, value: float) -> bool:
        """Say whether the value keeps it."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        """Write it as in the table."""
        return f"{'≥' if self.at_least else '≤'} {self.limit:g} {self.unit}"


@dataclass(frozen=True, slots=True)
class Figure:
    """Values of one thing, one from each round. `shown` formats one of them."""

    values: Sequence[float]
    shown: str = "{:,.0f}"

    def __str__(self) -> str:
        """Write the median."""
        return self.shown.format(median(self.values)) if self.values else "–"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. With `other`, the target is on the ratio of each pair of rounds; else on the figure."""

    what: str
    figure: Figure
    against: str = ""
    other: Figure | None = None
    target: Target | None = None

    @property
    def ratios(self) -> list[float]:
        """The pairwise ratios, in order of size."""
        return (
            sorted(a / b for a, b in zip(self.figure.values, self.other.values, strict=True) if b) if self.other else []
        )

    @property
    def verdict(self) -> str:
        """Say whether the median keeps the target."""
        judged = self.ratios or self.figure.values
        if self.target is None or not judged:
            return ""
        return "[green]yes[/]" if self.target.met(median(judged)) else "[red]no[/]"


@dataclass(frozen=True, slots=True)
class Section:
    """Lines that belong together."""

    title: str
    lines: Sequence[Line]


def table(sections: Iterable[Section], caption: str) -> Table:
    """Lay out all sections as one table."""
    made = Table(title="mttx-exporter: measured side by side, in pairs", caption=caption, caption_justify="left")
    made.add_column("what")
    for name in ("median", "against", "median", "ratio of pairs: median (min–max)", "pairs", "target", "met"):
        made.add_column(name, justify="left" if name == "against" else "right")
    for section in sections:
        made.add_row(f"[bold]{section.title}[/]")
        for line in section.lines:
            made.add_row(
                f"  {line.what}",
                str(line.figure),
                line.against,
                str(line.other or ""),
                _spread(line.ratios),
                str(len(line.figure.values)),
                str(line.target or ""),
                line.verdict,
            )
        made.add_section()
    return made


def _spread(ratios: Sequence[float]) -> str:
    if not ratios:
        return ""
    return f"{median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})"
