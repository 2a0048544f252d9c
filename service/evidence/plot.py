"""One query as a picture: its series, the incident shaded, the milestones marked, both zones on the axes.

The only module that imports matplotlib, and only when a picture is drawn: it costs 40 MB that a service may never need.
"""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from io import BytesIO
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from service.domain.policy import Milestone
from service.evidence.curves import Curves
from service.evidence.window import EvidenceWindow
from service.render.timeline import zone_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_LINES = 10
"""More lines than there are colours would be indistinguishable."""
LONGEST_LABEL = 110
_FONT = "DejaVu Sans"  # comes with matplotlib, so that a picture is the same everywhere
_SIZE = (12.0, 6.2)
_LINE = 0.19
"""How high a line of the legend is, in inches."""
_DPI = 110
_INCIDENT = "#d62728"
_GREY = "#555555"


@dataclass(frozen=True, slots=True)
class Titles:
    """The texts around the picture; `unit` is that of the values, empty if none is configured."""

    name: str
    query: str
    unit: str


def draw(titles: Titles, curves: Curves, window: EvidenceWindow) -> bytes:
    """Return the picture as PNG; the same series give the same bytes with the same version of matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width, height = _SIZE
    height += _LINE * min(len(curves), MAX_LINES)  # so that many lines below leave the axes as high as they are
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    _incident(axes, window)
    shown = _lines(axes, curves)
    _scales(axes, titles, window)
    _milestones(axes, window)
    _headings(axes, titles, len(curves) - shown)
    png = BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()


def _incident(axes: "Axes", window: EvidenceWindow) -> None:
    axes.axvspan(window.incident_start, window.incident_end, color=_INCIDENT, alpha=0.09, linewidth=0, zorder=0)  # type: ignore[arg-type]  # dates are converted
    axes.set_xlim(window.start, window.end)  # type: ignore[arg-type]


def _lines(axes: "Axes", curves: Curves) -> int:
    shown = curves.highest(MAX_LINES)
    for curve, name in zip(shown, _distinguished([curve.name for curve in shown]), strict=True):
        times, values = curve.points()
        marker = "." if len(times) < 3 else ""
        label = f" {_drawable(_shortened(name))}"  # a label that begins with an underscore would be left out
        axes.plot(times, values, linewidth=1.4, marker=marker, label=label)  # type: ignore[arg-type]
    if not shown:
        axes.text(0.5, 0.5, "no data in this window", transform=axes.transAxes, ha="center", color=_GREY, fontsize=14)
    return len(shown)


def _scales(axes: "Axes", titles: Titles, window: EvidenceWindow) -> None:
    """Mark the same instants below in UTC and above in the display time zone."""
    axes.set_ylabel(_drawable(titles.unit or "value (no unit given)"), color="black" if titles.unit else _GREY)
    axes.margins(y=0.12)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.xaxis.set_major_locator(_ticks())
    axes.xaxis.set_major_formatter(_formatter(UTC, window.start, window.end))
    days = _days(window.start.astimezone(UTC), window.end.astimezone(UTC))
    axes.set_xlabel(f"UTC, {days} (shaded: the incident)")
    local, last = window.start.astimezone(window.zone), window.end.astimezone(window.zone)
    if window.zone.key != "UTC":
        above = axes.secondary_xaxis("top")
        above.xaxis.set_major_locator(_ticks())
        above.xaxis.set_major_formatter(_formatter(window.zone, window.start, window.end))
        above.set_xlabel(f"{window.zone.key} ({zone_name(local)}), {_days(local, last)}")


def _ticks() -> Any:
    from matplotlib.dates import AutoDateLocator

    return AutoDateLocator(tz=UTC, minticks=5, maxticks=11)  # type: ignore[no-untyped-call]


def _formatter(zone: tzinfo, begin: datetime, end: datetime) -> Any:
    from matplotlib.dates import DateFormatter

    minutes = (end - begin).total_seconds() / 60
    pattern = "%m-%d\n%H:%M" if minutes > 2 * 24 * 60 else "%H:%M" if minutes > 10 else "%H:%M:%S"
    return DateFormatter(pattern, tz=zone)  # type: ignore[no-untyped-call]


def _days(begin: datetime, end: datetime) -> str:
    return f"{begin:%Y-%m-%d}" if begin.date() == end.date() else f"{begin:%Y-%m-%d} to {end:%Y-%m-%d}"


def _milestones(axes: "Axes", window: EvidenceWindow) -> None:
    """Mark each with a line and its name; names that would overlap are set one below the other."""
    length = window.end - window.start
    marked = sorted((at, name) for name, at in window.milestones.items() if window.contains(at) and name in _MARKED)
    row, before = 0, -1.0
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.04 * (1 + len(marked)) * (high - low))  # room for their names above the lines
    for at, milestone in marked:
        position = (at - window.start) / length if length else 0.0
        row = row + 1 if position - before < 0.11 else 0
        before = position
        axes.axvline(at, color=_GREY, linestyle="--", linewidth=1)  # type: ignore[arg-type]
        right = position > 0.9
        axes.annotate(
            milestone.value,
            (position, 1.0),
            xycoords="axes fraction",
            xytext=(-4 if right else 4, -4 - 14 * row),
            textcoords="offset points",
            ha="right" if right else "left",
            va="top",
            fontsize=9,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
        )


_MARKED = (Milestone.STARTED, Milestone.DETECTED, Milestone.ACKNOWLEDGED, Milestone.MITIGATED, Milestone.RESOLVED)


def _headings(axes: "Axes", titles: Titles, left_out: int) -> None:
    """Write the name above; below, outside of the axes, the query and what each line is."""
    from matplotlib.font_manager import FontProperties

    figure = axes.get_figure(root=True)
    assert figure is not None  # noqa: S101 - the axes are on one
    figure.suptitle(_drawable(titles.name), fontsize=14, fontweight="bold")
    lines = [_drawable(line) for line in textwrap.wrap(titles.query, 140)[:3]]
    if left_out:
        lines.append(f"the {MAX_LINES} highest; {left_out} more in the CSV")
    handles, labels = axes.get_legend_handles_labels()
    legend = figure.legend(handles, labels, loc="outside lower center", fontsize=8.5, frameon=False)
    legend.set_title("\n".join(lines), prop=FontProperties(family="DejaVu Sans Mono", size=8.5))
    legend.get_title().set_color(_GREY)


def _distinguished(names: Sequence[str]) -> list[str]:
    """Return the names without their common beginning, if that is long."""
    ends = (min(names), max(names)) if len(names) > 1 else ("", "")  # what these two have in common, all have
    common = "".join(character for character, _ in takewhile(lambda pair: pair[0] == pair[1], zip(*ends, strict=False)))
    length = max(common.rfind(sign) + 1 for sign in "{,")
    return [f"…{name[length:]}" if length > 20 else name for name in names]


def _shortened(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…"


def _drawable(text: str) -> str:
    """Return a text as the font can draw it, with every $ escaped so that it does not begin a formula."""
    has_glyph = _glyphs()
    return "".join(char if has_glyph(char) else "?" for char in text.replace("\n", " ")).replace("$", r"\$")


@cache
def _glyphs() -> Callable[[str], bool]:
    from matplotlib.font_manager import findfont, get_font

    characters = get_font(findfont(_FONT)).get_charmap()
    return lambda char: ord(char) in characters
