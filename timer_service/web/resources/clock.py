"""/clock: what the time is where it can be turned, and turning it. Only a service with a virtual clock has it."""

from __future__ import annotations

from typing import Any

from flask import g
from marshmallow import Schema, fields, validate

from scheduler import Advance, ClockRange, VirtualClock
from timer_service.web.input.arguments import Blueprint
from timer_service.web.input.clock_fields import AdvanceIn
from timer_service.web.input.fields import Moment
from timer_service.web.input.invalid import invalid
from timer_service.web.services import store

bp = Blueprint("clock", __name__, description="A clock that can be turned, for tests")


class ClockOut(Schema):
    now = Moment()


class AdvanceOut(Schema):
    now = Moment()
    to = Moment(metadata={"description": "what was asked for"})
    attempts = fields.Integer(metadata={"description": "that were over meanwhile"})
    due = fields.Integer(metadata={"description": "timers that are due, and that no poller has taken"})
    delivering = fields.Integer(metadata={"description": "timers of which an attempt is under way"})
    stopped_by = fields.String(
        allow_none=True,
        validate=validate.OneOf(("delivering", "due", "time")),
        metadata={
            "description": "why it is not done, if it is not: an attempt was not over in time; no poller takes what is "
            "due; there is more to do than one call does. Go on with the same `to`."
        },
    )


@bp.route("/clock", methods=["GET"])
@bp.response(200, ClockOut)
@bp.doc(operationId="get_clock")
def show() -> dict[str, int]:
    """What the time is for this service."""
    return {"now": _clock().now()}


@bp.route("/clock/advance", methods=["POST"])
@bp.arguments(AdvanceIn)
@bp.response(200, AdvanceOut)
@bp.doc(operationId="advance_clock")
def advance(asked: dict[str, Any]) -> Advance:
    """Turn the clock forward; everything that falls due on the way is sent, in order, before this answers."""
    try:
        return _clock().advance_to(asked["to"]) if "to" in asked else _clock().advance_by(asked["by"])
    except ClockRange as error:
        (name,) = g.request_fields
        raise invalid({name: [f"{error}."]}) from error


def _clock() -> VirtualClock:
    clock = store().clock
    assert clock is not None, "these routes are registered for a virtual clock only"
    return clock
