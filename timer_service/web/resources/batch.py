"""/timers/batch: many timers in one call; each stands on its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError

from scheduler import MEMORY, Draft, Durability, TimerError, Writes
from timer_service.web import idempotency
from timer_service.web.access.authentication import charge
from timer_service.web.answers import BatchOut, TimerOut
from timer_service.web.input.arguments import Blueprint
from timer_service.web.input.invalid import invalid
from timer_service.web.input.schemas import BatchIn
from timer_service.web.openapi import IDEMPOTENCY_KEY
from timer_service.web.problem_answers import members
from timer_service.web.problems import Problem, from_engine
from timer_service.web.receipts import asked_durability, gone_of, gone_problem, not_durable
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
    asked = asked_durability(body)
    with store().writes(asked) as writes:
        return _create(body, asked, writes)


def _create(body: dict[str, Any], asked: Durability, writes: Writes) -> tuple[dict[str, Any], int, dict[str, str]]:
    begun = idempotency.begin()
    schema, dump = new_timer(), TimerOut().dump
    results: list[dict[str, Any]] = [{}] * len(body["timers"])
    drafts: dict[int, Draft] = {}
    for number, item in enumerate(body["timers"]):
        if not isinstance(item, dict):
            results[number] = _refusal(invalid(["Must be an object."]))
            continue
        if "durability" in item:
            results[number] = _refusal(invalid({"durability": ["Say it of the whole batch, beside `timers`."]}))
            continue
        try:
            loaded = schema.load(item)
        except ValidationError as error:
            results[number] = _refusal(invalid(error.messages_dict, _TOLD))
        else:
            drafts[number] = Draft(id=idempotency.new_id(begun, number, loaded.get("key")), **loaded)
    accepted: Accepted = dict(begun.answer or {}) if begun else {}
    known = len(accepted)
    repeated = {number: draft.id for number, draft in drafts.items() if str(number) in accepted}
    gone = _gone(repeated, writes) if asked != MEMORY and repeated else []
    # What was refused is tried again; under its key it has the same id, also where two repeats do so at once.
    missing = {number: draft for number, draft in drafts.items() if str(number) not in accepted}
    with idempotency.undone_if_refused(begun):
        refused = _set(missing, accepted, writes)
    if len(accepted) > known:
        idempotency.keep(begun, accepted)
    elif not accepted:
        idempotency.refused(begun)
    refused |= {number: gone_problem(drafts[number].id) for number in gone}
    receipt = writes.receipt() if accepted else None
    for number, draft in drafts.items():
        if number in refused:
            results[number] = _refusal(refused[number])
        elif receipt is not None and not receipt.is_met:
            results[number] = _refusal(not_durable(receipt, timer_id=draft.id))
        else:
            timer = draft.stored(*accepted[str(number)])
            results[number] = {"status": 201, "timer": dump(timer._replace(receipt=receipt) if receipt else timer)}
    return {"results": results}, 200, dict(idempotency.REPLAYED) if known else {}


def _set(drafts: Mapping[int, Draft], accepted: Accepted, writes: Writes) -> dict[int, Problem]:
    """Adds to those that are accepted; returns why the others are not."""
    if not drafts:
        return {}
    refused: dict[int, Problem] = {}
    for number, found in zip(drafts, writes.timers.set_each(list(drafts.values())), strict=True):
        if isinstance(found, TimerError):
            refused[number] = from_engine(found)
        else:
            accepted[str(number)] = [found.created_at, found.due_at]
    return refused


def _gone(timer_ids: Mapping[int, str], writes: Writes) -> list[int]:
    """Of a repeat: numbers of those that the store has no more, for which there is no receipt."""
    gone = set(gone_of(list(timer_ids.values()), writes))
    return [number for number, timer_id in timer_ids.items() if timer_id in gone]


def _refusal(problem: Problem) -> dict[str, Any]:
    return {"status": problem.status, "problem": members(problem)}
