"""`make faults`: the seeded random schedule for so many minutes, and a table. A failing seed is printed and replays."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.bench.session import no_process_left
from tests.faults.checker import check
from tests.faults.destination_load import DestinationLoad
from tests.faults.field import Field
from tests.faults.history import Bounds
from tests.faults.load import Load, Mix
from tests.faults.nemesis import KINDS, Nemesis, plan
from tests.faults.report import Report
from tests.faults.schedule_load import ScheduleLoad
from tests.faults.starved import Starved
from tests.faults.watch import Watch

#: Seconds.
LEASE = 3.0
BOUNDS = Bounds(lease=LEASE)
_POLLERS = 3


def run(
    folder: Path, seed: int, seconds: float, mix: Mix, *, times: int = 1, bounds: Bounds = BOUNDS, say: bool = False
) -> Report:
    """Faults for so long, but each kind so many times at least."""
    field = Field(folder, bounds)
    try:
        for _ in range(_POLLERS):
            field.join()
        apis = []
        for _ in range(2):
            part = field.open_api()
            apis.append((int(field.url.rpartition(":")[2]), part))
        urls = [f"http://127.0.0.1:{port}" for port, _ in apis]
        load, schedules = Load(field, urls, mix, seed), ScheduleLoad(field, urls, seed)
        destinations = DestinationLoad(field, seed)
        nemesis = Nemesis(field, apis, seed)
        watch = Watch(field, every=LEASE).start()
        starved = Starved(field).start()
        load.start()
        schedules.start()
        destinations.start()
        struck: Counter[str] = Counter()
        begun = time.monotonic()
        for kind in plan(seed):
            if time.monotonic() - begun > seconds and len(struck) == len(KINDS) and min(struck.values()) >= times:
                break
            time.sleep(LEASE)  # what the last one did must have healed, or the next cannot be told from it
            if say:
                passed = time.monotonic() - begun
                print(f"{passed:6.0f} s  {len(field.record.creates):7} creates  {kind}", file=sys.stderr, flush=True)
            nemesis.strike(kind)
            struck[kind] += 1
        load.stop()
        schedules.stop()
        destinations.stop()
        watch.stop()
        field.settled(bounds.after_fault + 30)
        starved.stop()
        history = field.history()
        return Report(history, check(history))
    finally:
        field.remove()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--rate", type=float, default=260)
    parser.add_argument("--times", type=int, default=3, help="each kind of fault at least so many times")
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
    print(f"seed {seed}", file=sys.stderr)
    with no_process_left(), tempfile.TemporaryDirectory() as folder:
        report = run(Path(folder), seed, 60 * asked.minutes, Mix(rate=asked.rate), times=asked.times, say=True)
    print(report)
    if report.violations:
        print(f"FAILED; again with: make faults SEED={seed} MINUTES={asked.minutes:g}")
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
