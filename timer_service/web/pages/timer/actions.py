"""What the view Timer does to one timer: send now, move, cancel, replay. Each is asked for by a form of that view."""

from __future__ import annotations

from flask import Response, request

from scheduler import Timer, TimerError, UnknownTimer
from timer_service.web.input.merge_patch import merge_function
from timer_service.web.pages.figures.snapshot import expire
from timer_service.web.pages.frame import forms
from timer_service.web.pages.frame.frame import bp
from timer_service.web.pages.timer.view import path_of, unknown, view
from timer_service.web.pages.words.typed_when import when
from timer_service.web.problems import Problem, from_engine
from timer_service.web.services import new_timer, store


@bp.post("/timers/<timer_id>")
def act(timer_id: str) -> Response:
    try:
        found = store().timers.get(store().timers.id_of(timer_id))
    except UnknownTimer:
        return unknown()
    try:
        text = _do(found)
    except Problem as problem:
        return _refused(found, problem)
    except TimerError as error:
        return _refused(found, from_engine(error))
    expire()
    return forms.done(path_of(found.id), text, timer_id=found.id)


def _do(found: Timer) -> str:
    """What was done, as a sentence. Raises Problem or TimerError."""
    timers = store().timers
    match request.form.get("do"):
        case "fire":
            timers.fire(_as_seen(found))
            return "It is due now."
        case "replay":
            timers.replay(_as_seen(found))
            return "It is sent once more, and is due now."
        case "cancel":
            timers.cancel(found.id)
            return "It is cancelled: no attempt of it is started any more."
        case "move":
            moved = store().changes.change(found.id, merge_function(when(request.form.get("when", "")), new_timer()))
            return "It is moved." if moved.due_at > moved.read_at else "It is due now."
    raise Problem(422, "The form does not say what is to be done. Nothing was done.")


def _as_seen(found: Timer) -> Timer:
    """Refuse what was asked of another state than the timer has: it was attempted meanwhile."""
    seen = request.form.get("attempts", "")
    if seen != str(found.attempts):
        raise Problem(409, "It was attempted after this page had been loaded. Nothing was done; this is how it stands.")
    return found


def _refused(found: Timer, problem: Problem) -> Response:
    """The view again, as the timer stands now; what cannot be used is told at its field, where there is one."""
    now = store().timers.get(found.id)
    errors = dict(problem.errors)
    if at_field := errors.get("/delay") or errors.get("/due_at"):
        return view(now, errors={"when": at_field}, when=request.form.get("when", ""))
    if errors:
        more = " ".join(f"{pointer}: {detail}" for pointer, detail in errors.items())
        problem = Problem(problem.status, f"{problem.detail} {more}", headers=problem.headers)
    return view(now, refused=problem, when=request.form.get("when"))
