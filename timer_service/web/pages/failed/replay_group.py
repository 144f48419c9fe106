"""Sends the timers of a group of failures once more, as long as they are failed."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler import Status, StoreUnavailable
from timer_service.web import many
from timer_service.web.pages.timers.bulk import REPLAY, Result, told
from timer_service.web.pages.words.values import number
from timer_service.web.services import store

#: Timers between two looks at how far it has come: 10 ms of the store's time, others between.
_CHUNK = 200


def replay(ids: Sequence[str], as_of: int) -> str:
    """What became of them, in words: `137 replayed, 2 were already being delivered.`

    `as_of`, ms: when the page was read that shows them. What was replayed since is left alone, though it has failed
    again: a button that is pressed twice sends nothing twice.
    """
    result = Result()
    for at in range(0, len(ids), _CHUNK):
        try:
            result.add(_replay(ids[at : at + _CHUNK], as_of))
        except StoreUnavailable as error:
            left = number(len(ids) - result.matched)
            return f"{told(REPLAY, result)} Then {error}: it is not known of {left} others whether they were replayed."
    return told(REPLAY, result)


def _replay(ids: Sequence[str], as_of: int) -> many.Changed:
    """One that was delivered meanwhile is not: a replay would have its receiver act again."""
    standings = store().timers.standings(ids)
    failed = [it for it in standings if it.status is Status.FAILED and it.due_at < as_of]
    done = many.replay(failed, len(ids) - (len(standings) - len(failed)))
    done.skipped.update(
        "again" if it.status is Status.FAILED else str(it.status) for it in set(standings) - set(failed)
    )
    return done
