"""A run of the suite as a process: what it inherits does not change it, and it leaves no process behind.

A plugin of pytest, which tests/conftest.py takes in.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

#: Python itself ignores these.
_PYTHONS_OWN = (signal.SIGPIPE, signal.SIGXFSZ)


def pytest_configure(config: pytest.Config) -> None:
    """Signals that are ignored or blocked, as SIGINT is in `make test &`, would be so in what we start."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, *_PYTHONS_OWN}:
        if signal.getsignal(number) is signal.SIG_IGN:
            # A handler is not inherited. We go on ignoring it; but not SIGCHLD, or no exit code could be had.
            signal.signal(number, signal.SIG_DFL if number == signal.SIGCHLD else _do_nothing)
    stop = _stop_with_workers if getattr(config.option, "numprocesses", None) else _stop
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, stop)
    signal.signal(signal.SIGTERM, stop)
    adopt_orphans()


def pytest_collection_finish() -> None:
    """What was collected stays to the end, half a million objects: Python need not look for garbage there again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    if left := end_descendants():
        print("\nstill running, now killed:", *left, sep="\n  ")


@contextmanager
def no_process_left() -> Iterator[None]:
    """A program that is no test: SIGINT, SIGTERM and SIGHUP leave the block by SystemExit, and all below ends with it.

    A second signal ends everything at once.
    """

    def leave(number: int, _: Any) -> None:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, _stop_now)
        raise SystemExit(128 + number)

    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    adopt_orphans()
    try:
        yield
    finally:
        end_descendants()


def adopt_orphans() -> None:
    """What a child leaves running when it ends is below this process then, where end_descendants() finds it."""
    if sys.platform == "linux":
        set_child_subreaper = 36
        ctypes.CDLL(None).prctl(set_child_subreaper, 1)


def end_descendants() -> list[str]:
    """Kill what still runs below this process; returns their command lines."""
    found: dict[int, str] = {}
    while below := descendants(os.getpid()) - found.keys():
        for pid in below:
            with contextlib.suppress(OSError):
                found[pid] = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
                os.kill(pid, signal.SIGKILL)
            found.setdefault(pid, "")
    return [line for line in found.values() if line]


def descendants(pid: int) -> set[int]:
    """The ids of all processes below this one."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it may have gone
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def _do_nothing(*_: Any) -> None:
    pass


def _stop(number: int, _: Any) -> None:
    """The first stops as Ctrl-C does: fixtures end what they started. A second one stops at once."""
    signal.signal(number, _stop_now)
    pytest.exit(f"stopped by signal {number}", 128 + number)


def _stop_with_workers(number: int, frame: Any) -> None:
    """Those of pytest-xdist, which are our children: it would give them ten seconds and then kill them."""
    for pid in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), number)
    _stop(number, frame)


def _stop_now(number: int, _: Any) -> None:
    end_descendants()
    os._exit(128 + number)
