"""The view Try it: a form that sets a timer, and the inbox where it is seen to arrive."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from flask import Response, request
from marshmallow import ValidationError

from scheduler import Draft, Timer, TimerError, Webhook, before_path, exact_numbers
from timer_service.web.input.destination import METHODS
from timer_service.web.input.invalid import invalid
from timer_service.web.pages.frame import forms, live
from timer_service.web.pages.frame.frame import bp, show
from timer_service.web.pages.frame.terminal import terminal
from timer_service.web.pages.try_it import arrival_words, try_form
from timer_service.web.pages.try_it.inbox_view import look_again, reader, show_inbox, told, write_only_of
from timer_service.web.problems import Problem, from_engine
from timer_service.web.services import new_timer, settings, store


@bp.get("/try")
def try_it() -> Response:
    """The form holds what a timer has that is to be cloned, if one is named."""
    timer_id = request.args.get("timer")
    if not timer_id or live.is_asked():
        return _show(_usual(), {})
    try:
        timer = store().timers.get(store().timers.id_of(timer_id))
    except TimerError as error:
        return _show(_usual(), {}, refused=from_engine(error))
    typed, hidden, not_here = try_form.cloned(timer, Webhook("", **new_timer().rules.defaults))
    return _show(typed, {}, hidden, not_here)


@bp.post("/try")
def set_timer() -> Response:
    typed = try_form.typed(request.form)
    asked, errors = try_form.as_json(typed)
    try:
        fields = new_timer().load(asked)
    except ValidationError as error:
        errors |= try_form.errors_at(invalid(error.messages).errors, asked.get("tags", ()))
    if errors:
        return _show(typed, errors, status=422)
    try:
        timer = _set(asked, fields)
    except TimerError as error:
        return _refused(typed, from_engine(error))
    look_again()
    there = reader()
    is_for_inbox = there is not None and before_path(timer.webhook.url) in there.address.origins
    where = f"/ui/try?timer={timer.id}" if is_for_inbox else f"/ui/timers/{timer.id}"
    return forms.done(where, f"Timer {timer.id} is set.", timer=timer.id)


@bp.get("/inbox")
def inbox() -> Response:
    return show_inbox("pages/inbox.html")


@bp.post("/inbox")
def choose_answer() -> Response:
    there = reader()
    name = request.form.get("answer", "")
    if name not in arrival_words.ANSWERS:
        raise Problem(422, "There is no such answer.", errors=[("/answer", "Not one of those that can be chosen.")])
    if there is None or not there.choose(name):
        raise Problem(409, "The inbox does not answer. Nothing was chosen.")
    timer = request.form.get("timer", "")
    return forms.done(
        f"/ui/try?timer={quote(timer, safe='')}" if timer else "/ui/try",
        f"Chosen as the next answer of the inbox: {arrival_words.ANSWERS[name]}.",
    )


@bp.get("/inbox/<int:number>")
def one_arrival(number: int) -> Response:
    there = reader()
    found = there.whole(number) if there else None
    if found is None:
        raise Problem(404, "The inbox has no such request, or no longer.")
    it = told(found, write_only_of(found))
    return show("pages/arrival.html", view="Try it", title=f"Request {number} · Try it", told=it)


def _set(asked: Mapping[str, Any], fields: Mapping[str, Any]) -> Timer:
    """A form that is sent twice sets one timer. Raises TimerError."""
    seed = hashlib.sha256(f"{request.form.get('once')} {exact_numbers.dumps(asked)}".encode("utf-8", "replace"))
    (timer,) = store().timers.set(Draft(id=store().timers.id_from(seed.digest(), fields.get("key")), **fields))
    return timer


def _refused(typed: Mapping[str, str], problem: Problem) -> Response:
    """The form again, with what was typed and why the store did not take it."""
    errors = try_form.errors_at(problem.errors)
    if problem.status == 409:
        errors["key"] = problem.detail
    return _show(typed, errors, refused=problem)


def _show(
    typed: Mapping[str, str],
    errors: Mapping[str, str],
    hidden: Sequence[str] = (),
    not_here: Sequence[str] = (),
    status: int = 200,
    refused: Problem | None = None,
) -> Response:
    form = {
        "typed": typed,
        "errors": {name: errors[name] for name in typed if name in errors},  # in the order of the form
        "hidden": hidden,
        "not_here": not_here,
        "units": list(try_form.UNITS),
        "methods": METHODS,
        "is_inbox": (there := reader()) is not None and before_path(typed["url"]) in there.address.origins,
        "more_open": any(typed[it] != try_form.USUAL[it] or it in errors for it in try_form.MORE),
        "once": request.form.get("once") or secrets.token_urlsafe(16),
        "commands": _commands(typed),
        "usual_attempts": settings().max_attempts,
        "cloned": request.args.get("timer", ""),
    }
    address = "/ui/try" if request.method == "POST" else ""
    more = {"cloned": form["cloned"]} if live.is_asked() else form
    return show_inbox("pages/try.html", status=status, refused=refused, address=address, **more)


def _usual() -> dict[str, str]:
    there = reader()
    return {**try_form.USUAL, "url": there.address.url if there else ""}


def _commands(typed: Mapping[str, str]) -> list[str]:
    """What sets the same from a terminal; none while the form holds what cannot be said in JSON, or no URL."""
    asked, errors = try_form.as_json(typed)
    if errors or "url" not in asked:
        return []
    shell = terminal()
    return [shell.curl_post("/timers", asked), shell.ours(*try_form.command(typed, asked))]
