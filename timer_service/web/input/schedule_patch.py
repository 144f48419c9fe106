"""Changes of a schedule by JSON Merge Patch (RFC 7396)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import ValidationError

from scheduler import Schedule, ScheduleDraft, duration, rfc3339
from timer_service.web.input.invalid import invalid
from timer_service.web.input.merge_patch import (
    NOT_PATCHED,
    apply,
    errors_of_nulls,
    errors_of_showing,
    merged,
    webhook_fields,
)
from timer_service.web.input.schedule_fields import ONLY_ANSWERED, NewSchedule

#: Each takes the place of the other.
_PLANS = {"cron": "every", "every": "cron"}


def schedule_merge(patch: Mapping[str, Any], schema: NewSchedule) -> Callable[[Schedule], ScheduleDraft]:
    """A function that applies this patch to a schedule. It raises Problem for what a new one could not be either.

    Raises Problem for what no request sets: in a patch it would be meant.
    """
    if only_answered := ONLY_ANSWERED & patch.keys():
        raise invalid({name: ["Told in answers only: no request changes it."] for name in sorted(only_answered)})

    if "durability" in patch:
        raise invalid({"durability": [NOT_PATCHED]})
    if errors := _errors_of_nulls(patch, schema):
        raise invalid(errors)

    def merge(schedule: Schedule) -> ScheduleDraft:
        before = own_fields(schedule.draft)
        before["timer"] = webhook_fields(schedule.draft.webhook, schedule.draft.tags)
        for name, other in _PLANS.items():
            if patch.get(name) is not None:
                before.pop(other, None)
        runs = patch.get("timer")
        if isinstance(runs, dict):
            before["timer"] = merged(before["timer"], runs)
        others = {name: value for name, value in patch.items() if name != "timer" or not isinstance(value, dict)}
        try:
            draft = ScheduleDraft(name=schedule.name, **schema.load(apply(before, others)))
        except ValidationError as error:
            raise invalid(error.messages_dict) from None
        if isinstance(runs, dict) and (errors := errors_of_showing(schedule.draft.webhook, draft.webhook, runs)):
            raise invalid({"timer": errors})
        return draft

    return merge


def _errors_of_nulls(patch: Mapping[str, Any], schema: NewSchedule) -> dict[str, Any]:
    runs = patch.get("timer")
    of_runs = errors_of_nulls(runs, schema.run_timer) if isinstance(runs, dict) else {}
    return errors_of_nulls(patch, schema) | ({"timer": of_runs} if of_runs else {})


def own_fields(draft: ScheduleDraft) -> dict[str, Any]:
    """The fields of a request that would set this schedule, but for `timer`, which may have secrets."""
    plan = draft.plan
    when = {"cron": plan.cron} if plan.every_ms is None else {"every": duration.text(plan.every_ms)}
    return {
        **when,
        "time_zone": plan.time_zone,
        "starts_at": rfc3339.rfc3339(plan.starts_at),
        "ends_at": None if plan.ends_at is None else rfc3339.rfc3339(plan.ends_at),
        "gap": plan.gap.value,
        "fold": plan.fold.value,
        "max_runs": draft.max_runs,
        "overlap": draft.overlap.value,
        "catch_up": draft.catch_up.value,
        "catch_up_window": duration.text(draft.catch_up_window_ms),
        "spread": duration.text(draft.spread_ms),
        "pause_after_failures": draft.pause_after_failures or None,
    }
