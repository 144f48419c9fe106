"""Where attempts fail, or due timers wait for room: a row for each destination. Pure."""

from __future__ import annotations

from typing import NamedTuple

from scheduler import FailingDestination
from timer_service.web.pages.words.places import Place, how_failing, place_of
from timer_service.web.pages.words.values import counted, span

#: Rows that are shown; the others are counted.
MOST = 20


class Row(NamedTuple):
    """One destination."""

    place: Place
    #: In two or three words, and the icon of that.
    state: str
    icon: str
    waiting: int
    #: How long the oldest has waited; "none" without one.
    oldest: str
    why: str
    #: ms; None where nothing has failed.
    since: int | None


def row(it: FailingDestination, now: int) -> Row:
    oldest = "none" if it.oldest_waiting_at is None else span(now - it.oldest_waiting_at)
    place = place_of(it.sample)
    if not it.failures:
        why = "as many attempts as one destination may have are under way"
        return Row(place, "at its share", "limited", it.waiting, oldest, why, None)
    how = how_failing(it)
    why = f"{how.was}, {counted(it.failures, 'attempt')} in a row"
    return Row(place, how.state, "broken", it.waiting, oldest, why, it.since)
