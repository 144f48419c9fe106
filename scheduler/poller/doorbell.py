"""Hears the store's doorbell and wakes whoever sleeps: an earlier moment exists now."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from random import random

import redis

from scheduler.store import keys
from scheduler.store.link import Link
from scheduler.store.server import Share

log = logging.getLogger(__name__)

#: Seconds of silence after which the connection is tested with a PING; and between two looks at whether it still leads
#: to where the partitions are.
_HEARTBEAT = 5.0
#: Seconds between two tries to subscribe, with up to as much again as jitter.
_RESUBSCRIBE = 0.5
#: What the store says where a schedule was set or changed, and where its clock was turned, which moves all that there
#: is. Of a timer it says the moment.
_SCHEDULE_CHANGED, _CLOCK_TURNED = b"planned", b"0"


def _nothing() -> None:
    """What is called where nobody looks at schedules."""


def _nowhere(_partition: int) -> None:
    """What is called where nobody has to know in which partition it rang."""


class Doorbell:
    """Wakes a poller when the store says that an earlier moment exists. `start` and `stop` its threads, from any other:
    one for each server of the store.

    One pass of it is one subscription, which ends with its connection. A ring lost in between costs one sleep, 1 s.
    """

    def __init__(
        self,
        link: Link,
        ring: Callable[[], None],
        planned: Callable[[], None] = _nothing,
        rang: Callable[[int], None] = _nowhere,
    ) -> None:
        """Before `ring` is called, which wakes: `planned` where a schedule was set or changed, and `rang` with the
        partition."""
        self._link = link
        self._ring = ring
        self._planned = planned
        self._rang = rang
        #: Made so far.
        self.subscriptions = 0
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self._start_threads(1)

    def stop(self) -> None:
        self._stopping.set()

    def listen(self, place: int = 0) -> None:
        """One pass: subscribe, then ring for the subscription itself and for every message. Raises redis.RedisError
        or StoreUnavailable.

        `place`: of the server among those of the store. It ends once another server stands there.
        """
        shares = self._link.by_server()
        self._start_threads(len(shares))
        if place >= len(shares):
            return
        try:
            self._listen_to(place, shares[place])
        except redis.RedisError:
            shares[place][0].doubt()
            raise

    def _listen_to(self, place: int, share: Share) -> None:
        server, partitions = share
        places = {keys.bell(partition).encode(): partition for partition in partitions}
        with server.client.pubsub() as subscription:  # type: ignore[no-untyped-call]
            for partition in partitions:  # one a call: in a cluster each lies in a slot of its own
                subscription.ssubscribe(keys.bell(partition))
            self.subscriptions += 1
            asked, look_at = False, time.monotonic() + _HEARTBEAT
            while not self._stopping.is_set():
                message = subscription.get_message(timeout=_HEARTBEAT)
                if time.monotonic() >= look_at:  # however often it rings
                    look_at = time.monotonic() + _HEARTBEAT
                    if not _is_same(self._link.by_server(), place, share):
                        return
                if message is not None:
                    asked = False
                    if message["type"] == "sunsubscribe":
                        server.doubt()
                        return
                    if message["type"] != "pong":
                        self._heard(message["data"], places.get(message["channel"]))
                elif asked:
                    raise redis.ConnectionError("no answer to a PING")
                else:
                    subscription.ping()
                    asked = True

    def _heard(self, said: object, partition: int | None) -> None:
        if said in (_SCHEDULE_CHANGED, _CLOCK_TURNED):
            self._planned()
        if partition is not None:
            self._rang(partition)
        self._ring()

    def _start_threads(self, count: int) -> None:
        """One for each server of the store; the first is there for a store that is away."""
        with self._lock:
            while len(self._threads) < count:
                place = len(self._threads)
                thread = threading.Thread(target=self._run, args=(place,), daemon=True, name=f"doorbell-{place}")
                self._threads.append(thread)
                thread.start()

    def _run(self, place: int) -> None:
        while not self._stopping.is_set():
            try:
                self.listen(place)
            except Exception as error:  # whatever happens to the connection: without a doorbell every sleep is a second
                log.debug("doorbell: %s", error)
            self._stopping.wait(_RESUBSCRIBE * (1 + random()))


def _is_same(shares: Sequence[Share], place: int, known: Share) -> bool:
    if place >= len(shares):
        return False
    server, partitions = shares[place]
    return server is known[0] and list(partitions) == list(known[1])
