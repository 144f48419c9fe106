"""A connection to the first of several addresses that takes one: they are tried one after the other, and race."""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from errno import EINPROGRESS
from threading import BoundedSemaphore

from scheduler.delivery.addresses import pause

IPAddress = tuple[str, int] | tuple[str, int, int, int]
SocketAddress = tuple[socket.AddressFamily, IPAddress]


def connect_first(
    targets: Sequence[SocketAddress],
    deadline: float,
    check: Callable[[IPAddress], None],
    spare: BoundedSemaphore,
) -> tuple[socket.socket, IPAddress]:
    """The first connection of all; one that is slow still wins if no other does.

    `check` is asked right before an address is used, and may raise. `spare` bounds, over all calls, the sockets beyond
    one each. Raises TimeoutError at the deadline, or the OSError of the last address when all have failed.
    """
    race = _Race(spare)
    ahead = list(targets)
    gap = pause(deadline - time.monotonic(), len(targets))
    next_at = 0.0
    try:
        while (now := time.monotonic()) < deadline:
            if ahead and (not race.running or now >= next_at):
                if not race.has_room():
                    ahead.append(race.give_up())  # for another turn
                check(ahead[0][1])
                race.enter(ahead.pop(0))
                next_at = now + gap
            elif not race.running:
                raise race.failure
            if winner := race.wait(min(deadline, next_at) if ahead else deadline):
                return winner
        raise TimeoutError
    finally:
        race.close()


class _Race:
    def __init__(self, spare: BoundedSemaphore) -> None:
        #: The sockets that are connecting.
        self.running: dict[socket.socket, IPAddress] = {}
        #: Of the address that failed last.
        self.failure = OSError()
        self._spare = spare
        self._borrowed = 0
        self._selector = selectors.PollSelector()

    def has_room(self) -> bool:
        if self.running and not self._spare.acquire(blocking=False):
            return False
        self._borrowed += bool(self.running)
        return True

    def enter(self, target: SocketAddress) -> None:
        family, address = target
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setblocking(False)
        except OSError as error:
            self.failure = error
            return
        self.running[sock] = address
        self._selector.register(sock, selectors.EVENT_WRITE)
        if (code := sock.connect_ex(address)) not in (0, EINPROGRESS):
            self._fail(sock, code)

    def give_up(self) -> SocketAddress:
        """The address that has been connecting for the longest."""
        sock, address = next(iter(self.running.items()))
        family = sock.family
        self._leave(sock)
        return family, address

    def wait(self, until: float) -> tuple[socket.socket, IPAddress] | None:
        """The winner, or None at `until` or when one has failed."""
        if not self.running:
            return None
        for key, _ in self._selector.select(max(0.0, until - time.monotonic())):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self._fail(sock, code)
            else:
                return sock, self.running.pop(sock)
        return None

    def close(self) -> None:
        for sock in self.running:
            sock.close()
        self._selector.close()
        for _ in range(self._borrowed):
            self._spare.release()

    def _fail(self, sock: socket.socket, code: int) -> None:
        self.failure = OSError(code, os.strerror(code))
        self._leave(sock)

    def _leave(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)
        del self.running[sock]
        sock.close()
