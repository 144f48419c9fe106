"""The view of one schedule: when it runs next and why not, its last runs, what it skipped, and what it sends."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from flask import Response

from scheduler import Schedule, ScheduleStatus, UnknownSchedule, recurrence, upcoming
from timer_service.web.pages.frame import live
from timer_service.web.pages.frame.frame import bp, show
from timer_service.web.pages.frame.terminal import terminal
from timer_service.web.pages.frame.viewer import viewer
from timer_service.web.pages.schedules.commands import calls
from timer_service.web.pages.schedules.moments import MomentRow, moment_rows
from timer_service.web.pages.schedules.plan_words import described, paused_by, rules, skipped_why
from timer_service.web.pages.schedules.rows import next_at
from timer_service.web.pages.schedules.view import is_name, path_of
from timer_service.web.pages.timer.standing import Sentence
from timer_service.web.pages.words.reasons import ended, is_long
from timer_service.web.pages.words.request_text import asked_of, metadata, webhook_text
from timer_service.web.pages.words.values import counted, number
from timer_service.web.problems import Problem
from timer_service.web.services import store

#: Moments that are shown ahead.
_AHEAD = 5


@bp.get("/schedules/<name>")
def schedule(name: str) -> Response:
    return view(find(name))


def find(name: str) -> Schedule:
    """Raises Problem."""
    if is_name(name):
        try:
            return store().schedules.get(name)
        except UnknownSchedule:
            pass
    raise Problem(404, "No schedule has this name: it never was, or it was deleted.")


def view(
    found: Schedule,
    *,
    refused: Problem | None = None,
    errors: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
    once: str = "",
) -> Response:
    """`errors`: by the field of a form; `typed`: what stood in that; `once`: what a form that is sent twice repeats."""
    webhook, plan = found.draft.webhook, found.draft.plan
    often = webhook.max_occurrences
    return show(
        "pages/schedule.html",
        view="Schedules",
        title=f"{found.name}, {found.status} · Schedules",
        as_of=found.read_at,
        status=422 if errors else 200,
        refused=refused,
        address=path_of(found.name) if refused or errors else "",
        schedule=found,
        path=path_of(found.name),
        runs_url="/ui/timers?" + urlencode({"status": "any", "schedule": found.name}),
        said=sentence(found),
        reason=ended(found.paused.reason) if found.paused and is_long(found.paused.reason) else "",
        paused_by=paused_by(found.paused) if found.paused else "",
        when=described(plan, found.read_at),
        next=_next(found),
        skipped=skipped_why(found.skipped),
        rules=tuple(rules(found)),
        wanted=tuple(asked_of(webhook, f"at most {number(often)} of each run, if asked for" if often > 1 else "")),
        request=webhook_text(webhook, '{"id": "<the id of the run>"}'),
        metadata=metadata(webhook.metadata) if webhook.metadata else "",
        preview_url="/ui/schedules?" + urlencode(_previewed(found)) + "#pv",
        is_live=live.is_asked(),
        errors=errors or {},
        typed=typed or {},
        once=once or store().schedules.new_run_id(found.name),
        calls=tuple(calls(terminal(), found, may_write=viewer().may_write)),
    )


def sentence(found: Schedule) -> Sentence:
    """How it stands, first of all."""
    match found.status:
        case ScheduleStatus.PAUSED if found.paused:
            reason = found.paused.reason
            return Sentence("paused", "Paused", f": {ended(reason)}" if reason and not is_long(reason) else ".")
        case ScheduleStatus.ENDED:
            most = found.draft.max_runs
            is_used_up = found.runs_left == 0 and most is not None
            why = f"it has made {counted(most or 0, 'run')}, as many as it may" if is_used_up else "no moment is left"
            return Sentence("ended", "Ended", f": {why}.")
    at = next_at(found)
    return Sentence("active", "Active: no further run" if at is None else "Active: next run", until=at)


def _next(found: Schedule) -> list[MomentRow]:
    offset = recurrence.spread_offset(found.draft.name, found.draft.spread_ms)
    ahead = upcoming(found, _AHEAD)
    return moment_rows(found.draft.plan, ahead, offset) if ahead else []


def _previewed(found: Schedule) -> dict[str, str]:
    """What shows more moments of the same plan."""
    plan = found.draft.plan
    when = {"cron": plan.cron} if plan.cron else {"every": f"{plan.every_ms}ms"}
    return {**when, "time_zone": plan.time_zone, "gap": plan.gap, "fold": plan.fold, "count": "20"}
