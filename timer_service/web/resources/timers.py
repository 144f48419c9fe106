"""/timers: set, look at, change, cancel, fire, replay."""

from __future__ import annotations

from typing import Any

from scheduler import Count, Draft, Place, Query, Timer, UnknownTimer
from timer_service.web import idempotency, past
from timer_service.web.access.authentication import charge
from timer_service.web.access.list_limit import limit_lists
from timer_service.web.answers import AttemptsOut, CountOut, ListOut, TimerOut
from timer_service.web.input.arguments import Blueprint, json_object
from timer_service.web.input.merge_patch import merge_function
from timer_service.web.input.queries import PAST, CountIn, ListIn, cursor
from timer_service.web.input.schemas import NewTimer
from timer_service.web.json_text import JsonText
from timer_service.web.next_page import link_to_next
from timer_service.web.openapi import IDEMPOTENCY_KEY, MERGE_PATCH
from timer_service.web.receipts import asked_durability, expect_standing, with_receipt
from timer_service.web.services import new_timer, store

bp = Blueprint("timers", __name__, description="Requests that will be sent")

#: Timers of a list that a count costs as much as.
_COUNTED_AS = 1000


@bp.route("/timers", methods=["POST"])
@bp.arguments(NewTimer)
@bp.response(201, TimerOut)
@bp.doc(operationId="create_timer", parameters=[IDEMPOTENCY_KEY])
def create(fields: dict[str, Any]) -> tuple[Timer, int, dict[str, str]]:
    """Set a timer."""
    asked = asked_durability(fields)
    with store().writes(asked) as writes:
        begun = idempotency.begin()
        draft = Draft(id=idempotency.new_id(begun, 0, fields.get("key")), **fields)
        headers = {"Location": f"/timers/{draft.id}"}
        if begun is not None and begun.answer is not None:
            expect_standing([draft.id], writes, asked)
            return with_receipt(draft.stored(*begun.answer), writes), 201, {**headers, **idempotency.REPLAYED}
        with idempotency.undone_if_refused(begun):
            (timer,) = writes.timers.set(draft)
        idempotency.keep(begun, [timer.created_at, timer.due_at])
        return with_receipt(timer, writes), 201, headers


@bp.route("/timers", methods=["GET"])
@limit_lists
@bp.arguments(ListIn, location="query")
@bp.response(200, ListOut)
@bp.doc(operationId="list_timers")
def index(query: Query) -> tuple[dict[str, Any], int, dict[str, str]]:
    """A page of timers, scheduled ones unless a status or a tag is asked for; the earliest due comes first."""
    charge(query.limit)
    if query.after is not None and query.after.status == PAST:
        return _past(query, query.after)
    page = store().listing.page(query)
    following = cursor(page.next or past.goes_on(query, page))
    answer: dict[str, Any] = {"data": page.timers, "next_cursor": following}
    if page.total is not None:
        answer["total"] = page.total
    return answer, 200, link_to_next(following)


def _past(query: Query, place: Place) -> tuple[dict[str, Any], int, dict[str, str]]:
    """What the history has of a list whose timers the store has forgotten."""
    found, following = past.page(query, place)
    told = cursor(following)
    return {"data": found, "next_cursor": told}, 200, link_to_next(told)


@bp.route("/timers/count", methods=["GET"])
@limit_lists
@bp.arguments(CountIn, location="query")
@bp.response(200, CountOut)
@bp.doc(operationId="count_timers")
def count(query: Query) -> Count:
    """How many timers a list would show in all; `exact` is false where it stopped looking, after 10,000."""
    charge(_COUNTED_AS)
    return store().listing.count(query)


@bp.route("/timers/<id:timer_id>", methods=["GET"])
@bp.response(200, TimerOut)
@bp.doc(operationId="get_timer")
def show(timer_id: str) -> Timer | JsonText:
    """One timer as it stands; of one that is forgotten, how it stood when it ended, if there is a history."""
    try:
        return store().timers.get(store().timers.id_of(timer_id))
    except UnknownTimer:
        return past.told(past.timer(timer_id))


@bp.route("/timers/<id:timer_id>", methods=["PATCH"])
@bp.response(200, TimerOut)
@bp.doc(operationId="change_timer", requestBody=MERGE_PATCH)
def change(timer_id: str) -> Timer:
    """Move a scheduled timer, or change what will be sent (RFC 7396)."""
    return store().changes.change(store().timers.id_of(timer_id), merge_function(json_object(), new_timer()))


@bp.route("/timers/<id:timer_id>", methods=["DELETE"])
@bp.response(204)
@bp.doc(operationId="cancel_timer")
def cancel(timer_id: str) -> None:
    """Withdraw a timer; after the 204 no attempt is started."""
    store().timers.cancel(store().timers.id_of(timer_id))


@bp.route("/timers/<id:timer_id>/fire", methods=["POST"])
@bp.response(202, TimerOut)
@bp.doc(operationId="fire_timer")
def fire(timer_id: str) -> Timer:
    """Make a scheduled timer due now."""
    timer = store().timers.get(store().timers.id_of(timer_id))
    store().timers.fire(timer)
    return store().timers.get(timer.id)


@bp.route("/timers/<id:timer_id>/replay", methods=["POST"])
@bp.response(202, TimerOut)
@bp.doc(operationId="replay_timer")
def replay(timer_id: str) -> Timer:
    """Send a delivered or failed timer once more; 409 for one that only the history tells."""
    try:
        timer = store().timers.get(store().timers.id_of(timer_id))
    except UnknownTimer:
        raise past.no_replay(timer_id) from None
    store().timers.replay(timer)
    return store().timers.get(timer.id)


@bp.route("/timers/<id:timer_id>/attempts", methods=["GET"])
@bp.response(200, AttemptsOut)
@bp.doc(operationId="list_attempts")
def attempts(timer_id: str) -> dict[str, Any]:
    """The last ten attempts that have ended, oldest first; of a timer that is forgotten, those that the history has."""
    try:
        return {"data": store().timers.attempts(store().timers.id_of(timer_id))}
    except UnknownTimer:
        return past.attempts(timer_id)
