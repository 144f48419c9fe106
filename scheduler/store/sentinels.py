"""Asks sentinels which server is the primary: each in a thread of its own, so that nobody waits for a frozen one.

They are asked before each new connection to the store, and twice a second all the time: an old primary that thaws, or
comes back from behind a broken network, takes writes for 10 s before the sentinels demote it, and no lost connection
tells of that.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable

import redis

from scheduler.store import sentinel_votes
from scheduler.store.one_sentinel import OneSentinel, Said
from scheduler.store_address import Address, Host

log = logging.getLogger(__name__)

#: Seconds from one answer of a sentinel to the next question.
_EVERY = 0.5
#: Seconds after which what a sentinel has said is not counted any more unless it was asked anew.
_FRESH = 2.0


class Sentinels:
    """Knows the primary. Shared by threads; `close` ends those that ask, and the next look begins them anew.

    It belongs to one process: after a fork another has to be made.
    """

    def __init__(self, address: Address, timeout: float, moved: Callable[[Host], object]) -> None:
        """`timeout`: seconds to connect to a sentinel, and for its answer. `moved` is called when another server than
        before is the primary."""
        self._address = address
        self._timeout = timeout
        self._moved = moved
        self._changed = threading.Condition()
        self._said = [Said() for _ in address.hosts]
        self._wakes = [threading.Event() for _ in address.hosts]
        self._threads: list[threading.Thread | None] = [None for _ in address.hosts]
        #: Ends the threads that run.
        self._over = threading.Event()
        #: The last that was found.
        self.primary: Host | None = None

    def find(self, patience: float) -> Host:
        """Ask anew. Takes a round trip to the fastest majority, and at most so many seconds.

        Raises redis.TimeoutError, which names what each sentinel said.
        """
        began = time.monotonic()
        self._begin()
        for wake in self._wakes:
            wake.set()
        with self._changed:
            while True:
                said = [it for it in self._said if it.asked_at >= began]
                named = [it.primary for it in said if it.primary]
                found = sentinel_votes.majority(named, len(self._said))
                left = began + patience - time.monotonic()
                if found or len(said) == len(self._said) or left <= 0:
                    break
                self._changed.wait(left)
            found = found or sentinel_votes.without_majority(named, len(self._said), self.primary)
            if found is None:
                raise redis.TimeoutError(f"connecting to the primary {self._address.name}: {self._problem(began)}")
            self._note(found)
        return found

    def close(self) -> None:
        with self._changed:
            self._over.set()
            self._over = threading.Event()
            self._threads = [None for _ in self._address.hosts]
        for wake in self._wakes:
            wake.set()

    def _begin(self) -> None:
        with self._changed:
            for number, thread in enumerate(self._threads):
                if thread is None or not thread.is_alive():
                    self._threads[number] = self._begun(number)

    def _begun(self, number: int) -> threading.Thread | None:
        asking = OneSentinel(self._address, self._address.hosts[number], self._timeout)
        args = (weakref.ref(self), number, asking, self._over)
        thread = threading.Thread(target=_watch, args=args, daemon=True, name=f"sentinel-{number}")
        try:
            thread.start()
        except RuntimeError:  # the machine allows no more threads: the next look tries again
            return None
        return thread

    def wait(self, number: int) -> None:
        """Until the sentinel of this number is to be asked again."""
        self._wakes[number].wait(_EVERY)
        self._wakes[number].clear()

    def answered(self, number: int, said: Said) -> None:
        """A sentinel has said something, or failed to."""
        with self._changed:
            self._said[number] = said
            since = time.monotonic() - _FRESH
            named = [it.primary for it in self._said if it.primary and it.asked_at >= since]
            found = sentinel_votes.majority(named, len(self._said))
            if found:
                self._note(found)
            self._changed.notify_all()

    def _note(self, primary: Host) -> None:
        before, self.primary = self.primary, primary
        if before is not None and primary != before:
            log.warning("the sentinels name another primary of %s: %s:%d", self._address.name, *primary)
            self._moved(primary)

    def _problem(self, since: float) -> str:
        told = []
        for host, said in zip(self._address.hosts, self._said, strict=True):
            if said.primary and said.asked_at >= since:
                what = f"names {said.primary.name}:{said.primary.port}"
            else:
                what = said.problem if said.problem and said.asked_at >= since else "does not answer in time"
            told.append(f"{host.name}:{host.port} {what}")
        return "the sentinels do not lead to it: " + ", ".join(told)


def _watch(ours: weakref.ref[Sentinels], number: int, asking: OneSentinel, over: threading.Event) -> None:
    """Ask one sentinel again and again, until it is over or nobody wants to know any more."""
    while not over.is_set():
        said = asking.ask()
        sentinels = ours()
        if sentinels is None:
            break
        sentinels.answered(number, said)
        sentinels.wait(number)
        del sentinels
    asking.close()
