"""All parts one after the other, and the pictures: what `make bench` runs.

python -m benchmarks --quick
python -m benchmarks --only drain --only crash
"""

from __future__ import annotations

import sys
import traceback
from dataclasses import replace

from benchmarks import (
    against,
    all_in_use,
    before,
    crash,
    destinations,
    drain,
    goals,
    hang,
    idle,
    intake,
    keeping,
    lateness,
    memory,
    on_call,
    pages,
    part,
    partitions,
    plots,
    results,
    scale,
    schedules,
    stages,
    tasks,
    views,
)
from benchmarks.figures import table
from benchmarks.part import say
from tests.bench.session import no_process_left

_MODULES = (
    drain,
    before,
    stages,
    lateness,
    all_in_use,
    schedules,
    intake,
    tasks,
    memory,
    keeping,
    scale,
    pages,
    views,
    on_call,
    idle,
    partitions,
    hang,
    destinations,
    crash,
    against,
)
PARTS = [it.PART for it in _MODULES]


def main() -> int:
    """How many parts failed; one that does is no reason to go without the others."""
    options = part.parse(__doc__ or "", names=[it.name for it in PARTS])
    failed = []
    for it in PARTS:
        if not options.only or it.name in options.only:
            try:
                part.run(it, replace(options, only=()))
            except Exception:
                traceback.print_exc()
                failed.append(it.name)
    print(table(goals.compared(results.load(options.path)["parts"])), flush=True)
    for picture in plots.draw(options.path):
        say(f"drawn: {picture}")
    say(f"written: {options.path}")
    if failed:
        say(f"FAILED: {', '.join(failed)}")
    return len(failed)


if __name__ == "__main__":
    with no_process_left():
        sys.exit(main())
