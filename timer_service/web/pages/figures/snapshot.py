"""What the page knows of the whole service at one moment: read once for all who look, redacted where shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import current_app

from scheduler import (
    Count,
    DestinationState,
    FailingDestination,
    Failures,
    Forecast,
    HeldBy,
    HeldDestinations,
    Minutes,
    Pollers,
    PollerSeen,
    Query,
    Stats,
    Status,
    Store,
    StoreState,
    StoreUnavailable,
    Timer,
)
from timer_service.web.pages.figures.failing import said_to_fail
from timer_service.web.pages.figures.readings import Reading, Readings
from timer_service.web.pages.frame.frame import bp

#: ms past its moment from which a timer is late: a busy service always has some that were due a few ms ago.
LATE = 1000
#: Timers to be sent next, and timers that failed last, that are shown.
_NEXT, _NEWEST = 5, 3
#: Destinations that get nothing, of which one is told.
_STOPPED = 20
#: The state of a destination that is left alone because it fails.
FAILS = (DestinationState.BROKEN, DestinationState.PROBING)
#: Entries of an index that are looked at, at most, to count what matches a filter.
COUNT_LOOK = 2000
#: Minutes: this one, and five that are over.
_MINUTES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One look at the store, in about 20 calls: not all of one instant, but within some ms."""

    #: The store's clock, ms.
    read_at: int
    stats: Stats
    #: Timers that have been due for more than LATE and were not sent, though nobody asked for that: not those that
    #: wait for the end of a pause or for their turn, but all behind a destination that is left alone because it fails.
    #: And ms since the oldest of them was due.
    late: int
    oldest_late_ms: int
    pollers: Pollers
    minutes: Minutes
    #: The next hour, by minute.
    forecast: Forecast
    store: StoreState
    #: Where attempts fail, or due timers wait for room.
    failing: Sequence[FailingDestination]
    #: Where timers wait because somebody asked for that, or because it fails.
    held: HeldDestinations
    #: Timers that are failed at the first of these that is said to fail.
    ended_failed: Count
    next: Sequence[Timer]
    newest_failed: Sequence[Timer]

    @property
    def running(self) -> list[PollerSeen]:
        """The pollers that were seen a moment ago, by their names."""
        return self.pollers.running

    @property
    def poller_seen_at(self) -> int | None:
        """ms: when any poller was seen last; None if none was in the last hour."""
        return max((it.seen_at for it in self.pollers.pollers), default=None)


def read_figures(store: Store) -> Figures:
    """Raises StoreUnavailable."""
    stats = store.timers.stats()
    pollers = store.activity.pollers()
    coming = store.listing.page(Query(status=Status.SCHEDULED, without_held=True, limit=_NEXT))
    following = coming.timers
    if any(it.held for it in following):  # they have just fallen due, perhaps many at once
        later = Query(status=Status.SCHEDULED, without_held=True, due_after=coming.read_at, limit=_NEXT)
        following = [*(it for it in following if not it.held), *store.listing.page(later).timers][:_NEXT]
    state = store.health.state()
    if state.server is None:  # it has gone away meanwhile
        raise StoreUnavailable(state.write_problem or "the store is away")
    newest = store.listing.page(Query(status=Status.FAILED, descending=True, limit=_NEWEST))
    failing = store.activity.failing()
    held = store.destinations.holds(_STOPPED)
    late, oldest = _late(store, stats, held, pollers.read_at)
    return Figures(
        read_at=coming.read_at,
        stats=stats,
        late=late,
        oldest_late_ms=oldest,
        pollers=pollers,
        minutes=store.activity.minutes(_MINUTES),
        forecast=store.activity.forecast(),
        store=state,
        failing=failing,
        held=held,
        ended_failed=_ended_failed(store, said_to_fail(failing, held.stopped, coming.read_at)),
        next=following,
        newest_failed=newest.timers,
    )


def _late(store: Store, stats: Stats, held: HeldDestinations, now: int) -> tuple[int, int]:
    """How many, and ms since the oldest was due."""
    broken = (it.oldest_waiting_at for it in held.stopped if it.state in FAILS)
    oldest = max([stats.oldest_overdue_ms, *(now - at for at in broken if at is not None)])
    if oldest <= LATE:
        return 0, 0
    # Not counted behind each held destination: there may be ten thousand of them.
    due = store.listing.count(Query(status=Status.SCHEDULED, without_held=True, due_before=now - LATE)).count
    late = due + held.waiting.get(HeldBy.BREAKER, 0)
    return late, oldest if late else 0


def _ended_failed(store: Store, failing: Sequence[FailingDestination]) -> Count:
    """As many as the list of them counts."""
    if not failing or failing[0].sample.unreadable:
        return Count(count=0, exact=True)
    asked = Query(status=Status.FAILED, destination=failing[0].sample.webhook.url, descending=True)
    return store.listing.count(asked, COUNT_LOOK)


def figures() -> Reading[Figures]:
    """For the view that is being answered."""
    return _figures().latest()


def failures() -> Reading[Failures]:
    """What failed, grouped; likewise."""
    return _failures().latest()


def expire() -> None:
    """After something was done: the view that follows is to show it."""
    _figures().expire()
    _failures().expire()


def _figures() -> Readings[Figures]:
    found: Readings[Figures] = current_app.extensions["page_figures"]
    return found


def _failures() -> Readings[Failures]:
    found: Readings[Failures] = current_app.extensions["page_failures"]
    return found


@bp.record
def _prepare(state: Any) -> None:
    store: Store = state.app.extensions["store"]
    state.app.extensions["page_figures"] = Readings(partial(read_figures, store))
    state.app.extensions["page_failures"] = Readings(store.activity.failures)
