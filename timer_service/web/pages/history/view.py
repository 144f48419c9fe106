"""The view History: timers that have ended, for as long as they are kept in SQL, page by page."""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import urlencode

from flask import Response, request
from marshmallow import ValidationError

from scheduler import ENDED, Reason
from timer_service.history.as_timer import as_timer
from timer_service.history.queries import HistoryQuery
from timer_service.web import past
from timer_service.web.access.authentication import charge
from timer_service.web.input.history_queries import HistoryIn
from timer_service.web.input.queries import cursor
from timer_service.web.pages.frame import live
from timer_service.web.pages.frame.frame import bp, show
from timer_service.web.pages.frame.terminal import terminal
from timer_service.web.pages.timers.rows import row
from timer_service.web.pages.words.typed import utc_moment

#: Timers of a page.
_LIMIT = 20
#: Fields of the form; then what says which page.
_FIELDS = ("from", "to", "status", "reason", "destination", "tag", "schedule", "key")
_MOMENTS = ("from", "to")

_HISTORY_IN = HistoryIn()


@bp.get("/history")
def history() -> Response:
    """What has ended does not change: the part that is fetched again asks the database nothing."""
    reader = past.needed()
    typed = {name: request.args.get(name, "").strip() for name in (*_FIELDS, "cursor")}
    query, errors = _read(typed)
    page = None
    if query and not live.is_asked():
        charge(_LIMIT)
        page = reader.page(query)
    now = time.time_ns() // 1_000_000
    rows = [row(as_timer(text, now)) for text in page.timers] if page else []
    following = cursor(past.next_place(page)) if page else None
    said = {name: typed[name] for name in _FIELDS if typed[name]}
    return show(
        "pages/history.html",
        view="History",
        title="History",
        as_of=now,
        status=422 if errors else 200,
        typed=typed,
        errors=errors,
        statuses=ENDED,
        reasons=tuple(Reason),
        rows=rows,
        is_live=live.is_asked(),
        is_first=not typed["cursor"],
        are_set=bool(said),
        first_url=_url(said),
        next_url=_url({**said, "cursor": following}) if following else None,
        commands=(
            terminal().ours("history", options=said),
            terminal().curl("/history", _asked(said)),
        ),
    )


def _read(typed: Mapping[str, str]) -> tuple[HistoryQuery | None, Mapping[str, str]]:
    """What is asked for; or, by field, what is wrong with it."""
    try:
        query: HistoryQuery = _HISTORY_IN.load({**_asked(typed), "limit": str(_LIMIT)})
    except ValidationError as error:
        return None, {name: str(said[0]) for name, said in error.messages_dict.items()}
    return query, {}


def _asked(typed: Mapping[str, str]) -> dict[str, str]:
    """As the API takes it: moments may be typed without a zone."""
    return {name: utc_moment(value) if name in _MOMENTS else value for name, value in typed.items() if value}


def _url(query: Mapping[str, str]) -> str:
    return f"/ui/history?{urlencode(query)}" if query else "/ui/history"
