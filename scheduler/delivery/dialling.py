"""Look a name up once, ask the guard about all its addresses, connect to what was checked; all of it before a deadline.

Deadlines are seconds of the monotonic clock.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from ipaddress import IPv4Address, ip_address
from pathlib import Path

from scheduler.delivery.addresses import Order
from scheduler.delivery.connecting import IPAddress, SocketAddress, connect_first
from scheduler.delivery.details import NOT_LOOKED_UP, of_connect, of_look_up
from scheduler.delivery.egress import Address, Guard, inner, literal
from scheduler.delivery.hosts_file import hosts_file
from scheduler.delivery.local import is_local
from scheduler.delivery.look_up_places import OTHERS, Places

_HOSTS, _NSSWITCH = Path("/etc/hosts"), Path("/etc/nsswitch.conf")
#: Of descriptors.py's three files for a slot, a request that is connecting needs one or, racing, two.
_SPARE = 64

#: Seconds after which our own API and store are looked up again.
_OWN_LOOKUP_EVERY = 30.0
#: The same while one of them has never been found.
_UNKNOWN_LOOKUP_EVERY = 1.0

_Found = tuple[list[SocketAddress], Guard]


class Unreachable(Exception):
    """Raised where no connection could be made, so that nothing was sent.

    `word` is the error's word (blocked, dns, connect, timeout), `detail` a sentence about it.

    No OSError, so that urllib3 and requests let it through as it is.
    """

    def __init__(self, word: str, detail: str | None = None) -> None:
        super().__init__(word)
        self.word = word
        self.detail = detail


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


class Dialler:
    """Connects to hosts by name, each address checked before it is used. Shared by threads; nothing closes it."""

    def __init__(self, checkpoint: Checkpoint, lookups: int = OTHERS) -> None:
        self._checkpoint = checkpoint
        self._places = Places(lookups)
        #: Sockets beside the first of each call, which wait for a connection to another address of its host.
        self._spare = threading.BoundedSemaphore(_SPARE)
        self._order = Order()
        self._lock = threading.Lock()
        #: Look-ups under way: a silent name holds one place, however many attempts wait for it.
        self._under_way: dict[tuple[str, int], Future[_Found]] = {}

    def dial(self, host: str, port: int, deadline: float) -> socket.socket:
        """A connection to the first address that takes one. Raises Unreachable."""
        addresses, guard = self.look_up(host, port, deadline)
        targets = {address[0]: (family, address) for family, address in addresses}
        order = self._order.of((host, port), targets)
        try:
            sock, reached = connect_first(
                [targets[address] for address in order],
                deadline,
                lambda address: _check(guard, host, [address]),
                self._spare,
            )
            sock.settimeout(_left(deadline))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except TimeoutError:
            raise Unreachable("timeout") from None
        except OSError as error:
            raise Unreachable("connect", of_connect(error.errno)) from None
        if reached[0] != order[0]:
            self._order.answered((host, port), reached[0])
        return sock

    def look_up(self, host: str, port: int, deadline: float) -> _Found:
        """All addresses of a host, if all of them may be called, and who says so. Raises Unreachable."""
        if literal(host) is not None:
            addresses, guard = self._ask(host, port)
        else:
            try:
                addresses, guard = self._asked(host, port, deadline).result(timeout=_left(deadline))
            except TimeoutError:
                raise Unreachable("timeout", NOT_LOOKED_UP) from None
            except Unreachable as error:  # it is that of every attempt that waited
                raise Unreachable(error.word, error.detail) from None
        if not addresses:
            raise Unreachable("dns")
        _check(guard, host, [address for _, address in addresses])
        return addresses, guard

    def _asked(self, host: str, port: int, deadline: float) -> Future[_Found]:
        with self._lock:
            if found := self._under_way.get((host, port)):
                return found
            found = self._under_way[host, port] = Future()
        place = self._places.take(host, _left(deadline))
        try:
            if place is None:
                raise TimeoutError
            # A daemon thread of its own: one that hangs keeps neither the caller nor the end of the process waiting.
            threading.Thread(target=self._answer, args=(host, port, found, place), daemon=True, name="look-up").start()
        except (TimeoutError, RuntimeError):
            if place is not None:  # no thread could be started
                place.release()
            with self._lock:
                del self._under_way[host, port]
            found.set_exception(Unreachable("timeout", NOT_LOOKED_UP))
        return found

    def _answer(self, host: str, port: int, found: Future[_Found], place: threading.BoundedSemaphore) -> None:
        result: _Found | Unreachable
        begun = time.monotonic()
        try:
            result = self._ask(host, port)
        except Unreachable as error:
            result = error
        finally:
            place.release()
            with self._lock:
                self._places.note(host, time.monotonic() - begun)
                del self._under_way[host, port]
        if isinstance(result, Unreachable):
            found.set_exception(result)
        else:
            found.set_result(result)

    def _ask(self, host: str, port: int) -> _Found:
        bare = host.removesuffix(".")
        if bare != host and bare.lower() in hosts_file(_HOSTS, _NSSWITCH):  # getaddrinfo finds it there only so
            host = bare
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError:
            raise Unreachable("dns") from None
        except OSError as error:
            raise Unreachable("dns", of_look_up(error.errno)) from None
        addresses = [(family, address) for family, _, _, _, address in answers]
        return addresses, self._checkpoint.guard()  # type: ignore[return-value]


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


def _check(guard: Guard, host: str, addresses: Iterable[IPAddress]) -> None:
    """Raise Unreachable if any of these addresses may not be called: which one would be used is chance."""
    for address in addresses:
        if not guard.permits(address[0], address[1]):
            raise Unreachable("blocked", guard.refusal(host, address[1]))


def _left(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())
