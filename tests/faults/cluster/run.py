"""`make faults-cluster`: a load on 3 masters and 3 replicas, and faults on a seeded schedule; then what they cost.

python -m tests.faults.cluster.run --minutes 5 --seed 1
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.bench.session import no_process_left
from tests.faults.checker import check
from tests.faults.cluster.field import ClusterField
from tests.faults.cluster.nemesis import KINDS, Nemesis, Stuck, plan
from tests.faults.cluster.report import table
from tests.faults.history import Bounds
from tests.faults.load import Load, Mix
from tests.faults.report import Report
from tests.faults.starved import Starved

#: Seconds. `late`: what timers of other partitions may be while a master is away.
BOUNDS = Bounds(lease=3.0, late=2.5)
#: For all timers to end, of which a busy machine may have left some to wait until others have: it ends with the last.
_PATIENCE = 300.0


def run(
    folder: Path,
    seed: int,
    seconds: float,
    mix: Mix,
    *,
    kinds: Sequence[str] = tuple(KINDS),
    bounds: Bounds = BOUNDS,
    pollers: int = 3,
    pause: float | None = None,
    say: bool = False,
) -> Report:
    """Faults for so long, but each kind at least once; `pause`: seconds before each, a lease unless said."""
    field = ClusterField(folder, bounds)
    try:
        for _ in range(pollers):
            field.join()
        apis = [(int(field.url.rpartition(":")[2]), part) for part in (field.open_api() for _ in range(2))]
        load = Load(field, [f"http://127.0.0.1:{port}" for port, _ in apis], mix, seed)
        nemesis = Nemesis(field, apis, seed)
        starved = Starved(field).start()
        load.start()
        struck: Counter[str] = Counter()
        begun = time.monotonic()
        for kind in plan(seed, kinds):
            if time.monotonic() - begun > seconds and len(struck) == len(kinds):
                break
            # What the last one did must have healed, or the next cannot be told from it.
            time.sleep(bounds.lease if pause is None else pause)
            if say:
                passed = time.monotonic() - begun
                print(f"{passed:6.0f} s  {len(field.record.creates):7} creates  {kind}", file=sys.stderr, flush=True)
            try:
                nemesis.strike(kind)
            except Stuck:
                break  # the record says so
            struck[kind] += 1
        load.stop()
        field.settled(_PATIENCE)
        starved.stop()
        history = field.history()
        return Report(history, check(history))
    finally:
        field.remove()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--rate", type=float, default=150)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND")
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
    print(f"seed {seed}", file=sys.stderr)
    with no_process_left(), tempfile.TemporaryDirectory() as folder:
        report = run(Path(folder), seed, 60 * asked.minutes, Mix(rate=asked.rate), kinds=asked.kinds, say=True)
    print(f"{report}\n\n{table(report.history)}")
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
