"""/timers/by-key/{key}: a timer under its client's name; set again and again a debounce, or a dead man's switch."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError

from scheduler import Draft, Timer
from timer_service.web.answers import TimerOut
from timer_service.web.input.arguments import Blueprint
from timer_service.web.input.invalid import invalid
from timer_service.web.input.schemas import NewTimer
from timer_service.web.input.webhook_fields import Key
from timer_service.web.receipts import asked_durability, with_receipt
from timer_service.web.services import store

bp = Blueprint("by_key", __name__, description="Timers under a key of your own")


@bp.route("/timers/by-key/<key>", methods=["PUT"])
@bp.arguments(NewTimer)
@bp.response(200, TimerOut)
@bp.alt_response(201, schema=TimerOut)
@bp.doc(operationId="put_timer_by_key")
def put(fields: dict[str, Any], key: str) -> tuple[Timer, int, dict[str, str]]:
    """Set the timer with this key, or replace it in place."""
    try:
        Key().deserialize(key)
    except ValidationError as error:
        raise invalid({"key": error.messages}) from None
    if fields.setdefault("key", key) != key:
        raise invalid({"key": ["Must be the key of the path, or absent."]})
    with store().writes(asked_durability(fields)) as writes:
        timer, is_new = writes.changes.put(key, Draft(id=store().timers.new_id(key), **fields))
        timer = with_receipt(timer, writes)
    if not is_new:
        return timer, 200, {}
    return timer, 201, {"Location": f"/timers/{timer.id}"}


@bp.route("/timers/by-key/<key>", methods=["GET"])
@bp.response(200, TimerOut)
@bp.doc(operationId="get_timer_by_key")
def show(key: str) -> Timer:
    """The unfinished timer with this key."""
    return store().timers.get(store().timers.find(key))


@bp.route("/timers/by-key/<key>", methods=["DELETE"])
@bp.response(204)
@bp.doc(operationId="cancel_timer_by_key")
def cancel(key: str) -> None:
    """Withdraw the timer with this key."""
    store().timers.cancel(store().timers.find(key))
