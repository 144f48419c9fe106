"""What each script costs the store's main thread in the worst cases that a client can bring about, over many calls.

    python -m benchmarks.scripts --calls 1000 --only list

The main thread's CPU, from INFO before and after each call: not the wall clock, which others share, and which the
microseconds of commandstats are. A script shall take 3 ms in the mean and 5 at worst: the store serves nobody else
meanwhile.

A call's CPU grows where others use the machine: caches and the clock rate are shared. So beside the worst call stands
the worst of three calls' best, for three in a row do the same work: what the script itself costs is not above that.
Not for claims that go on until nothing is left, whose last ones are smaller. A loop of constant work, measured in the
same way, shows what the machine adds by itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.figures import Row, table
from benchmarks.script_bench import Bench, MeteredLink
from benchmarks.script_cases import CASES, Case
from tests.bench.servers import BINARIES, Server


def worst_of_best(took: Sequence[float]) -> float:
    """Of each three calls in a row the best, and of these the worst."""
    return max(min(took[start : start + 3]) for start in range(0, max(1, len(took) - 2), 3))


def measure(case: Case, calls: int) -> dict[str, list[float]]:
    """By script, the ms of each call."""
    assert BINARIES["valkey"] is not None
    server = Server(BINARIES["valkey"]).start()
    try:
        link = MeteredLink(server)
        for run in case(Bench(link)):
            link.name = "on"
            run()  # type: ignore[operator]
            link.name = ""
            if max(map(len, link.took.values()), default=0) >= calls:
                break
        return {name.partition(":")[0]: took for name, took in link.took.items()}
    finally:
        server.remove()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--only", action="append", help="cases whose name begins so")
    options = parser.parse_args()
    rows: list[Row] = []
    for name, case in CASES.items():
        if options.only and not name.startswith(tuple(options.only)):
            continue
        for script, took in measure(case, options.calls).items():
            mean, worst = sum(took) / len(took), max(took)
            same = script != "claim" or not name.startswith("claim and settle")
            best = round(worst_of_best(took), 2) if same else None
            row: Row = {"case": name, "script": script, "calls": len(took), "mean_ms": mean, "worst_ms": worst}
            rows.append({**row, "worst_of_best_ms": best})
            print(
                f"{name:36} {script:10} {len(took):6} calls  mean {mean:6.2f} ms  worst {worst:6.2f} ms"
                f"  worst of best {'-' if best is None else best:>6}",
                flush=True,
            )
    print(table(rows))


if __name__ == "__main__":
    main()
