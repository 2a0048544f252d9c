"""Many hostile inputs at one service after the other, each reproducible by its number.

`python -m tests.hostile.storm FIRST COUNT` runs a part of the long form and prints its table.
"""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.hostile.corpus import bodies
from tests.hostile.mutations import Mutator
from tests.hostile.service import Outcome, Service

AT_ONCE = 20_000
"""Inputs for one database. More would measure how large an incident can get."""
FORMS_EVERY = 97


def storm(first: int, count: int, folder: Path) -> Outcome:
    """Send the inputs from number `first` on to one service, then read all that it kept."""
    service, mutator = Service(folder), Mutator(bodies())
    try:
        for seed in bodies():
            service.send(seed, -1)
        for number in range(first, first + count):
            service.send(mutator.make(number), number, incident=1 + number % 7)
            if number % FORMS_EVERY == 0:
                _send_forms(service, number)
        service.look_at_everything()
        return service.outcome
    finally:
        service.close()


def _send_forms(service: Service, number: int) -> None:
    seeds = list(service.forms(1 + number % 7))
    if seeds:
        form = Mutator(seeds).make(number)
        service.send(form, number)


def _main(first: int, count: int) -> int:
    began, wrong, statuses = time.monotonic(), 0, Counter()
    for start in range(first, first + count, AT_ONCE):
        with tempfile.TemporaryDirectory(prefix="mttx-storm-") as folder:
            outcome = storm(start, min(AT_ONCE, first + count - start), Path(folder))
        statuses += outcome.statuses
        for fault in outcome.wrong:
            wrong += 1
            print("WRONG", fault, flush=True)
        print(f"{start}: {statuses.total()} requests, {wrong} wrong, {time.monotonic() - began:.0f} s", flush=True)
    for row, columns in sorted(Outcome(statuses).table().items()):
        print(row, columns)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(_main(int(sys.argv[1]), int(sys.argv[2])))
