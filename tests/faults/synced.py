"""Which part of an append-only file was on the disk at a moment, as strace saw its server write and sync it.

No ordinary machine loses its page cache on request. What a power loss leaves for certain is what fdatasync() had been
asked for and had answered: what was written to the file before it began. More may be left, never less.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable

#: What runs a server so that it can be read; each line has the thread, seconds since the epoch, and the call.
STRACE = ("strace", "-f", "-ttt", "-T", "-y", "-s", "0", "-e", "trace=write,fdatasync,fsync", "-o")
_CALL = re.compile(r"^(\d+) +([\d.]+) (write|fdatasync|fsync)\(\d+<([^>]*)>(.*)$")
_RESUMED = re.compile(r"^(\d+) +([\d.]+) <\.\.\. (write|fdatasync|fsync) resumed>(.*)$")
_RESULT = re.compile(r"= (\d+)(?: <([\d.]+)>)?$")


class Synced:
    """Of the file whose path ends with `suffix`."""

    def __init__(self, trace: Iterable[str], suffix: str = ".incr.aof") -> None:
        written = 0
        began: dict[str, tuple[str, int]] = {}
        self._moments: list[float] = []
        self._sizes: list[int] = []
        for line in trace:
            if found := _CALL.match(line):
                thread, at, call, path, rest = found.groups()
                if not path.endswith(suffix):
                    continue
                result = _RESULT.search(rest)
                if result is None:  # another thread was first: it goes on in a later line
                    began[thread] = (call, written)
                    continue
                before, ended = written, float(at) + float(result[2] or 0)
            elif found := _RESUMED.match(line):
                thread, at, call, rest = found.groups()
                result = _RESULT.search(rest)
                if thread not in began or result is None:
                    continue
                _, before = began.pop(thread)
                ended = float(at)
            else:
                continue
            if call == "write":
                written += int(result[1])
            else:
                self._moments.append(ended)
                self._sizes.append(max(before, self._sizes[-1] if self._sizes else 0))
        self.written = written

    def at(self, moment: float) -> int:
        """Bytes that were on the disk for certain at this moment, seconds since the epoch."""
        place = bisect_right(self._moments, moment)
        return self._sizes[place - 1] if place else 0

    @property
    def syncs(self) -> int:
        return len(self._moments)

    def between(self, first: float, last: float) -> int:
        """How many syncs ended in that time."""
        return bisect_right(self._moments, last) - bisect_right(self._moments, first)
