"""Which addresses may be called at this moment: the rules, and where our own API and store are now."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address, ip_address

from scheduler.delivery.egress import Address, Guard, inner
from scheduler.delivery.local import is_local

#: Seconds after which our own API and store are looked up again.
_OWN_LOOKUP_EVERY = 30.0
#: The same while one of them has never been found.
_UNKNOWN_LOOKUP_EVERY = 1.0


class Checkpoint:
    """Gives the guard as it is now: our own API and store are looked up again every 30 s, for they may move.

    Shared by threads. Nothing closes it; a look-up that fails leaves what was known, and raises nothing.
    """

    def __init__(self, guard: Guard, own: Sequence[tuple[str, int]] = ()) -> None:
        self._own = own
        self._guard = guard
        #: Of each of our own; a look-up that fails leaves what was known.
        self._known: dict[tuple[str, int], frozenset[tuple[Address, int]]] = {}
        self._looking = threading.Lock()
        self._look_up_at = 0.0
        self._look_up_own()

    def guard(self) -> Guard:
        """The guard, without waiting: a look-up that is due goes on in a thread of its own."""
        if self._own and time.monotonic() > self._look_up_at and self._looking.acquire(blocking=False):
            self._look_up_at = time.monotonic() + _OWN_LOOKUP_EVERY
            try:
                threading.Thread(target=self._look_up_again, daemon=True, name="look-up-own").start()
            except RuntimeError:  # the machine allows no more threads: what was known holds
                self._looking.release()
        return self._guard

    def _look_up_again(self) -> None:
        try:
            self._look_up_own()
        finally:
            self._looking.release()

    def _look_up_own(self) -> None:
        for host, port in self._own:
            if found := _endpoints(host, port):
                self._known[host, port] = found
        self._guard = replace(self._guard, own=frozenset().union(*self._known.values()))
        every = _OWN_LOOKUP_EVERY if len(self._known) == len(set(self._own)) else _UNKNOWN_LOOKUP_EVERY
        self._look_up_at = time.monotonic() + every


def _endpoints(host: str, port: int) -> frozenset[tuple[Address, int]]:
    """Every address of a host, with its port; none if it cannot be looked up.

    One of this machine, beyond loopback, stands for all of them: what listens there may listen on the others too.
    """
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return frozenset()
    found = {inner(ip_address(str(address[0]).partition("%")[0])) for *_, address in answers}
    if any(is_local(ip) and not ip.is_loopback for ip in found):
        found.add(IPv4Address(0))
    return frozenset((ip, port) for ip in found)
