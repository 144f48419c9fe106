"""The view Timer: what happens to one next and why not yet, and all that has happened to it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from urllib.parse import quote

from flask import Response

from scheduler import Attempt, Status, Timer, UnknownTimer, rfc3339
from timer_service.history.as_timer import as_timer
from timer_service.web import past
from timer_service.web.pages.figures.snapshot import figures
from timer_service.web.pages.frame import forms
from timer_service.web.pages.frame.frame import bp, show
from timer_service.web.pages.frame.terminal import terminal
from timer_service.web.pages.timer.standing import Around, lede, lede_of_past, sentence, title
from timer_service.web.pages.timer.timeline import rail
from timer_service.web.pages.words.commands import timer_path
from timer_service.web.pages.words.places import place_of
from timer_service.web.pages.words.request_text import asked, metadata, request_text
from timer_service.web.pages.words.waits import is_over, planned_at
from timer_service.web.problems import Problem
from timer_service.web.services import store

#: Characters of a key, or of an id and the number of an occurrence.
_LONGEST_NAME = 128


def path_of(timer_id: str) -> str:
    return f"/ui/timers/{quote(timer_id, safe='')}"


@bp.get("/timers/<timer_id>")
def timer(timer_id: str) -> Response:
    try:
        return view(store().timers.get(store().timers.id_of(timer_id)))
    except UnknownTimer:
        return _past(timer_id)


def _past(timer_id: str) -> Response:
    """One that the store has forgotten, if the history has not; nothing can be done with it."""
    try:
        text, attempts = past.timer(timer_id), past.attempts(timer_id)
    except UnknownTimer:
        return unknown()
    return _shown(as_timer(text, time.time_ns() // 1_000_000), attempts["data"], may=(), is_past=True)


@bp.get("/timers/by-key/<key>")
def timer_by_key(key: str) -> Response:
    found = find(key)
    return unknown() if found is None else forms.lead_to(path_of(found))


def find(name: str) -> str | None:
    """The timer that has this id, webhook-id or key."""
    if not 0 < len(name) <= _LONGEST_NAME:
        return None
    timers = store().timers
    try:
        return timers.get(timers.id_of(name)).id
    except UnknownTimer:
        pass
    try:
        return timers.find(name)
    except UnknownTimer:
        return None


def unknown() -> Response:
    return show(
        "pages/unknown.html",
        view="Timers",
        title="Unknown · Timers",
        status=404,
    )


def view(
    found: Timer, *, refused: Problem | None = None, errors: Mapping[str, str] | None = None, when: str | None = None
) -> Response:
    """`errors`: by the field of a form; `when`: what was typed into that of a move."""
    address = path_of(found.id) if refused or errors else ""
    return _shown(
        found,
        store().timers.attempts(found.id),
        may=actions(found),
        refused=refused,
        address=address,
        errors=errors or {},
        when=when,
    )


def _shown(
    found: Timer,
    attempts: Sequence[Attempt],
    *,
    may: Sequence[str],
    is_past: bool = False,
    refused: Problem | None = None,
    address: str = "",
    errors: Mapping[str, str] = MappingProxyType({}),
    when: str | None = None,
) -> Response:
    shell = terminal()
    return show(
        "pages/timer.html",
        view="Timers",
        title=title(found),
        as_of=found.read_at,
        status=422 if errors else 200,
        refused=refused,
        address=address,
        timer=found,
        is_past=is_past,
        may=may,
        said=sentence(found, _around(found)),
        lede=lede_of_past(found) if is_past and not found.unreadable else lede(found),
        rail=rail(found, attempts),
        wanted=() if found.unreadable else tuple(asked(found)),
        request=None if found.unreadable else request_text(found),
        metadata=metadata(found.webhook.metadata) if found.webhook.metadata else "",
        callback=store().timers.callback_of(found),
        errors=errors,
        when=when,
        due_text=rfc3339.rfc3339(planned_at(found)).replace("T", " ").removesuffix("Z"),
        commands=(shell.ours("show", found.id), shell.curl(f"{timer_path(found.id)}/attempts")),
    )


def actions(found: Timer) -> tuple[str, ...]:
    """What this timer allows now."""
    match found.status:
        case Status.SCHEDULED if found.unreadable:
            return ("fire", "cancel")
        case Status.SCHEDULED:
            return ("fire", "move", "clone", "cancel")
        case Status.DELIVERED | Status.FAILED if is_over(found):
            return ("clone",)
        case Status.DELIVERED | Status.FAILED:
            return ("replay",) if found.unreadable else ("replay", "clone")
    return () if found.unreadable else ("clone",)


def _around(found: Timer) -> Around | None:
    """Looked at only where a timer is due and not sent."""
    if found.status is not Status.SCHEDULED or planned_at(found) > found.read_at:
        return None
    now = figures().value
    if now is None:
        return None
    place = place_of(found)
    is_full = any(it.waiting > it.held and place_of(it.sample) == place for it in now.failing)
    return Around(now.poller_seen_at, is_full)
