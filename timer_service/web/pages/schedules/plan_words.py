"""A plan and what stands around it in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scheduler import CatchUp, Fold, Gap, Overlap, Plan, PlanError, Schedule, Skipped, recurrence
from timer_service.web.pages.words.values import counted, number, span
from timer_service.web.schedule_answers import described as in_words

_OVERLAP = {
    Overlap.ALLOW: "a run is made though an earlier one is unfinished",
    Overlap.SKIP: "no run is made while an earlier one is unfinished",
    Overlap.REPLACE: "an earlier run that waits for a retry is cancelled; while one is in flight, none is made",
}
_CATCH_UP = {
    CatchUp.LAST: "of moments that were missed, the last is made up for",
    CatchUp.ALL: "each moment that was missed is made up for",
    CatchUp.NONE: "moments that were missed are skipped",
}
_SKIPPED = {
    "overlap": "an earlier run was unfinished",
    "missed": "nothing ran at their time, and they are not made up for",
    "paused": "it was paused",
    "gap": "a change of clocks left them out",
}


def described(plan: Plan, now: int) -> str:
    """When it runs; since when only if that is ahead, or is what an interval counts from."""
    return in_words(replace(plan, starts_at=0) if plan.cron and plan.starts_at <= now else plan)


def skipped_short(skipped: Skipped) -> str:
    """`14 overlap, 2 missed`; 0 for none."""
    return ", ".join(f"{number(count)} {name}" for name, count in skipped._asdict().items() if count) or "0"


def skipped_why(skipped: Skipped) -> list[tuple[int, str, str]]:
    """How many, their word, and the reason as a sentence without its end."""
    return [(count, name, _SKIPPED[name]) for name, count in skipped._asdict().items() if count]


def rules(schedule: Schedule) -> Iterator[tuple[str, str]]:
    """What was asked beside when and what."""
    draft = schedule.draft
    yield "Overlap", _OVERLAP[draft.overlap]
    window = f", if that was at most {span(draft.catch_up_window_ms)} ago"
    yield "Catch up", _CATCH_UP[draft.catch_up] + (window if draft.catch_up is not CatchUp.NONE else "")
    if _names_fixed_times(draft.plan):
        yield "Gap", "at the first moment after" if draft.plan.gap is Gap.RUN else "skipped"
        yield "Fold", "at the first" if draft.plan.fold is Fold.FIRST else "at the last"
    if draft.spread_ms:
        own = span(recurrence.spread_offset(draft.name, draft.spread_ms))
        yield "Spread", f"each run {own} after its moment, of at most {span(draft.spread_ms)}"
    if draft.pause_after_failures:
        yield "Pauses itself", f"after {counted(draft.pause_after_failures, 'run')} in a row that failed"
    if draft.max_runs is not None:
        left = "" if schedule.runs_left is None else f", {number(schedule.runs_left)} left"
        yield "Runs", f"at most {number(draft.max_runs)}{left}"
    yield "Tags of each run", ", ".join(draft.tags) or "none"


def _names_fixed_times(plan: Plan) -> bool:
    """Only of those a change of clocks leaves one out, or repeats one."""
    try:
        return plan.cron is not None and not recurrence.parse(plan.cron).is_wildcard
    except PlanError:
        return False
