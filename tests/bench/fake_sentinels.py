"""Sentinels that say what a test wants, dead and frozen ones, and such as answer nonsense."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence

#: How a server greets who says HELLO 3.
GREETING = b"%1\r\n+proto\r\n:3\r\n"
#: A sentinel that knows no primary of that name.
UNKNOWN = b"_\r\n"


class FakeSentinel:
    """Answers as `answer` is just then. Threads serve it; close() ends them."""

    def __init__(self, port: int | None = None) -> None:
        """`port`: of the primary that it names."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.answer = UNKNOWN if port is None else named(port)
        #: What it needs to be told with HELLO; b"": nothing.
        self.password = b""
        #: Set, and it answers.
        self.thawed = threading.Event()
        self.thawed.set()
        #: How often it was asked for a primary.
        self.asked = 0
        self._peers: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def names(self, port: int) -> None:
        self.answer = named(port)

    def hang_up(self) -> None:
        """End all connections, as one that is restarted does."""
        for peer in self._peers:
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()  # else one that it has just accepted would be served on
        self._listener.close()
        self.thawed.set()
        self.hang_up()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                self._peers.append(peer)
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), peer, peer.makefile("rb") as lines:
            while head := lines.readline():
                words = [lines.read(int(lines.readline()[1:]) + 2)[:-2] for _ in range(int(head[1:]))]
                self.thawed.wait()
                peer.sendall(self._reply(words))

    def _reply(self, words: Sequence[bytes]) -> bytes:
        if words[0].upper() == b"HELLO":
            is_let_in = not self.password or words[-1] == self.password
            return GREETING if is_let_in else b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
        if words[0].upper() == b"SENTINEL":
            self.asked += 1
            return self.answer
        return b"+OK\r\n"


def named(port: int) -> bytes:
    """The address of a primary on this machine."""
    return b"*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%d\r\n" % (len(str(port)), port)
