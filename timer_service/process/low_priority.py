"""A process that lets all others on the same cores go first."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

#: Added to its niceness: where cores are short it gets a tenth of what an ordinary process gets. With SCHED_IDLE it
#: could stand still, and what nobody may keep for it any longer would be lost.
_NICER = 10
#: Ns for which it asks to run before others are looked at; 100 ms is the most. Whoever wakes and asks for less goes
#: first at once, and else at the next tick, 1 to 10 ms later, however nice this process is. Linux 6.12 and later
#: (PREEMPT_SHORT in kernel/sched/fair.c); before, it says nothing.
_SLICE_NS = 100_000_000
#: Number of sched_setattr(2) for programs of 64 bits: libc has no function for it before glibc 2.41.
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
#: struct sched_attr, version 0: size, policy, flags, nice, priority, runtime, deadline, period.
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")


def let_others_go_first() -> None:
    """Of 2,000 timers a second on two cores with all in use (benchmarks/all_in_use.py) four of 1,000 are 5 ms late or
    more where a history calls give_way() too, six where it does not, eight with the niceness alone."""
    os.nice(_NICER)
    if sys.platform == "linux" and sys.maxsize > 2**32 and os.sched_getscheduler(0) == os.SCHED_OTHER:
        _ask_for_slices()


def give_way() -> None:
    """Whoever waits for this core gets it, unless it is this process's turn by its niceness. By itself the kernel looks
    at its next tick, 1 to 10 ms later."""
    os.sched_yield()


def _ask_for_slices() -> None:
    """Where that is refused, all stays as it was."""
    number = _SCHED_SETATTR.get(platform.machine())
    if number is not None:
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, _SLICE_NS, 0, 0)
        ctypes.CDLL(None).syscall(number, 0, attributes, 0)
