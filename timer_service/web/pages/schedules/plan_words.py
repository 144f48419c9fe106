"""A plan and what stands around it in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from scheduler import CatchUp, Gap, Overlap, Pause, Plan, PlanError, Schedule, Skipped, recurrence, rfc3339
from timer_service.web.pages.words.values import counted, number, span
from timer_service.web.schedule_answers import UNREADABLE

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
_GAP = {Gap.RUN: "runs at the first moment after it", Gap.SKIP: "is skipped"}
#: What a schedule names that paused itself.
_BY_FAILURES = "pause_after_failures"
_SKIPPED = {
    "overlap": "an earlier run was unfinished",
    "missed": "nothing ran at their time, and they are not made up for",
    "paused": "it was paused",
    "gap": "a change of clocks left them out",
}


def described(plan: Plan, now: int) -> str:
    """When it runs; since when only if that is ahead."""
    try:
        said = recurrence.rhythm(plan)
    except PlanError:
        return UNREADABLE
    began = f", from {_written(plan.starts_at)}" if plan.starts_at > now else ""
    return said + began + (f", until {_written(plan.ends_at)}" if plan.ends_at is not None else "")


def _written(ms: int) -> str:
    """`2026-11-28 01:30 UTC`."""
    day, clock = rfc3339.rfc3339(ms).removesuffix("Z").split("T")
    return f"{day} {clock.removesuffix('.000').removesuffix(':00')} UTC"


def paused_by(pause: Pause) -> str:
    """Who did that; '' where nobody has a name."""
    return "itself" if pause.by == _BY_FAILURES else pause.by


def skipped_short(skipped: Skipped) -> str:
    """`14 overlap, 2 missed`, or `none`."""
    return ", ".join(f"{number(count)} {name}" for name, count in skipped._asdict().items() if count) or "none"


def skipped_why(skipped: Skipped) -> list[tuple[int, str, str]]:
    """How many, their word, and the reason as a sentence without its end."""
    return [(count, name, _SKIPPED[name]) for name, count in skipped._asdict().items() if count]


def rules(schedule: Schedule) -> Iterator[tuple[str, str]]:
    """What was asked beside when and what."""
    draft = schedule.draft
    if draft.plan.every_ms:
        yield "Counts from", _written(draft.plan.starts_at)
    yield "Overlap", _OVERLAP[draft.overlap]
    window = f", if that was at most {span(draft.catch_up_window_ms)} ago"
    yield "Catch up", _CATCH_UP[draft.catch_up] + (window if draft.catch_up is not CatchUp.NONE else "")
    if _names_fixed_times(draft.plan):
        yield "Gap", f"a time that the clocks leave out {_GAP[draft.plan.gap]}"
        yield "Fold", f"a time that they show twice runs at the {draft.plan.fold}"
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
