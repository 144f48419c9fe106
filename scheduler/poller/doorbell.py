"""Hears the store's doorbell and wakes whoever sleeps: an earlier moment exists now."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from random import random

import redis

from scheduler.store import keys
from scheduler.store.link import Link

log = logging.getLogger(__name__)

#: Seconds of silence after which the connection is tested with a PING.
_HEARTBEAT = 5.0
#: Seconds between two tries to subscribe, with up to as much again as jitter.
_RESUBSCRIBE = 0.5
#: What the store says where a schedule was set or changed, and where its clock was turned, which moves all that there
#: is. Of a timer it says the moment.
_SCHEDULE_CHANGED, _CLOCK_TURNED = b"planned", b"0"


def _nothing() -> None:
    """What is called where nobody looks at schedules."""


class Doorbell:
    """Wakes a poller when the store says that an earlier moment exists. `start` and `stop` its thread, from any other.

    One pass of it is one subscription, which ends with its connection. A ring lost in between costs one sleep, 1 s.
    """

    def __init__(self, link: Link, ring: Callable[[], None], planned: Callable[[], None] = _nothing) -> None:
        """`planned` is called before `ring` where a schedule was set or changed."""
        self._link = link
        self._ring = ring
        self._planned = planned
        #: Made so far.
        self.subscriptions = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="doorbell")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def listen(self) -> None:
        """One pass: subscribe, then ring for the subscription itself and for every message. Raises redis.RedisError
        or StoreUnavailable."""
        channels = [keys.bell(partition) for partition in range(self._link.partitions)]
        with self._link.client.pubsub() as subscription:  # type: ignore[no-untyped-call]
            subscription.ssubscribe(*channels)
            self.subscriptions += 1
            asked = False
            while not self._stopping.is_set():
                message = subscription.get_message(timeout=_HEARTBEAT)
                if message is not None:
                    asked = False
                    if message["type"] != "pong":
                        if message["data"] in (_SCHEDULE_CHANGED, _CLOCK_TURNED):
                            self._planned()
                        self._ring()
                elif asked:
                    raise redis.ConnectionError("no answer to a PING")
                else:
                    subscription.ping()
                    asked = True

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.listen()
            except Exception as error:  # whatever happens to the connection: without a doorbell every sleep is a second
                log.debug("doorbell: %s", error)
            self._stopping.wait(_RESUBSCRIBE * (1 + random()))
