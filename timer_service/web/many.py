"""Cancels or replays the timers of one page of a query, or those that are named: what a bulk action is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from scheduler import Place, Query, Standing, Status, Timer
from timer_service.web.services import store

FINISHED = (Status.DELIVERED, Status.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What became of them."""

    matched: int
    changed: int
    #: The others by what they were: a status, '' for unknown, 'key' where another has theirs, 'format' where only a
    #: later version may change them, 'expired' where it is too late to send them, 'again' for what was replayed since
    #: the action began, which is not in `matched`.
    skipped: Counter[str] = field(default_factory=Counter)
    #: Where the next page goes on; None at the end.
    next: Place | None = None
    #: The store's clock when the action began, ms.
    began_at: int = 0


def cancel(timer_ids: Sequence[str]) -> Changed:
    ids = list(dict.fromkeys(timer_ids))
    return _changed(len(ids), store().timers.cancel_each(ids), "cancelled")


def cancel_page(query: Query) -> Changed:
    page = store().listing.page(query)
    scheduled = [timer.id for timer in page.timers if timer.status is Status.SCHEDULED]
    done = _changed(len(page.timers), store().timers.cancel_each(scheduled), "cancelled")
    done.skipped.update(str(timer.status) for timer in page.timers if timer.status is not Status.SCHEDULED)
    return replace(done, next=page.next, began_at=page.read_at)


def replay(found: Sequence[Timer | Standing], matched: int) -> Changed:
    """Each as it was read; `matched`: how many were asked for, unknown ones too."""
    finished = [timer for timer in found if timer.status in FINISHED]
    done = _changed(matched, store().timers.replay_each(finished), "done")
    done.skipped.update(str(timer.status) for timer in found if timer.status not in FINISHED)
    if matched > len(found):
        done.skipped[""] += matched - len(found)
    return done


def replay_page(query: Query, began_at: int = 0) -> Changed:
    """`began_at`: of the page before; 0 for the first."""
    page = store().listing.page(query)
    began_at = min(began_at or page.read_at, page.read_at)
    # One that was replayed since this action began is due later than that: it is not replayed twice.
    found = [timer for timer in page.timers if timer.due_at < began_at]
    done = replay(found, len(found))
    done.skipped["again"] += len(page.timers) - len(found)
    return replace(done, next=page.next, began_at=began_at)


def _changed(matched: int, words: Sequence[str], done: str) -> Changed:
    """Of what a script says of each."""
    skipped = Counter(word.partition(" ")[0] for word in words if word != done)
    return Changed(matched=matched, changed=len(words) - skipped.total(), skipped=skipped)
