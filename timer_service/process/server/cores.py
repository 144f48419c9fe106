"""On which core a worker stays.

Threads of one interpreter take turns; across cores they spend a third of their time on handing over: 0.64 CPU s per
1,000 POST /timers instead of 1.0, and 1,550 a second instead of 1,000, with 16 clients on 2 cores. So a worker that has
much to do stays on one core, the freest, and leaves it when others need it: those of other containers know nothing of
us, nor we of them. One that has little to do goes wherever the system puts it.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping
from pathlib import Path

#: Seconds between two looks; not the same for everyone, lest all leave a busy core for the same idle one.
_LOOK = (0.4, 1.4)
#: Shares of a core: who uses more has something to gain, who uses less again has not.
_BUSY, _IDLE = 0.3, 0.1
#: Another core must have been free for so much more of the time before a move is worth it.
_WORTH = 0.25
#: Cores this close to the freest are as good.
_AS_GOOD = 0.1

#: Core -> ticks that it was idle, and ticks in all, since the machine started.
Ticks = Mapping[int, tuple[int, int]]


def free_shares(before: Ticks, after: Ticks) -> dict[int, float]:
    """Core -> share of the time between that it was idle."""
    return {
        core: (idle - before[core][0]) / (total - before[core][1])
        for core, (idle, total) in after.items()
        if core in before and total > before[core][1]
    }


def core_to_use(free: Mapping[int, float], mine: int | None, used: float) -> int | None:
    """Where to stay; None for nowhere. `used`: share of a core that I used myself, and that would follow me."""
    if used < (_BUSY if mine is None else _IDLE):
        return None
    others = {core: share for core, share in free.items() if core != mine}
    best = max(others.values(), default=0.0)
    if mine is not None and best < free.get(mine, 1.0) + used + _WORTH:
        return mine
    return random.choice([core for core, share in others.items() if share >= best - _AS_GOOD]) if others else mine


class Core:
    """Not for several threads; it moves all of them. Where the system tells nothing of its cores it does nothing."""

    def __init__(self) -> None:
        self._allowed = sorted(os.sched_getaffinity(0))
        self._mine: int | None = None
        self._note()

    def look(self) -> None:
        """Cheap to call often."""
        now = time.monotonic()
        if now < self._look_at or len(self._allowed) == 1:
            return
        free = free_shares(self._ticks, _ticks(self._allowed))
        used = (time.process_time() - self._used) / (now - self._noted_at)
        if (core := core_to_use(free, self._mine, used)) != self._mine:
            self._mine = core
            self._go(self._allowed if core is None else [core])
        self._note()

    def _note(self) -> None:
        self._noted_at = time.monotonic()
        self._look_at = self._noted_at + random.uniform(*_LOOK)
        self._used = time.process_time()
        self._ticks = _ticks(self._allowed)

    def _go(self, cores: list[int]) -> None:
        for thread in os.listdir("/proc/self/task"):
            try:
                os.sched_setaffinity(int(thread), cores)
            except OSError:  # the thread has ended, or the core was taken from us
                continue


def _ticks(cores: list[int]) -> Ticks:
    """Of /proc/stat, which tells of all cores of the machine, also in a container."""
    found = {}
    try:
        lines = Path("/proc/stat").read_text().splitlines()[1:]
    except OSError:
        return {}
    for line in lines:
        name, *numbers = line.split()
        if not name.startswith("cpu"):
            break
        if (core := int(name[3:])) in cores:
            ticks = [int(number) for number in numbers[:8]]
            found[core] = (ticks[3] + ticks[4], sum(ticks))
    return found
