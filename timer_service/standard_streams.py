"""Standard input, output and error as a service needs them: always open, and never a reason to stand still."""

from __future__ import annotations

import os
import select
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

#: Bytes that a pipe takes whole or not at all (POSIX: at least 512; Linux: 4,096).
_WHOLE = select.PIPE_BUF
#: Seconds for which a full pipe is waited for, once; a reader that lives has made room by then.
_PATIENCE = 0.1


def open_closed() -> None:
    """Point closed descriptors 0, 1 and 2 at /dev/null, or the next file that is opened gets what we print (`2>&-`)."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
            os.set_inheritable(descriptor, True)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


class LineWriter:
    """Writes whole lines to a descriptor; what a full pipe or terminal does not take is dropped and counted.

    The line that `notice` makes of the count goes ahead of the next that fits. Threads may share it: short lines need
    no lock, so that none waits for the line of another.
    """

    def __init__(self, descriptor: int, notice: Callable[[int], bytes]) -> None:
        self._write, self._descriptor = _without_waiting(descriptor)
        self._own = self._descriptor != descriptor
        self._notice = notice
        self._lock = threading.Lock()
        #: The end of a line whose beginning was taken.
        self._rest = b""
        self._dropped = 0

    def write(self, lines: bytes) -> None:
        """Takes lines with their ends. Never raises, and waits 0.1 s at most."""
        taken = 0
        if len(lines) <= _WHOLE and not self._rest and not self._dropped:
            taken = self._push(lines)
        if taken < len(lines):
            with self._lock:
                self._write_in_turn(lines, taken)

    def close(self) -> None:
        """Leaves the descriptor that it was given open."""
        if self._own:
            os.close(self._descriptor)

    def _write_in_turn(self, lines: bytes, taken: int) -> None:
        """So many bytes have been taken already."""
        until = time.monotonic() + (0 if self._rest or self._dropped else _PATIENCE)
        self._rest = self._send(self._rest, until)
        if self._dropped and not self._rest:
            notice = self._notice(self._dropped)
            left = self._send(notice, until)
            if left != notice:
                self._rest, self._dropped = left, 0
        left = lines[taken:]
        if not self._rest and not self._dropped:
            left = self._send(left, until)
        taken = len(lines) - len(left)
        if left and taken and lines[taken - 1 : taken] != b"\n":
            end = left.index(b"\n") + 1
            self._rest, left = left[:end], left[end:]
        self._dropped += left.count(b"\n")

    def _send(self, data: bytes, until: float) -> bytes:
        """Returns what was not taken."""
        while data:
            if taken := self._push(data):
                data = data[taken:]
            elif (left := until - time.monotonic()) <= 0 or not _takes_more(self._descriptor, left):
                break
        return data

    def _push(self, data: bytes) -> int:
        try:
            return self._write(data)
        except OSError:  # full; or for good: a closed pipe, a full disk, a terminal that has gone
            return 0


def _without_waiting(descriptor: int) -> tuple[Callable[[bytes], int], int]:
    """How to write there without waiting, and on what to wait. To make the descriptor itself non-blocking would make it
    so for the shell and every other process that shares it."""
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(kind):  # journald's, for one
        own = os.dup(descriptor)
        return lambda data: _send_now(own, data), own
    if stat.S_ISFIFO(kind) or stat.S_ISCHR(kind):
        try:
            own = os.open(f"/dev/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:  # no such folder, or another user's pipe: then a moment remains in which another fills it
            return lambda data: os.write(descriptor, data[:_WHOLE]) if _takes_more(descriptor, 0) else 0, descriptor
        return partial(os.write, own), own
    return partial(os.write, descriptor), descriptor


def _send_now(descriptor: int, data: bytes) -> int:
    sock = socket.socket(fileno=descriptor)
    try:
        return sock.send(data, socket.MSG_DONTWAIT)
    finally:
        sock.detach()


def _takes_more(descriptor: int, seconds: float) -> bool:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLOUT)
    return any(event == select.POLLOUT for _, event in waiting.poll(1000 * seconds))
