"""A clock of their own for processes: Debian's libfaketime shows them another time of day; durations stay right."""

from pathlib import Path

LIBRARIES = "*/faketime/libfaketimeMT.so.1"


class Clock:
    """`under` is the command that runs others by it. It is right until it is `set`."""

    def __init__(self, folder):
        self._file = folder / "clock"
        self.set(0)
        [library, *_] = [*Path("/usr/lib").glob(LIBRARIES), None]
        self.under = [
            "env",
            f"LD_PRELOAD={library}",
            f"FAKETIME_TIMESTAMP_FILE={self._file}",
            "FAKETIME_CACHE_DURATION=1",  # seconds; without any, the file is read whenever somebody looks at the clock
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
        ]

    def set(self, seconds):
        """Have it go ahead of the right time by so many seconds, or behind it."""
        part = self._file.with_suffix(".part")
        part.write_text(f"{seconds:+d}\n")
        part.replace(self._file)
