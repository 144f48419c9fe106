"""What the view of one destination does to it: pause, resume, probe, limit, sign. Each is asked for by a form."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Response, request
from marshmallow import ValidationError

from scheduler import Destination, DestinationState, NewSecret, ResumeAt, TimerError
from timer_service.web.destination_answers import UNSET
from timer_service.web.input.destination_fields import DestinationChange, changed_settings
from timer_service.web.input.invalid import invalid
from timer_service.web.pages.destinations import settings_form, signing
from timer_service.web.pages.destinations.one import find, view
from timer_service.web.pages.figures.snapshot import expire
from timer_service.web.pages.frame import forms
from timer_service.web.pages.frame.frame import bp
from timer_service.web.pages.frame.viewer import viewer
from timer_service.web.pages.words.holds import is_left_alone
from timer_service.web.pages.words.places import place
from timer_service.web.pages.words.typed_pause import pause_of
from timer_service.web.problems import Problem, from_engine
from timer_service.web.services import store

_CHANGE = DestinationChange()


@bp.post("/destinations/<name>")
def act_on_destination(name: str) -> Response:
    found = find(name)
    do = _ACTIONS.get(request.form.get("do", ""))
    try:
        if do is None:
            raise Problem(422, "The form does not say what is to be done. Nothing was done.")
        done = do(found)
    except Problem as problem:
        return _refused(found, problem)
    except TimerError as error:
        return _refused(found, from_engine(error))
    expire()
    if isinstance(done, NewSecret):
        forms.log_done("A new secret was made for it.", destination=found.id)
        return view(find(found.id), made=done)
    return forms.done(place(found.id).path, done, destination=found.id)


def _pause(found: Destination) -> str:
    reason, until = pause_of(_typed(), found.read_at)
    store().destinations.pause(found.id, reason, viewer().name or "", until)
    return "It is paused: no attempt begins there from now on. What is under way ends as it would."


def _resume_slowly(found: Destination) -> str:
    return _resumed(
        found, ResumeAt.SLOW, "It goes on slowly: one a second at first, twice as many in each that follows."
    )


def _resume_at_full_speed(found: Destination) -> str:
    return _resumed(found, ResumeAt.FULL, "It goes on at full speed.")


def _resumed(found: Destination, at: ResumeAt, text: str) -> str:
    _only(found, DestinationState.PAUSED, "paused")
    is_broken = store().destinations.resume(found.id, at).broken is not None
    return "It is not paused any more. It failed before: a probe is sent first." if is_broken else text


def _probe(found: Destination) -> str:
    _only(found, DestinationState.BROKEN, "broken")
    store().destinations.resume(found.id)
    return "One timer is sent as a probe now."


def _end_retry_after(found: Destination) -> str:
    if not is_left_alone(found):
        raise Problem(409, "It is not left alone any more. Nothing was done; this is how it stands.")
    store().destinations.resume(found.id)
    return "It goes on slowly, though its receiver asked to be left alone."


def _limit(found: Destination) -> str:
    if request.form.get("version") != (found.version or UNSET):
        raise Problem(412, "It was changed after this page had been loaded. Nothing was done; this is how it stands.")
    try:
        patch = _CHANGE.load(settings_form.as_patch(settings_form.typed(request.form)))
    except ValidationError as error:
        raise invalid(error.messages) from None
    store().destinations.change(found.id, changed_settings(patch), found.version)
    return "Its limits are set."


def _only(found: Destination, state: DestinationState, word: str) -> None:
    """What the form was made for has to be so still. Raises Problem."""
    if found.state is not state:
        raise Problem(409, f"It is not {word} any more. Nothing was done; this is how it stands.")


_ACTIONS: Mapping[str, Callable[[Destination], str | NewSecret]] = {
    "pause": _pause,
    "resume": _resume_slowly,
    "resume-full": _resume_at_full_speed,
    "probe": _probe,
    "go-on": _end_retry_after,
    "limit": _limit,
    "new-secret": signing.make_secret,
    "sign-own": signing.sign_with_own,
    "sign-service": signing.sign_with_service,
}


def _typed() -> dict[str, str]:
    """In the fields of all forms but that of the limits."""
    return {name: request.form.get(name, "").strip() for name in ("reason", "until", "old_for")}


def _refused(found: Destination, problem: Problem) -> Response:
    """The view again, as the destination stands now; what cannot be used is told at its field."""
    now = find(found.id)
    if not problem.errors:
        return view(now, refused=problem, typed=_typed())
    if request.form.get("do") == "limit":
        typed = settings_form.typed(request.form)
        return view(now, errors=settings_form.errors_at(problem.errors), typed=typed)
    errors = {pointer.removeprefix("/"): detail for pointer, detail in problem.errors}
    return view(now, errors=errors, typed=_typed())
