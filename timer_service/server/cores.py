"""On which core a worker stays.

Threads of one interpreter take turns; across cores they spend a third of their time on handing over: 0.64 CPU s per
1,000 POST /timers instead of 1.0, and 1,550 a second instead of 1,000, with 16 clients on 2 cores. So a worker stays on
one core, but on none that somebody else needs: other containers choose theirs without knowing of us.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping
from pathlib import Path

#: Seconds between two looks; not the same for everyone, lest all leave a busy core for the same idle one.
_LOOK = (4.0, 8.0)
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


def better_core(free: Mapping[int, float], mine: int, used: float) -> int | None:
    """Where to go, or None to stay. `used`: the share of my core that was used by myself, and would follow me."""
    others = {core: share for core, share in free.items() if core != mine}
    if mine not in free or not others:
        return None
    best = max(others.values())
    if best < free[mine] + used + _WORTH:
        return None
    return random.choice([core for core, share in others.items() if share >= best - _AS_GOOD])


class Core:
    """Not for several threads; it moves all of them. Where the system tells nothing of its cores it never moves."""

    def __init__(self, number: int) -> None:
        """`number`: different for workers of one API, so that they begin on different cores."""
        self._allowed = sorted(os.sched_getaffinity(0))
        self._mine = self._allowed[number % len(self._allowed)]
        self._go(self._mine)
        self._note()

    def look(self) -> None:
        """Go elsewhere if others need this core. Cheap to call often."""
        now = time.monotonic()
        if now < self._look_at or len(self._allowed) == 1:
            return
        free = free_shares(self._ticks, _ticks(self._allowed))
        used = (time.process_time() - self._used) / (now - self._noted_at)
        if (core := better_core(free, self._mine, used)) is not None:
            self._go(core)
        self._note()

    def _note(self) -> None:
        self._noted_at = time.monotonic()
        self._look_at = self._noted_at + random.uniform(*_LOOK)
        self._used = time.process_time()
        self._ticks = _ticks(self._allowed)

    def _go(self, core: int) -> None:
        self._mine = core
        for thread in os.listdir("/proc/self/task"):
            try:
                os.sched_setaffinity(int(thread), {core})
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
