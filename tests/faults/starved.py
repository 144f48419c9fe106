"""Notes when the machine itself gave a process no CPU: for as long as a freeze, it is one.

Where the wires between pollers and the store had none, it is one for all pollers.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from tests.faults.field import Record
from tests.faults.history import Bounds, Fault
from tests.faults.wire import Net

#: Seconds between two looks.
_EVERY = 0.25
#: Stands for the wires among the pids.
_WIRES = 0


class Watched(Protocol):
    """Where it looks."""

    @property
    def bounds(self) -> Bounds: ...
    @property
    def record(self) -> Record: ...
    @property
    def crew(self) -> Mapping[str, object]: ...
    @property
    def net(self) -> Net | None: ...
    def processes(self) -> Iterable[tuple[int, frozenset[str]]]: ...


class Starved:
    """A thread from start() to stop(), or of a `with`: faults for processes that waited for a CPU for more than half a
    lease of one."""

    def __init__(self, field: Watched) -> None:
        self._field = field
        self._lease = field.bounds.lease
        #: By pid what the kernel has counted, over one lease: when, and seconds of waiting.
        self._waited: dict[int, deque[tuple[float, float]]] = defaultdict(deque)
        #: By pid when it began to be starved, and until when it was.
        self._spans: dict[int, tuple[float, float]] = {}
        self._names: dict[int, frozenset[str]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Starved:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        for pid in list(self._spans):
            self._note(pid)

    def __enter__(self) -> Starved:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._over.wait(_EVERY):
            field = self._field
            for pid, names in field.processes():
                self._look_at_process(pid, names)
            if field.net is not None:
                self._look(_WIRES, field.net.waited, frozenset(field.crew))

    def _look_at_process(self, pid: int, names: frozenset[str]) -> None:
        try:
            waited = int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9  # of its first thread
        except (OSError, IndexError):  # it has gone
            return
        self._look(pid, waited, names)

    def _look(self, pid: int, waited: float, names: frozenset[str]) -> None:
        """`waited`: seconds for a CPU, in all, so far."""
        now, counted = time.time(), self._waited[pid]
        counted.append((now, waited))
        # One that is older stays: whoever looks is starved too, and may not have looked for a lease.
        while len(counted) > 1 and now - counted[1][0] > self._lease:
            counted.popleft()
        since, before = counted[0]
        if waited - before > self._lease / 2:
            self._names[pid] = names | self._names.get(pid, frozenset())
            self._spans[pid] = (self._spans.get(pid, (since, 0.0))[0], now)
        elif pid in self._spans:
            self._note(pid)

    def _note(self, pid: int) -> None:
        start, end = self._spans.pop(pid)
        names = self._names.pop(pid)
        fault = Fault(kind="starved", start=start, end=end, pollers=names, excuses=bool(names))
        self._field.record.faults.append(fault)
