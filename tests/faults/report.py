"""The table of faults: each test adds its row, and the run prints them in its end. It writes nothing else."""

from dataclasses import asdict, dataclass

COLUMNS = ("fault", "on", "runs", "sent", "refused", "answered 2xx", "stored", "duplicates", "recovery")


@dataclass(frozen=True, slots=True)
class Row:
    """What became of a fault. `sent`: different webhooks; `refused`: tries that were answered otherwise or cut off;
    `recovery`: seconds from the end of the fault to the first 2xx, the longest of all times; `note`: more figures.
    """

    fault: str
    on: str
    times: int
    sent: int
    refused: int
    answered: int
    stored: int
    doubled: int
    recovery: float | None = None
    note: str = ""

    def cells(self):
        recovery = "" if self.recovery is None else f"{self.recovery:.1f} s"
        numbers = (self.times, self.sent, self.refused, self.answered, self.stored, self.doubled)
        return (self.fault, self.on, *map(str, numbers), recovery)


def attach(item, row):
    """Leave a row with a test; it travels with the test's report, from another process too."""
    item.user_properties.append(("fault", asdict(row)))


def rows_of(reports):
    return [Row(**value) for report in reports for name, value in report.user_properties if name == "fault"]


def lines(rows):
    """Return the table as Markdown, and the notes below it."""
    table = [f"| {' | '.join(cells)} |" for cells in (COLUMNS, ("---",) * len(COLUMNS), *(row.cells() for row in rows))]
    return [*table, "", *(f"* {row.fault}, {row.on}: {row.note}" for row in rows if row.note)]


def pytest_terminal_summary(terminalreporter):
    stats = terminalreporter.stats
    rows = rows_of(report for outcome in ("passed", "failed") for report in stats.get(outcome, ()))
    if rows:
        terminalreporter.section("faults")
        for line in lines(rows):
            terminalreporter.write_line(line)
