"""The view Destinations: those that are held first, then the busiest, page by page."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from flask import Response, request
from marshmallow import ValidationError

from scheduler import DestinationPage, DestinationState, HeldBy
from timer_service.web.access.list_limit import limit_lists
from timer_service.web.input.destination_queries import PlaceCursor, place_cursor
from timer_service.web.pages.destinations.commands import list_commands
from timer_service.web.pages.destinations.rows import row
from timer_service.web.pages.figures.snapshot import figures
from timer_service.web.pages.frame import forms, live
from timer_service.web.pages.frame.frame import bp, show
from timer_service.web.pages.frame.terminal import terminal
from timer_service.web.pages.words.places import id_of, place
from timer_service.web.pages.words.values import counted, number
from timer_service.web.services import store

#: Destinations of a page.
LIMIT = 20
_TABS = {"": "All", **{str(it): str(it).capitalize() for it in DestinationState}}
_CURSOR = PlaceCursor()
#: What holds a destination -> how many destinations it holds, in words.
_HELD = {
    HeldBy.PAUSE: "paused",
    HeldBy.BREAKER: "broken",
    HeldBy.RETRY_AFTER: "left alone as asked",
    HeldBy.RATE: "limited by a rate",
    HeldBy.CONCURRENCY: "limited in number",
}


@bp.get("/destinations")
def destinations() -> Response:
    typed = {name: request.args.get(name, "").strip() for name in ("state", "cursor", "one")}
    errors = {}
    if typed["one"]:
        try:
            return forms.lead_to(place(id_of(typed["one"])).path)
        except ValueError as error:
            errors["one"] = str(error)
    after, page = None, DestinationPage([], None)
    if typed["state"] not in _TABS:
        errors["state"] = "There is no such state."
    try:
        after = _CURSOR.deserialize(typed["cursor"]) if typed["cursor"] else None
    except ValidationError as error:
        errors["cursor"] = str(error.messages[0])
    if not errors.keys() & {"state", "cursor"}:
        page = _read(typed["state"], after)
    kept = {"state": typed["state"]} if typed["state"] else {}
    return show(
        "pages/destinations.html",
        view="Destinations",
        title=f"{_TABS.get(typed['state'], 'Unknown state')} · Destinations" if typed["state"] else "Destinations",
        as_of=page.destinations[0].read_at if page.destinations else None,
        status=422 if errors else 200,
        typed=typed,
        errors=errors,
        tabs=[(it, name, url({"state": it}), it == typed["state"]) for it, name in _TABS.items()],
        name=_TABS.get(typed["state"], ""),
        held=_held(),
        rows=[row(it) for it in page.destinations],
        empty=_nothing(typed["state"], is_whole=not (after or page.next)),
        first_url=url(kept) if typed["cursor"] else "",
        next_url=url({**kept, "cursor": place_cursor(page.next) or ""}) if page.next else "",
        limit=LIMIT,
        is_live=live.is_asked(),
        commands=list_commands(terminal(), kept),
    )


@limit_lists
def _read(state: str, after: str | None) -> DestinationPage:
    return store().destinations.page(after, LIMIT, DestinationState(state) if state else None)


def _held() -> str:
    """`3 destinations are held: 2 paused, 1 broken.`"""
    reading = figures()
    counts = reading.value.held.counts if reading.value else {}
    said = [f"{number(counts[by])} {words}" for by, words in _HELD.items() if counts.get(by)]
    total = sum(counts.values())
    return f"{counted(total, 'destination')} {'is' if total == 1 else 'are'} held: {', '.join(said)}." if said else ""


def _nothing(state: str, *, is_whole: bool) -> tuple[str, str]:
    if not is_whole:
        return "None among those looked at.", ""
    if state:
        return f"None is {state}.", ""
    return "There are no destinations yet.", "One is listed here once something was sent there, or set for it."


def url(query: Mapping[str, str]) -> str:
    said = urlencode({name: value for name, value in query.items() if value})
    return f"/ui/destinations?{said}" if said else "/ui/destinations"
