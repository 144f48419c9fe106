"""What the view of one schedule does to it: run now, pause, resume, delete. Each is asked for by a form there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Literal, cast

from flask import Response, request

from scheduler import CatchUp, Schedule, TimerError
from timer_service.web.pages.figures.snapshot import expire
from timer_service.web.pages.frame import forms
from timer_service.web.pages.frame.frame import bp
from timer_service.web.pages.frame.viewer import viewer
from timer_service.web.pages.schedules.one import find, view
from timer_service.web.pages.schedules.view import path_of
from timer_service.web.pages.words.typed_pause import pause_of
from timer_service.web.problems import Problem, from_engine
from timer_service.web.services import store

#: What becomes of moments during a pause -> how that is said afterwards.
_RESUMED: Mapping[str, str] = {
    "": "Moments during the pause stay skipped.",
    "last": "The last moment during the pause is made up for.",
    "all": "Each moment during the pause is made up for.",
}


@bp.post("/schedules/<name>")
def act_on_schedule(name: str) -> Response:
    found = find(name)
    typed = {field: request.form.get(field, "").strip() for field in ("reason", "until", "once")}
    do = _ACTIONS.get(request.form.get("do", ""))
    try:
        if do is None:
            raise Problem(422, "The form does not say what is to be done. Nothing was done.")
        text = do(found, typed)
    except Problem as problem:
        return _refused(found, typed, problem)
    except TimerError as error:
        return _refused(found, typed, from_engine(error))
    expire()
    is_gone = request.form.get("do") == "delete"
    return forms.done("/ui/schedules" if is_gone else path_of(name), text, schedule=name)


def _fire(found: Schedule, typed: Mapping[str, str]) -> str:
    """A form that is sent twice makes one run."""
    seed = hashlib.sha256(f"{found.name} {typed['once']}".encode("utf-8", "replace")).digest()
    timer = store().schedules.fire(found.name, store().timers.id_from(seed, found.name))
    return f"Run {timer.id} is made, and is due now."


def _pause(found: Schedule, typed: Mapping[str, str]) -> str:
    reason, until = pause_of(typed, found.read_at)
    store().schedules.pause(found.name, reason, viewer().name or "", until)
    return "It is paused: no run is made from now on."


def _resume(found: Schedule, _typed: Mapping[str, str]) -> str:
    how = request.form.get("catch_up", "")
    if how not in _RESUMED:
        raise Problem(422, "The form does not say what becomes of moments during the pause. Nothing was done.")
    if found.paused is None:
        raise Problem(409, "It is not paused any more. Nothing was done; this is how it stands.")
    store().schedules.resume(found.name, CatchUp(how) if how else None)
    return f"It goes on. {_RESUMED[how]}"


def _delete(found: Schedule, _typed: Mapping[str, str]) -> str:
    open_runs = request.form.get("open")
    if open_runs not in ("cancel", "keep"):
        raise Problem(422, "The form does not say what becomes of runs that are due. Nothing was done.")
    store().schedules.delete(found.name, cast(Literal["cancel", "keep"], open_runs))
    left = "cancelled, but for those that were being delivered" if open_runs == "cancel" else "left as they are"
    return f"{found.name} is deleted. Runs that were due and unfinished are {left}."


_ACTIONS: Mapping[str, Callable[[Schedule, Mapping[str, str]], str]] = {
    "fire": _fire,
    "pause": _pause,
    "resume": _resume,
    "delete": _delete,
}


def _refused(found: Schedule, typed: Mapping[str, str], problem: Problem) -> Response:
    """The view again, as the schedule stands now; what cannot be used is told at its field."""
    now = find(found.name)
    errors = {pointer.removeprefix("/"): detail for pointer, detail in problem.errors}
    if errors:
        return view(now, errors=errors, typed=typed, once=typed["once"])
    return view(now, refused=problem, typed=typed, once=typed["once"])
