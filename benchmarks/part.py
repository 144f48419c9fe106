"""What every part has in common: its options, its rounds, its progress, its section of the results."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import cpu, results
from benchmarks.figures import Row, median, spread, table
from tests.bench.session import no_process_left

#: Percent of the machine that others may use before a part begins without a word.
_QUIET = 5


@dataclass(frozen=True)
class Options:
    #: Everything small: shows that it works, not how fast.
    quick: bool = False
    rounds: int = 3
    path: Path = results.PATH
    #: Parts, or peers; none means all.
    only: Sequence[str] = ()

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full


@dataclass(frozen=True)
class Part:
    name: str
    about: str
    #: Rows of the part's table, and what else it found worth keeping.
    measure: Callable[[Options], tuple[list[Row], dict[str, Any]]]


def say(words: str) -> None:
    """Progress, at once."""
    print(f"{time.strftime('%H:%M:%S')}  {words}", file=sys.stderr, flush=True)


def repeat(what: str, rounds: int, one: Callable[[], Row], spreads: Sequence[str] = ()) -> Row:
    """The medians of some rounds; of the columns in `spreads` also the smallest and largest."""
    rows = []
    for number in range(1, rounds + 1):
        rows.append(one())
        _say(what, number, rounds, rows[-1])
    found = median(rows)
    for column in spreads:
        low, high = spread(rows, column)
        found[f"{column}_range"] = f"{low:,g}-{high:,g}"
    return found


def by_turns(ways: Mapping[str, Callable[[], Row]], rounds: int) -> dict[str, Row]:
    """The medians of some rounds, in each of which every way has its turn: a machine changes its speed."""
    return {name: median(found) for name, found in turns(ways, rounds).items()}


def turns(ways: Mapping[str, Callable[[], Row]], rounds: int) -> dict[str, list[Row]]:
    """What each way gave in each of these rounds."""
    rows: dict[str, list[Row]] = {name: [] for name in ways}
    for number in range(1, rounds + 1):
        for name, one in ways.items():
            rows[name].append(one())
            _say(name, number, rounds, rows[name][-1])
    return rows


def _say(what: str, number: int, rounds: int, row: Row) -> None:
    figures = ", ".join(f"{name} {value:,.4g}" for name, value in row.items() if isinstance(value, int | float))
    say(f"  {what}, {number} of {rounds}: {figures}")


def run(part: Part, options: Options) -> None:
    say(f"{part.name}: {part.about.partition(chr(10))[0]}")
    busy = round(cpu.busy(0.2 if options.quick else 1))
    if busy > _QUIET:
        say(f"  {busy} % of this machine is in use by others: its figures are worth less")
    begun = time.monotonic()
    rows, more = part.measure(options)
    took = time.monotonic() - begun
    if options.only:
        say("not written to the results: this is not the whole part")
    else:
        results.save(
            options.path, part.name, results.section(rows, took, options.quick, busy_before_percent=busy, **more)
        )
    print(f"\n{part.name}, {took:.0f} s\n{table(rows)}\n", flush=True)


def main(part: Part, names: Sequence[str] = ()) -> None:
    """The part alone: `python -m benchmarks.<part>`; `names` are what --only may choose from."""
    options = parse(part.about, names)
    with no_process_left():
        run(part, options)


def parse(about: str, names: Sequence[str] = ()) -> Options:
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: to see that it works")
    parser.add_argument("--rounds", type=int, help="of which the medians are taken (3, or 1 with --quick)")
    parser.add_argument("--results", type=Path, default=results.PATH, help="where to write (%(default)s)")
    if names:
        parser.add_argument("--only", action="append", choices=names, default=[], help="may be repeated")
    said = parser.parse_args()
    return Options(said.quick, said.rounds or (1 if said.quick else 3), said.results, tuple(getattr(said, "only", ())))
