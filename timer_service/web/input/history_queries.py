"""Which ended timers of the history a client means."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, post_load, validate

from scheduler import ENDED, Reason, destination
from timer_service.history.queries import HistoryPlace, HistoryQuery
from timer_service.web.input.fields import HowMany, Moment
from timer_service.web.input.limits import MOST_TIMERS
from timer_service.web.input.queries import Cursor, Origin
from timer_service.web.input.webhook_fields import Key, Tag


class HistoryIn(Schema):
    from_ = Moment(data_key="from", metadata={"description": "ended at this moment or later"})
    to = Moment(metadata={"description": "ended earlier than this moment"})
    status = fields.String(validate=validate.OneOf(ENDED))
    reason = fields.Enum(Reason, by_value=True)
    destination = Origin(
        metadata={"description": "https:api.example.com:443, or a URL; timers of its scheme, host and port"}
    )
    tag = Tag()
    schedule = Key(metadata={"description": "its runs"})
    key = Key()
    limit = HowMany(MOST_TIMERS, 100)
    cursor = Cursor(metadata={"description": "next_cursor of the page before"})

    @post_load
    def _query(self, data: dict[str, Any], **_: Any) -> HistoryQuery:
        url = data.pop("destination", None)
        place, _began_at = data.pop("cursor", (None, 0))
        return HistoryQuery(
            ended_after=data.pop("from_", None),
            ended_before=data.pop("to", None),
            destination=None if url is None else destination(url),
            after=None if place is None else HistoryPlace(place.score, place.id),
            **data,
        )
