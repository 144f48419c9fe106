"""How durable a request asked its write to be, and what it is told of that."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from scheduler import MEMORY, Durability, Receipt, Schedule, Timer, Writes, parse_durability
from timer_service.web.problems import RETRY_AFTER, Problem
from timer_service.web.receipt_answers import receipt_out
from timer_service.web.services import settings


def asked_durability(fields: dict[str, Any]) -> Durability:
    """Takes it out of what was read."""
    asked: Durability | None = fields.pop("durability", None)
    return parse_durability(settings().durability) if asked is None else asked


def with_receipt(timer: Timer, writes: Writes) -> Timer:
    """As it is answered, once it is as durable as was asked. Raises Problem; the timer stands all the same."""
    receipt = writes.receipt()
    if receipt is None:
        return timer
    if not receipt.is_met:
        raise not_durable(receipt, timer_id=timer.id)
    return timer._replace(receipt=receipt)


def expect_standing(timer_ids: Collection[str], writes: Writes, asked: Durability) -> None:
    """A repeat of what was answered before: what a receipt shall be given for must be there. Raises Problem."""
    if asked != MEMORY and (gone := gone_of(timer_ids, writes)):
        raise gone_problem(gone[0])


def gone_of(timer_ids: Collection[str], writes: Writes) -> list[str]:
    """Those that the store has no more."""
    standing = {it.id for it in writes.timers.standings(timer_ids)}
    return [timer_id for timer_id in timer_ids if timer_id not in standing]


def gone_problem(timer_id: str) -> Problem:
    text = "The timer was set before, and is not in the store any more: it has ended and was forgotten, or was lost."
    return _problem(text, {"timer_id": timer_id})


def not_durable(receipt: Receipt, **of: str) -> Problem:
    """`of`: the id of the timer, or the name of the schedule."""
    text = (
        f"It was stored, and stands unless the store loses it: {receipt.asked.word} was not reached in time. "
        "The same request again, under the same Idempotency-Key or key, asks again."
    )
    return _problem(text, {**of, "durability": receipt_out(receipt)})


def with_schedule_receipt(schedule: Schedule, writes: Writes) -> Schedule:
    """The same of a schedule."""
    receipt = writes.receipt()
    if receipt is None:
        return schedule
    if not receipt.is_met:
        raise not_durable(receipt, schedule=schedule.name)
    return replace(schedule, receipt=receipt)


def _problem(text: str, more: dict[str, Any]) -> Problem:
    return Problem(503, text, headers={"Retry-After": str(RETRY_AFTER)}, more=more, name="not-durable")
