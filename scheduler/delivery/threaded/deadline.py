"""One call's deadline, enforced from outside: a timeout of requests bounds each read, not the whole call."""

from __future__ import annotations

import contextlib
import os
import socket
import threading


class Deadline:
    """The end of one call: holds the socket that it uses, so that another thread can cut it and every wait on it ends.

    Shared by the call's thread and the watchdog's; ends with `let_go`. Raises nothing but OSError in `hold`.
    """

    def __init__(self, at: float, most_idle: float = 0.0) -> None:
        #: Seconds of the monotonic clock.
        self.at = at
        #: Seconds for which a connection may have been idle that the call uses.
        self.most_idle = most_idle
        #: It has made a connection; it uses one that had carried another call; it found such a one closed.
        self.dialled = self.reused = self.found_closed = False
        #: Seconds for which the connection had been idle that it found.
        self.idle = 0.0
        #: True once the deadline has cut the call.
        self.cut_off = False
        #: True once a byte of the request may be on the wire.
        self.sent = False
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None
        self._over = False

    def hold(self, sock: socket.socket) -> None:
        """Hold this connection, by a duplicate: TLS and pooling take the original out of our hands."""
        with self._lock:
            self._drop()
            self._handle = socket.socket(sock.family, sock.type, sock.proto, os.dup(sock.fileno()))
            if self.cut_off:
                self._shut()

    def cut(self) -> None:
        with self._lock:
            if not self._over:
                self.cut_off = True
                self._shut()

    def let_go(self) -> None:
        """The call is over: its connection may be another's from now on."""
        with self._lock:
            self._over = True
            self._drop()

    def _shut(self) -> None:
        if self._handle is not None:
            with contextlib.suppress(OSError):
                self._handle.shutdown(socket.SHUT_RDWR)

    def _drop(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None
