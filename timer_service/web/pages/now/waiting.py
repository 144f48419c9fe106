"""Where attempts fail, or due timers wait: a row for each destination. Pure."""

from __future__ import annotations

from typing import NamedTuple

from scheduler import Destination, FailingDestination
from timer_service.web.pages.figures.snapshot import Figures
from timer_service.web.pages.words.holds import why_so
from timer_service.web.pages.words.places import Place, how_failing, place, place_of
from timer_service.web.pages.words.request_text import visible
from timer_service.web.pages.words.values import counted, span

#: Rows that are shown; the others are counted.
MOST = 20
#: Characters of a reason that are shown.
_REASON = 160


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
    #: ms; None where nothing has failed and nobody has held it.
    since: int | None


def rows(it: Figures) -> list[Row]:
    """Those that get nothing, then those that fail or are at their share."""
    failing = {place_of(one.sample).name: one for one in it.failing}
    stopped = [_stopped(one, failing.pop(one.id, None)) for one in it.held.stopped if one.state != "flowing"]
    return [*stopped, *(_failing(one, it.read_at) for one in failing.values())]


def _stopped(it: Destination, failing: FailingDestination | None) -> Row:
    why, _ = why_so(it)
    if it.pause and it.pause.reason:
        why = f"{why}: {visible(it.pause.reason[:_REASON])}".removeprefix(": ")
    elif failing and failing.failures:
        why = f"{how_failing(failing).was}, {counted(failing.failures, 'attempt')} in a row"
    return Row(place(it.id), it.state, it.state, it.waiting, _oldest(it.oldest_waiting_at, it.read_at), why, it.since)


def _failing(it: FailingDestination, now: int) -> Row:
    where, oldest = place_of(it.sample), _oldest(it.oldest_waiting_at, now)
    if not it.failures:
        why = "as many attempts as one destination may have are under way"
        return Row(where, "at its share", "limited", it.waiting, oldest, why, None)
    how = how_failing(it)
    why = f"{how.was}, {counted(it.failures, 'attempt')} in a row"
    return Row(where, how.state, "broken", it.waiting, oldest, why, it.since)


def _oldest(at: int | None, now: int) -> str:
    return "none" if at is None else span(now - at)
