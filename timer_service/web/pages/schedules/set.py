"""The view that sets a schedule or changes one, by a form; before that it shows when such a one would run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from urllib.parse import quote

from flask import Response, request
from marshmallow import ValidationError

from scheduler import (
    NO_VERSION,
    PlanError,
    Schedule,
    ScheduleDraft,
    ScheduleExists,
    TimerError,
    UnknownSchedule,
    VersionChanged,
    Webhook,
    recurrence,
)
from timer_service.web.input.destination import METHODS
from timer_service.web.input.invalid import invalid
from timer_service.web.input.schedule_patch import schedule_merge
from timer_service.web.pages.figures.snapshot import expire
from timer_service.web.pages.frame import forms, live
from timer_service.web.pages.frame.frame import bp, show
from timer_service.web.pages.frame.terminal import terminal
from timer_service.web.pages.frame.viewer import viewer
from timer_service.web.pages.schedules import schedule_form
from timer_service.web.pages.schedules.commands import change_commands, set_commands
from timer_service.web.pages.schedules.moments import MomentRow, moment_rows
from timer_service.web.pages.schedules.one import find
from timer_service.web.pages.schedules.plan_words import described
from timer_service.web.pages.schedules.view import NAME, path_of
from timer_service.web.problems import Problem, from_engine, of_schedule
from timer_service.web.services import new_schedule, store

#: Moments that it shows before a schedule is set.
_SHOWN = 5


@bp.get("/set-schedule")
def set_form() -> Response:
    name = request.args.get("name", "")
    if not viewer().may_write:
        raise Problem(403, "This key may only read.")
    if not name or live.is_asked():
        return _show(dict(schedule_form.USUAL), {})
    found = find(name)
    return _show(schedule_form.shown(found), {}, found)


@bp.post("/set-schedule")
def set_schedule() -> Response:
    typed = schedule_form.typed(request.form)
    version = request.form.get("version", "")
    before = find(request.args.get("name", "")) if version else None
    try:
        draft, errors = _draft(typed, version, before)
    except Problem as problem:
        return _show(typed, {}, before, refused=problem)
    if draft is None or errors:
        return _show(typed, errors, before, status=422)
    if request.form.get("do") == "preview":
        return _show(typed, {}, before, draft=draft)
    try:
        _put(draft, before)
    except TimerError as error:
        return _show(typed, {}, before, refused=from_engine(error))
    except Problem as problem:
        return _show(typed, schedule_form.errors_at(problem.errors), before, refused=problem)
    expire()
    return forms.done(path_of(draft.name), "It is changed." if before else "It is set.", schedule=draft.name)


def _draft(
    typed: Mapping[str, str], version: str, before: Schedule | None
) -> tuple[ScheduleDraft | None, dict[str, str]]:
    """What was asked for, or what is wrong with it by field. Raises Problem."""
    if before is not None:
        if before.version != version:
            raise Problem(412, "It was changed after this form had been loaded. Nothing was done. Load it again.")
        patch, errors = schedule_form.as_patch(typed, schedule_form.shown(before))
        try:
            return schedule_merge(patch, new_schedule())(before), errors
        except Problem as problem:
            return None, schedule_form.errors_at(problem.errors) | errors
    asked, errors = schedule_form.as_json(typed)
    try:
        NAME.deserialize(typed["name"])
    except ValidationError as error:
        errors["name"] = str(error.messages[0])
    try:
        fields = new_schedule().load({"timer": {}, **asked})
    except ValidationError as error:
        return None, schedule_form.errors_at(invalid(error.messages).errors) | errors
    return ScheduleDraft(name=typed["name"], **fields), errors


def _put(draft: ScheduleDraft, before: Schedule | None) -> None:
    """Raises Problem or TimerError."""
    try:
        store().schedules.put(draft, before.version if before else NO_VERSION)
    except ScheduleExists:
        if _is_another(draft):
            detail = "Another schedule has this name; change that one, or take another name."
            raise Problem(
                409, "Another schedule has this name. Nothing was done.", errors=[("/name", detail)]
            ) from None
    except VersionChanged:
        raise Problem(412, "It was changed meanwhile by somebody else. Nothing was done. Load it again.") from None
    except TimerError as error:
        raise of_schedule(error) from error


def _is_another(draft: ScheduleDraft) -> bool:
    """Whether what stands under this name is not what this form has set already: it may be sent twice."""
    try:
        there = store().schedules.get(draft.name).draft
    except UnknownSchedule:  # deleted meanwhile
        return True
    return draft.starting(there.plan.starts_at) != there


def _show(
    typed: Mapping[str, str],
    errors: Mapping[str, str],
    before: Schedule | None = None,
    *,
    draft: ScheduleDraft | None = None,
    status: int = 200,
    refused: Problem | None = None,
) -> Response:
    """`draft`: of which the next moments are shown."""
    words, zone, rows = _moments(draft) if draft else ("", "", ())
    usual = Webhook("", **new_schedule().run_timer.rules.defaults)
    return show(
        "pages/set_schedule.html",
        view="Schedules",
        title=f"Change {before.name} · Schedules" if before else "Set a schedule · Schedules",
        status=status,
        refused=refused,
        address=_address(before) if request.method == "POST" else "",
        before=before,
        path=path_of(before.name) if before else "",
        own_address=_address(before),
        commands=_commands(typed, before),
        typed=typed,
        errors={name: errors[name] for name in typed if name in errors},  # in the order of the form
        other_error=errors.get("", ""),
        methods=METHODS,
        not_here=schedule_form.not_here(before, usual) if before else (),
        usual=usual,
        more_open=any(typed[it] != schedule_form.USUAL[it] or it in errors for it in schedule_form.MORE),
        words=words,
        zone=zone,
        rows=rows,
    )


def _commands(typed: Mapping[str, str], before: Schedule | None) -> tuple[str, ...]:
    """What does the same from a terminal; nothing while the form holds what no JSON can say."""
    if before is not None:
        patch, errors = schedule_form.as_patch(typed, schedule_form.shown(before))
        return () if errors else change_commands(terminal(), before.name, patch)
    said = {name: text for name, text in typed.items() if text != schedule_form.USUAL[name]}
    asked, errors = schedule_form.as_json(said)
    return () if errors else set_commands(terminal(), typed["name"], asked)


def _address(before: Schedule | None) -> str:
    return "/ui/set-schedule" + (f"?name={quote(before.name, safe='')}" if before else "")


def _moments(draft: ScheduleDraft) -> tuple[str, str, Sequence[MomentRow]]:
    """The plan in words, its zone, and its next moments."""
    now = store().schedules.now()
    plan = draft.starting(now).plan
    try:
        offset = recurrence.spread_offset(draft.name, draft.spread_ms)
        found = (it._replace(at=it.at + offset) for it in recurrence.moments(plan, now - offset))
        return described(plan, now), plan.time_zone, moment_rows(plan, islice(found, _SHOWN), offset)
    except PlanError:
        return "", plan.time_zone, ()
