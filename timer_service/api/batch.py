"""/timers/batch: many timers in one call; each stands on its own."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError

from scheduler import Draft, TimerError
from timer_service import idempotency
from timer_service.arguments import Blueprint, invalid
from timer_service.description import IDEMPOTENCY_KEY
from timer_service.parts import timers
from timer_service.problems import Problem, members, of_engine
from timer_service.schemas import BatchIn, BatchOut, NewTimer, TimerOut

bp = Blueprint("batch", __name__, description="Many timers in one call")

#: Errors told of one item: of a thousand items they are 1 MiB.
_TOLD = 10

#: What became of one item: created_at and due_at, or its result where it was refused. JSON, for repeats.
Outcome = list[int] | dict[str, Any]


@bp.route("/timers/batch", methods=["POST"])
@bp.arguments(BatchIn)
@bp.response(200, BatchOut)
@bp.doc(parameters=[IDEMPOTENCY_KEY])
def create(asked: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Set many timers; the answer has one result for each, in order."""
    begun = idempotency.begin()
    schema, dump = NewTimer(), TimerOut().dump
    results: list[dict[str, Any]] = [{}] * len(asked["timers"])
    drafts: dict[int, Draft] = {}
    for number, item in enumerate(asked["timers"]):
        if not isinstance(item, dict):
            results[number] = _refusal(invalid(["Must be an object."]))
            continue
        try:
            loaded = schema.load(item)
        except ValidationError as error:
            results[number] = _refusal(invalid(error.messages_dict, _TOLD))
        else:
            drafts[number] = Draft(id=idempotency.new_id(begun, number, loaded.get("key")), **loaded)
    is_repeat = begun is not None and begun.answer is not None
    outcomes: dict[str, Outcome] = begun.answer if begun and is_repeat else _schedule(drafts)
    if begun and not is_repeat:
        idempotency.keep(begun, outcomes)
    for number, draft in drafts.items():
        # What may be called is a setting: an item can pass now that was refused then.
        outcome = outcomes.get(str(number)) or _refusal(Problem(422, "It was refused under this Idempotency-Key."))
        if isinstance(outcome, list):
            results[number] = {"status": 201, "timer": dump(draft.stored(*outcome))}
        else:
            results[number] = outcome
    return {"results": results}, 200, dict(idempotency.REPLAYED) if is_repeat else {}


def _schedule(drafts: dict[int, Draft]) -> dict[str, Outcome]:
    """By number, as JSON names things."""
    return {
        str(number): _refusal(of_engine(found)) if isinstance(found, TimerError) else [found.created_at, found.due_at]
        for number, found in zip(drafts, timers().schedule_each(list(drafts.values())), strict=True)
    }


def _refusal(problem: Problem) -> dict[str, Any]:
    return {"status": problem.status, "problem": members(problem)}
