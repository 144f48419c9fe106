"""What a history knows of timers that the store has forgotten, as answers tell it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from flask import current_app

from scheduler import ENDED, Page, Place, Query, UnknownTimer, destination
from timer_service.history.queries import HistoryPage, HistoryPlace, HistoryQuery
from timer_service.web.input.queries import PAST
from timer_service.web.json_text import JsonText
from timer_service.web.problems import Problem
from timer_service.web.services import store

if TYPE_CHECKING:
    from timer_service.history.reader import HistoryReader

_FROM = {"from": PAST}
#: The id of a timer, and from its second occurrence on the number of that.
_WEBHOOK_ID = re.compile(r"([0-9A-Za-z]{22})(?:-([2-9]|[1-9]\d{1,8}))?", re.ASCII)

T = TypeVar("T")


def history() -> HistoryReader | None:
    """None where this service has none."""
    found: HistoryReader | None = current_app.extensions["history"]
    return found


def needed() -> HistoryReader:
    """Raises Problem where this service has none."""
    found = history()
    if found is None:
        detail = "This service keeps no history: TIMER_HISTORY_URL is not set."
        raise Problem(404, detail, name="no-history")
    return found


def told(text: str) -> JsonText:
    """A timer as the history has it, with a word on where it comes from."""
    return JsonText(f'{text[:-1]},"from":"{PAST}"}}')


def timer(webhook_id: str) -> str:
    """As JSON. Raises UnknownTimer, HistoryUnavailable."""
    found: str | None = _asked(webhook_id, lambda reader, *it: reader.timer(*it))
    if found is None:
        raise UnknownTimer(webhook_id)
    return found


def attempts(webhook_id: str) -> dict[str, Any]:
    """Raises UnknownTimer, HistoryUnavailable."""
    found = _asked(webhook_id, lambda reader, *it: reader.attempts(*it))
    if found is None:
        raise UnknownTimer(webhook_id)
    return {"data": found, **_FROM}


def no_replay(webhook_id: str) -> Problem | UnknownTimer:
    """Why a timer is not replayed that the store does not know. Raises HistoryUnavailable."""
    if _asked(webhook_id, lambda reader, *it: reader.timer(*it)) is None:
        return UnknownTimer(webhook_id)
    detail = "The store has forgotten this timer; the history still tells it. Set a new one with what it says."
    return Problem(409, detail)


def goes_on(query: Query, page: Page) -> Place | None:
    """Where a list goes on that ends in the store: of one status that timers end in, the latest end first."""
    if history() is None or page.next or not query.descending or query.status not in ENDED:
        return None
    if query.tag or query.schedule or query.due_after is not None or query.due_before is not None:
        return None  # these stand in the order of due times
    if not page.timers:
        return Place(page.read_at, "", PAST)
    last = page.timers[-1]
    return Place(last.ended_at or page.read_at, last.id, PAST)


def filters_of(query: Query) -> dict[str, str] | None:
    """What a history is asked for the ended timers of a list, which it lists by their end; None where it has none of
    that list, or cannot tell which."""
    is_ended = query.any_status or query.status in ENDED
    if history() is None or not is_ended or query.due_after is not None or query.due_before is not None:
        return None
    asked = {
        "status": None if query.any_status else query.status,
        "destination": None if query.destination is None else destination(query.destination),
        "tag": query.tag,
        "schedule": query.schedule,
    }
    return {name: value for name, value in asked.items() if value is not None}


def page(query: Query, place: Place) -> tuple[Sequence[JsonText], Place | None]:
    """What the history has of a list from there on, without what the store still tells. Raises HistoryUnavailable."""
    origin = None if query.destination is None else destination(query.destination)
    asked = HistoryQuery(
        status=query.status, destination=origin, limit=query.limit, after=HistoryPlace(place.score, place.id)
    )
    found = needed().page(asked)
    return [told(text) for text in _forgotten(found)], next_place(found)


def next_place(found: HistoryPage) -> Place | None:
    return None if found.next is None else Place(found.next.ended_at, found.next.id, PAST)


def _forgotten(found: HistoryPage) -> Iterable[str]:
    known = {it.id for it in store().timers.standings(found.ids)}
    return (text for timer_id, text in zip(found.ids, found.timers, strict=True) if timer_id not in known)


def _asked(webhook_id: str, question: Callable[[HistoryReader, str, int], T | None]) -> T | None:
    """None also where there is no history, or this can be no webhook-id."""
    reader, known = history(), _WEBHOOK_ID.fullmatch(webhook_id)
    return question(reader, known[1], int(known[2] or 1)) if reader and known else None
