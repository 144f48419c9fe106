"""/timers/batch: many timers in one call; each stands on its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError

from scheduler import Draft, TimerError
from timer_service.web import idempotency
from timer_service.web.access.authentication import charge
from timer_service.web.answers import BatchOut, TimerOut
from timer_service.web.input.arguments import Blueprint
from timer_service.web.input.invalid import invalid
from timer_service.web.input.schemas import BatchIn
from timer_service.web.openapi import IDEMPOTENCY_KEY
from timer_service.web.problem_answers import members
from timer_service.web.problems import Problem, from_engine
from timer_service.web.services import new_timer, store

bp = Blueprint("batch", __name__, description="Many timers in one call")

#: Errors told of one item: of a thousand items they are 1 MiB.
_TOLD = 10

#: What is kept for repeats: created_at and due_at of the timers that were set, by number, as JSON names things.
Accepted = dict[str, list[int]]


@bp.route("/timers/batch", methods=["POST"])
@bp.arguments(BatchIn)
@bp.response(200, BatchOut)
@bp.doc(operationId="create_timers", parameters=[IDEMPOTENCY_KEY])
def create(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Set many timers; the answer has one result for each, in order."""
    charge(len(body["timers"]))
    begun = idempotency.begin()
    schema, dump = new_timer(), TimerOut().dump
    results: list[dict[str, Any]] = [{}] * len(body["timers"])
    drafts: dict[int, Draft] = {}
    for number, item in enumerate(body["timers"]):
        if not isinstance(item, dict):
            results[number] = _refusal(invalid(["Must be an object."]))
            continue
        try:
            loaded = schema.load(item)
        except ValidationError as error:
            results[number] = _refusal(invalid(error.messages_dict, _TOLD))
        else:
            drafts[number] = Draft(id=idempotency.new_id(begun, number, loaded.get("key")), **loaded)
    accepted: Accepted = dict(begun.answer or {}) if begun else {}
    known = len(accepted)
    # What was refused is tried again; under its key it has the same id, also where two repeats do so at once.
    missing = {number: draft for number, draft in drafts.items() if str(number) not in accepted}
    with idempotency.undone_if_refused(begun):
        refused = _set(missing, accepted)
    if len(accepted) > known:
        idempotency.keep(begun, accepted)
    elif not accepted:
        idempotency.refused(begun)
    for number, draft in drafts.items():
        if number in refused:
            results[number] = _refusal(refused[number])
        else:
            results[number] = {"status": 201, "timer": dump(draft.stored(*accepted[str(number)]))}
    return {"results": results}, 200, dict(idempotency.REPLAYED) if known else {}


def _set(drafts: Mapping[int, Draft], accepted: Accepted) -> dict[int, Problem]:
    """Adds to those that are accepted; returns why the others are not."""
    if not drafts:
        return {}
    refused: dict[int, Problem] = {}
    for number, found in zip(drafts, store().timers.set_each(list(drafts.values())), strict=True):
        if isinstance(found, TimerError):
            refused[number] = from_engine(found)
        else:
            accepted[str(number)] = [found.created_at, found.due_at]
    return refused


def _refusal(problem: Problem) -> dict[str, Any]:
    return {"status": problem.status, "problem": members(problem)}
