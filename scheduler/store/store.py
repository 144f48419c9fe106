"""Everything that one process asks of the store, put together from its settings. The only place that does so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from scheduler.clock import StoreClock
from scheduler.durability import MEMORY, Durability
from scheduler.settings import Settings
from scheduler.store.activity import Activity
from scheduler.store.capacity import Capacity
from scheduler.store.changes import Changes
from scheduler.store.claims import Claims
from scheduler.store.destinations import Destinations
from scheduler.store.health import Health
from scheduler.store.layout import VIRTUAL
from scheduler.store.link import Link
from scheduler.store.listing import Listing
from scheduler.store.open_link import open_link
from scheduler.store.plans import Plans
from scheduler.store.receipts import Receipts
from scheduler.store.repeats import Repeats
from scheduler.store.schedules import Schedules
from scheduler.store.sessions import Sessions
from scheduler.store.timers import Timers
from scheduler.store.unread import Unread
from scheduler.store.virtual_clock import VirtualClock
from scheduler.store.writes import Writes, no_receipt

#: Seconds for which a poller does not reach for a node that is away; a call to one that is frozen takes as long again.
_NODE_PAUSE = 0.5


class Store:
    """The store as a process uses it: one link, and over it what the API and the pollers call.

    Threads may share it; what claims() gives belongs to one poller. Made without a call to the server, so that it can
    be made while that is away: each call raises StoreUnavailable by itself. close() ends its connections.
    """

    def __init__(self, settings: Settings, link: Link | None = None) -> None:
        """`link` where the default one will not do: then its client, partitions and pause are the caller's choice."""
        self._settings = settings
        self.link = link or open_link(settings)
        keep_cancelled_ms = _ms(settings.keep_cancelled)
        self.capacity = Capacity(self.link, settings.max_bytes)
        self.timers = Timers(
            self.link,
            keep_cancelled_ms=keep_cancelled_ms,
            max_pending=settings.max_pending,
            capacity=self.capacity,
        )
        self.changes = Changes(self.link, self.timers, keep_cancelled_ms=keep_cancelled_ms)
        self.listing = Listing(self.link)
        self.schedules = Schedules(self.link, self.timers, self.capacity, keep_cancelled_ms=keep_cancelled_ms)
        self._receipts = Receipts(self.link, settings.durability_timeout, settings.api_threads, settings.store_timeout)
        self._in_memory = Writes(self.timers, self.changes, self.schedules, no_receipt)
        self.destinations = Destinations(self.link)
        #: Requests under an idempotency key.
        self.repeats = Repeats(self.link)
        #: Who is signed in.
        self.sessions = Sessions(self.link)
        self.activity = Activity(self.link, self.timers)
        self.health = Health(self.link, self.capacity)
        #: Ended timers that a history has yet to read.
        self.unread = Unread(self.link)
        #: None where the clock is the server's own, which nobody turns.
        self.clock = VirtualClock(self.link) if self.link.clock == VIRTUAL else None

    @classmethod
    def for_poller(cls, settings: Settings) -> Store:
        """Its calls always reach for the server, also right after one failed: a poller has one thread, which backs off
        by itself, and no longer than its leases allow. Of nodes of a cluster one that is away is left alone meanwhile:
        to reach for it takes the thread's time from all others."""
        return cls(settings, open_link(settings, pause=0, node_pause=_NODE_PAUSE))

    def writes(self, asked: Durability) -> AbstractContextManager[Writes]:
        """What sets and changes for one request, which is to be so durable before it is answered.

        Raises CannotPromise or TooManyWaits before anything is stored.
        """
        return nullcontext(self._in_memory) if asked == MEMORY else self._durable(asked)

    @contextmanager
    def _durable(self, asked: Durability) -> Iterator[Writes]:
        with self._receipts.writes(asked) as it:
            yield Writes(self.timers.over(it), self.changes.over(it), self.schedules.over(it), it.wait)

    def claims(self, poller: str, share: int) -> Claims:
        """The calls of the poller with this name, which lets one destination have `share` of its slots."""
        return Claims(
            self.link,
            poller=poller,
            share=share,
            lease_ms=_ms(self._settings.lease),
            keep_delivered_ms=_ms(self._settings.keep_delivered),
            keep_failed_ms=_ms(self._settings.keep_failed),
            keep_finished=self._settings.keep_finished,
            unread_most=self._settings.unread_most,
            max_bytes=self._settings.max_bytes,
        )

    def plans(self, clock: StoreClock) -> Plans:
        """The calls by which a poller, whose clock that is, makes the runs of schedules."""
        return Plans(self.link, clock, keep_cancelled_ms=_ms(self._settings.keep_cancelled))

    def close(self) -> None:
        self.link.close()


def _ms(seconds: float) -> int:
    return round(1000 * seconds)
