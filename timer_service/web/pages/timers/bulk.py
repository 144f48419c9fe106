"""Cancels or replays all timers that match, or those that are ticked, and tells what became of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from scheduler import Query, Status
from timer_service.web import many
from timer_service.web.access.authentication import charge
from timer_service.web.access.list_limit import limit_lists
from timer_service.web.input.limits import MOST_TIMERS
from timer_service.web.pages.timers.filters import Filters
from timer_service.web.pages.words.values import number
from timer_service.web.services import store

#: Above so many the number has to be typed.
TYPED_ABOVE = 100
#: Seconds that one request spends on all that match; then it says what is left.
_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Action:
    """What can be done to many."""

    verb: str
    done: str
    warning: str


CANCEL = Action("cancel", "cancelled", "A cancelled timer is never sent and cannot be replayed.")
REPLAY = Action("replay", "replayed", "Each is sent once more, now.")
#: By the status of a list.
ACTIONS = {str(Status.SCHEDULED): CANCEL, str(Status.DELIVERED): REPLAY, str(Status.FAILED): REPLAY}


def action_on(asked: Filters) -> Action | None:
    """What can be done to all that match; the runs of a schedule are only listed, as by the API."""
    return None if asked.typed["schedule"] else ACTIONS.get(asked.tab)


#: What those were that it did not change: of one, and of more.
_SKIPPED = {
    "": ("is not known any more", "are not known any more"),
    "scheduled": ("is scheduled again already", "are scheduled again already"),
    "delivering": ("was already being delivered", "were already being delivered"),
    "delivered": ("was delivered before", "were delivered before"),
    "failed": ("had failed before", "had failed before"),
    "cancelled": ("was cancelled before", "were cancelled before"),
    "again": ("was replayed before", "were replayed before"),
    "changed": ("was attempted after it had been ticked", "were attempted after they had been ticked"),
    "key": ("has a key that another timer has now", "have keys that other timers have now"),
    "expired": ("would be too late", "would be too late"),
    "format": ("only a later version may change", "only a later version may change"),
}


@dataclass(slots=True)
class Result:
    """What became of those that were tried."""

    changed: int = 0
    matched: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    #: Whether none was left when it ended.
    is_over: bool = True

    def add(self, done: many.Changed) -> None:
        self.changed += done.changed
        self.matched += done.matched
        self.skipped.update(done.skipped)


def needs_number(count: int, *, exact: bool) -> bool:
    """Whether the number of those that match has to be typed before all of them are changed."""
    return count > TYPED_ABOVE or not exact


def is_number(typed: str, count: int) -> bool:
    """With or without its commas."""
    return typed.strip().replace(",", "") == str(count)


def change_all(action: Action, query: Query, most: int | None, as_of: int) -> Result:
    """Page by page, as long as there is time: no more than `most`, which its button said; None for any number.

    `as_of`, ms: when its page was read. What was replayed since is left alone: a button that is pressed twice, by one
    or by two people, sends nothing twice.
    """
    result, after, began_at = Result(), None, as_of
    deadline = time.monotonic() + _SECONDS
    while True:
        size = MOST_TIMERS if most is None else min(MOST_TIMERS, most - result.matched)
        done = _page(action, replace(query, after=after, limit=size), began_at)
        result.add(done)
        after, began_at = done.next, done.began_at
        if after is None or (most is not None and result.matched >= most):
            return result
        if time.monotonic() >= deadline:
            result.is_over = False
            return result


@limit_lists
def _page(action: Action, query: Query, began_at: int) -> many.Changed:
    """Lists take turns: between two pages others have theirs."""
    charge(query.limit)
    return many.cancel_page(query) if action is CANCEL else many.replay_page(query, began_at)


@limit_lists
def change_ticked(action: Action, ticked: Sequence[str]) -> Result:
    """Each as `<id>.<attempts>`: one that was attempted after it had been ticked is not replayed."""
    seen = dict(it.partition(".")[::2] for it in ticked)
    result = Result()
    if action is CANCEL:
        result.add(many.cancel(list(seen)))
        return result
    found = store().timers.standings(seen)
    as_seen = [it for it in found if seen[it.id] == str(it.attempts)]
    result.add(many.replay(as_seen, len(seen) - (len(found) - len(as_seen))))
    if len(as_seen) < len(found):
        result.skipped["changed"] += len(found) - len(as_seen)
    return result


def told(action: Action, result: Result) -> str:
    """`137 cancelled, 2 were already being delivered.`"""
    parts = [f"{number(result.changed) if result.changed else 'None'} {action.done}"]
    for word, count in sorted(result.skipped.items()):
        one, more = _SKIPPED.get(word, ("could not be changed", "could not be changed"))
        if count:
            parts.append(f"{number(count)} {one if count == 1 else more}")
    return f"{', '.join(parts)}."
