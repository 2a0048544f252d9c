"""Formatting of durations for people: the same on pages, in command-line tables, in documents and in messages.

Seconds are rounded up and nothing is truncated, so a duration beyond a target never reads as the target.
"""

from datetime import timedelta

_SECOND = timedelta(seconds=1)
_LONGEST_IN_MINUTES = timedelta(hours=2)
_LONGEST_IN_HOURS = timedelta(hours=72)


def parts(length: timedelta) -> list[tuple[int, str]]:
    """Split a duration into numbers and the units `d`, `h`, `m` and `s`: 90 m, 2 h 5 m, 72 h, 3 d 1 h.

    Minutes below two hours and hours up to 72, as in the standard's deadlines (section 2). Never empty.
    """
    seconds = max(0, -(-length // _SECOND))
    days, hours = divmod(seconds // 3600, 24) if seconds > _LONGEST_IN_HOURS / _SECOND else (0, seconds // 3600)
    minutes = seconds // 60 % 60
    if seconds < _LONGEST_IN_MINUTES / _SECOND:
        hours, minutes = 0, seconds // 60
    units = ((days, "d"), (hours, "h"), (minutes, "m"), (seconds % 60, "s"))
    return [(number, unit) for number, unit in units if number] or [(0, "s")]


def duration(length: timedelta) -> str:
    """Format a duration: 40s, 5m59s, 90m, 2h5m, 72h, 5d."""
    return "".join(f"{number}{unit}" for number, unit in parts(length))
