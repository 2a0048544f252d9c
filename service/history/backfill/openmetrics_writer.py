"""Writes samples of many instants as OpenMetrics text: each series in one piece, as the format requires.

A value that does not change is held once, so that memory grows with the changes and not with the instants.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import Metric as Family

_AT = "\0"
"""Stands for the instant in the text of a point; no label contains it, since no database stores it."""
Point = tuple[str, ...]


@dataclass(slots=True)
class _FamilySamples:
    """One family: for each point its text and the instant from which it applies; None while it is absent."""

    head: str
    points: dict[Point, list[tuple[int, str | None]]] = field(default_factory=dict)


class OpenMetricsWriter:
    """Collects families and writes them; `labels` are those that a scrape adds to every series."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = dict(labels)
        self._families: dict[str, _FamilySamples] = {}
        self._names: dict[tuple[str, Point], str] = {}

    def put(self, family: Family, instant: int) -> None:
        """Set a family from the instant with this number on."""
        name = family.name
        sheet = self._families.get(name)
        if sheet is None:
            head = f"# HELP {name} {_escaped(family.documentation)}\n# TYPE {name} {family.type}\n"
            sheet = self._families[name] = _FamilySamples(head)
        texts: dict[Point, str] = {}
        for sample in family.samples:
            labels = {key: str(value) for key, value in sample.labels.items()}
            point = tuple(value for key, value in labels.items() if key != "le")
            line = f"{self._name(sample.name, labels)} {float(sample.value)!r} {_AT}\n"
            texts[point] = texts.get(point, "") + line
        for point, runs in sheet.points.items():
            if point not in texts and runs[-1][1] is not None:
                runs.append((instant, None))
        for point, text in texts.items():
            runs = sheet.points.setdefault(point, [])
            if not runs or runs[-1][1] != text:
                runs.append((instant, text))

    def text(self, instants: Sequence[str], first: int) -> Iterator[str]:
        """Yield the text of the instants from number `first` on, and drop what ended before.

        `instants` are those from `first` to the last that was put.
        """
        end = first + len(instants)
        for sheet in self._families.values():
            head = sheet.head
            for point, runs in sheet.points.items():
                for (begin, text), (until, _) in zip(runs, [*runs[1:], (end, None)], strict=True):
                    held = instants[max(begin, first) - first : until - first]
                    if text is not None and held:
                        yield head
                        yield from _at_each(text, held)
                        head = ""
                sheet.points[point] = runs[-1:]
            sheet.points = {point: runs for point, runs in sheet.points.items() if runs[-1][1] is not None}
        yield "# EOF\n"

    def _name(self, name: str, labels: Mapping[str, str]) -> str:
        key = (name, tuple(labels.values()))
        series = self._names.get(key)
        if series is None:
            pairs = ",".join(f'{key}="{_escaped(value)}"' for key, value in {**self._labels, **labels}.items())
            series = self._names[key] = f"{name}{{{pairs}}}" if pairs else name
        return series


def _at_each(text: str, instants: Sequence[str]) -> Iterator[str]:
    """Yield a point at every instant."""
    head, *tails = text.split(_AT)
    if len(tails) == 1:
        yield head + (tails[0] + head).join(instants) + tails[0]
    else:
        for at in instants:
            yield text.replace(_AT, at)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
