"""What is asked of the tables for a page. Pure."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, literal, select, tuple_

from timer_service.history.columns import Moment
from timer_service.history.queries import HistoryQuery
from timer_service.history.schema import TAGS, TIMERS

#: Filters that are columns of a timer's row.
_COLUMNS = ("status", "reason", "destination", "schedule", "key")


def page_select(query: HistoryQuery) -> Select[Any]:
    """ended_at, id and timer, and one row more than the page has. Each filter has an index in this order, and the
    database chooses among those of the filters that are given."""
    at: ColumnElement[int] = TIMERS.c.ended_at
    timer_id: ColumnElement[str] = TIMERS.c.id
    chosen = select(TIMERS.c.ended_at, TIMERS.c.id, TIMERS.c.timer)
    if query.tag is not None:
        at, timer_id = TAGS.c.ended_at, TAGS.c.id
        chosen = chosen.join(TAGS, TAGS.c.id == TIMERS.c.id).where(TAGS.c.tag == query.tag)
    for name in _COLUMNS:
        asked = getattr(query, name)
        if asked is not None:
            chosen = chosen.where(TIMERS.c[name] == asked)
    if query.ended_after is not None:
        chosen = chosen.where(at >= query.ended_after)
    if query.ended_before is not None:
        chosen = chosen.where(at < query.ended_before)
    if query.after is not None:
        chosen = chosen.where(
            tuple_(at, timer_id) < tuple_(literal(query.after.ended_at, Moment), literal(query.after.id))
        )
    return chosen.order_by(at.desc(), timer_id.desc()).limit(query.limit + 1)
