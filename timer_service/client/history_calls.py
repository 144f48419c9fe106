"""Each call about the history, described once for both clients: methods of TimerClient and AsyncTimerClient."""

from __future__ import annotations

from datetime import datetime
from typing import Unpack

from timer_service.client.answers import Page, Timer
from timer_service.client.call import Call, Walk
from timer_service.client.request_fields import HistoryFilters, to_json


def history_page(
    *,
    from_: datetime | str | None = None,
    to: datetime | str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
    **filters: Unpack[HistoryFilters],
) -> Call[Page]:
    """One page of the history: timers that ended from one moment on until before another, the latest end first.

    NotFound where the service keeps no history, Unavailable while its database is away.
    """
    query = {"limit": limit, "cursor": cursor, **to_json({"from": from_, "to": to, **filters})}
    return Call("GET", "/history", Page.from_json, query=query, repeatable=True)


def history(
    *,
    from_: datetime | str | None = None,
    to: datetime | str | None = None,
    page_size: int | None = None,
    **filters: Unpack[HistoryFilters],
) -> Walk[Page, Timer]:
    """Every timer of the history that matches, also those that the store has forgotten, page by page as you go on."""
    return Walk(
        lambda cursor: history_page(from_=from_, to=to, limit=page_size, cursor=cursor, **filters), lambda it: it.timers
    )
