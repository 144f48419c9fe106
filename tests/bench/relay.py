"""A way from one port to another, over which a replica follows its primary: late, not at all, or cut for ever."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class Relay:
    """Listens on `port`. What it has read of the primary and not sent on is lost when it is cut, as in a machine that
    has lost its power, and the network beside it."""

    def __init__(self, target: int, delay: float = 0.0) -> None:
        """`delay`: seconds by which what the primary sends is late."""
        self._target, self._delay = target, delay
        self._open = threading.Event()
        self._open.set()
        self._is_cut = False
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def hold(self) -> None:
        """Nothing reaches the replica from now on."""
        self._open.clear()

    def cut(self) -> None:
        self._is_cut = True
        for it in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                it.shutdown(socket.SHUT_RDWR)
            it.close()
        self._open.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                replica, _ = self._listener.accept()
                try:
                    primary = socket.create_connection(("127.0.0.1", self._target))
                except OSError:  # it starts, or has ended
                    replica.close()
                    continue
                self._sockets += [replica, primary]
                self._start(self._pump, replica, primary, False)
                self._start(self._pump, primary, replica, True)

    def _pump(self, source: socket.socket, sink: socket.socket, is_late: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if is_late:
                    time.sleep(self._delay)
                    self._open.wait()
                if self._is_cut:
                    return
                sink.sendall(data)
        for it in (source, sink):
            it.close()

    def _start(self, run: object, *args: object) -> None:
        threading.Thread(target=run, args=args, daemon=True, name="relay").start()  # type: ignore[arg-type]
