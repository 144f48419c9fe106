"""CPU seconds by process, from /proc: the cost that a rate alone does not show."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.figures import per_thousand

_TICKS = os.sysconf("SC_CLK_TCK")  # 100 a second: nothing shorter than a second is worth measuring with it


def parse(stat: str) -> tuple[int, float]:
    """Parent, and seconds so far with those of threads and of children that were waited for, of /proc/<pid>/stat."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[1]), sum(map(int, fields[11:15])) / _TICKS


def of_tree(pid: int) -> float:
    """Seconds of a process and everything that it started."""
    found: dict[int, tuple[int, float]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            found[int(entry.parent.name)] = parse(entry.read_text())
        except (FileNotFoundError, ProcessLookupError):  # it went meanwhile
            continue
    family, seconds = {pid}, 0.0
    while True:
        more = {child for child, (parent, _) in found.items() if parent in family} - family
        if not more:
            break
        family |= more
    for member in family & found.keys():
        seconds += found[member][1]
    return seconds


def busy_percent(before: str, after: str) -> float:
    """Share of all cores that was in use, or taken by the host, between two readings of /proc/stat."""
    spent = _spent(before, after)
    idle, waiting = spent[3:5]
    return 100 * (sum(spent) - idle - waiting) / (sum(spent) or 1)


def stolen_percent(before: str, after: str) -> float:
    """Share of all cores that the host took: what is late meanwhile may be so for its sake."""
    spent = _spent(before, after)
    return 100 * spent[7] / (sum(spent) or 1)


def of_all_cores() -> str:
    """A reading of /proc/stat."""
    return Path("/proc/stat").read_text()


def _spent(before: str, after: str) -> list[int]:
    """Ticks of user, nice, system, idle, iowait, irq, softirq and steal."""
    old, new = ([int(word) for word in text.split("\n", 1)[0].split()[1:9]] for text in (before, after))
    return [late - early for early, late in zip(old, new, strict=True)]


def busy(seconds: float) -> float:
    """By anyone: before a measurement a quiet machine shows next to nothing."""
    before = of_all_cores()
    time.sleep(seconds)
    return busy_percent(before, of_all_cores())


class Meter:
    """What named groups of processes spend from now on."""

    def __init__(self, **pids: int | list[int]) -> None:
        self._pids = {name: [pid] if isinstance(pid, int) else pid for name, pid in pids.items()}
        self._before = self._now()

    def spent(self) -> dict[str, float]:
        return {name: seconds - self._before[name] for name, seconds in self._now().items()}

    def cost(self, count: int) -> dict[str, float]:
        """Columns of CPU seconds per 1,000."""
        return columns(self.spent(), count)

    def _now(self) -> dict[str, float]:
        return {name: sum(map(of_tree, pids)) for name, pids in self._pids.items()}


def columns(spent: Mapping[str, float], count: int) -> dict[str, float]:
    return {f"{name}_cpu_s_per_1000": per_thousand(seconds, count) for name, seconds in spent.items()}
