"""The inbox as views show it: what is on its way there, what has arrived, and what it answers next."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Response, current_app

from scheduler import Query, Status, Store, StoreUnavailable, Timer, TimerError, before_path
from timer_service import inbox_address
from timer_service.web.pages.frame.frame import bp, show
from timer_service.web.pages.try_it import arrival_words
from timer_service.web.pages.try_it.inbox import Arrival, Fresh, Inbox, InboxReader
from timer_service.web.services import store

#: Timers that are looked at for those on their way to the inbox: the next ones, and as many that are being delivered.
_LOOK = 100
#: Of these, how many are shown.
_SHOWN = 10
#: Arrivals that are shown as they came where all are; others lead to a view of their own. 50 of them are 100 kB.
_UNFOLDED = 10


@dataclass(frozen=True, slots=True)
class OnTheirWay:
    """Timers for the inbox that have not ended, the last one first."""

    #: ms, by the store's clock.
    read_at: int
    timers: list[Timer]


@dataclass(frozen=True, slots=True)
class Told:
    """An arrival in words."""

    it: Arrival
    arrived: str
    which: str
    verified: str
    as_it_came: str

    @property
    def at_ms(self) -> int:
        return int(self.it.at * 1000)


def reader() -> InboxReader | None:
    """None where there is no inbox."""
    found: InboxReader | None = current_app.extensions["inbox"]
    return found


def show_inbox(template: str, **more: Any) -> Response:
    """A view that has the inbox in it."""
    inbox = found.latest() if (found := reader()) else None
    way = _way().get() if found else None
    heading = _heading(inbox, way)
    return show(
        template,
        view="Try it",
        title=f"{heading[:1].upper()}{heading[1:]} · Try it" if heading else "Try it",
        as_of=way.read_at if way else None,
        has_inbox=found is not None,
        inbox_url=found.address.url if found else "",
        inbox=inbox,
        heading=heading,
        way=way,
        arrivals=_told_all(inbox) if inbox else [],
        answers=arrival_words.ANSWERS,
        unfolded=_UNFOLDED,
        **more,
    )


def look_again() -> None:
    """One more is on its way: the next view has it, however short a time ago somebody looked."""
    _way().forget()


def told(it: Arrival, write_only: Collection[str]) -> Told:
    return Told(
        it,
        arrival_words.arrived(it),
        arrival_words.which(it),
        arrival_words.verified(it),
        arrival_words.as_it_came(it, write_only),
    )


def write_only_of(it: Arrival) -> Collection[str]:
    """Names of headers that its timer tells nobody; looked up only if it has headers of its own."""
    if not arrival_words.sets_headers(it):
        return ()
    try:
        return store().timers.get(it.timer_id).webhook.write_only
    except TimerError:
        return ()


def _told_all(inbox: Inbox) -> list[Told]:
    named: dict[str, Collection[str]] = {}
    for it in inbox.arrivals:
        if it.timer_id not in named:
            named[it.timer_id] = write_only_of(it)
    return [told(it, named[it.timer_id]) for it in inbox.arrivals]


def _heading(inbox: Inbox | None, way: OnTheirWay | None) -> str:
    """`1 on its way, 3 arrived`; '' without an inbox."""
    if inbox is None:
        return ""
    waiting = len(way.timers) if way else 0
    on_way = f"{waiting} on {'its' if waiting == 1 else 'their'} way" if waiting else ""
    arrived = f"{inbox.arrived:,} arrived" if inbox.arrived else ""
    return ", ".join(filter(None, (on_way, arrived))) or "nothing yet"


def _way() -> Fresh[OnTheirWay | None]:
    found: Fresh[OnTheirWay | None] = current_app.extensions["on_their_way"]
    return found


def _read_way(store: Store, origins: Collection[str]) -> OnTheirWay | None:
    """None if the store does not answer."""
    try:
        pages = [store.listing.page(Query(status=it, limit=_LOOK)) for it in (Status.DELIVERING, Status.SCHEDULED)]
    except StoreUnavailable:
        return None
    timers = [timer for page in pages for timer in page.timers if before_path(timer.webhook.url) in origins]
    timers.sort(key=lambda timer: timer.next_attempt_at or timer.due_at)
    return OnTheirWay(pages[-1].read_at, timers[:_SHOWN][::-1])


@bp.record
def _prepare(state: Any) -> None:
    address = inbox_address.read()
    extensions = state.app.extensions
    extensions["inbox"] = InboxReader(address) if address else None
    extensions["on_their_way"] = Fresh(partial(_read_way, extensions["store"], address.origins if address else ()))
