"""What all views have in common: the frame around them, and the part of it that is fetched again every two seconds.

A view's template extends `frame`, which is the whole document, or with `?live` in the query only what may have changed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from flask import Blueprint, Response, render_template, request

from scheduler import VERSION, TimerError, destination
from timer_service.web import past
from timer_service.web.access.safe_methods import SAFE_METHODS
from timer_service.web.pages.frame import forms, live
from timer_service.web.pages.frame.address import of_request
from timer_service.web.pages.frame.policy import HEADERS, OPENER
from timer_service.web.pages.frame.viewer import viewer
from timer_service.web.pages.words import request_line, request_text, values
from timer_service.web.problems import Problem, from_engine
from timer_service.web.services import store

bp = Blueprint("ui", "timer_service.web.pages", template_folder="templates", url_prefix="/ui")


@dataclass(frozen=True, slots=True)
class View:
    """One entry of the navigation."""

    name: str
    path: str


#: In their order.
VIEWS = (
    View("Now", "/ui"),
    View("Timers", "/ui/timers"),
    View("Failed", "/ui/failed"),
    View("Destinations", "/ui/destinations"),
    View("Schedules", "/ui/schedules"),
    View("History", "/ui/history"),
    View("Try it", "/ui/try"),
)

for _filter in (
    values.number,
    values.counted,
    values.span,
    values.size,
    values.moment,
    values.dated,
    values.with_day,
    values.capitalize_first,
    live.countdown,
    request_line.request_line,
    request_text.visible,
    destination,
):
    bp.add_app_template_filter(_filter, _filter.__name__)
bp.add_app_template_global(forms.token, "form_token")


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence above a view: what a form did, or why it did nothing."""

    text: str
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class _Reload:
    """Where a view is loaded again: whole, and as a form says it, which has no query but fields."""

    address: str
    path: str
    fields: list[tuple[str, str]]

    @classmethod
    def of(cls, address: str) -> _Reload:
        path, _, query = address.partition("?")
        return cls(address, path, parse_qsl(query, keep_blank_values=True, errors="replace"))


def show(
    template: str,
    *,
    view: str,
    title: str,
    as_of: int | None = None,
    status: int = 200,
    refused: Problem | TimerError | None = None,
    address: str = "",
    **context: Any,
) -> Response:
    """A view as an answer: whole, or its live part. `title` begins with the state.

    `as_of`, ms: when the store was read; None, that is now, where it was not.

    `refused`: why a form was not obeyed, told above the view with the words and the status of the API; then `address`
    is that of the view itself, from where it is loaded again. Templates find `viewer` too, whose `may_write` says
    whether there are forms that change something.
    """
    is_live = live.is_asked()
    if as_of is None:
        as_of = time.time_ns() // 1_000_000
    if isinstance(refused, TimerError):
        refused = from_engine(refused)
    if refused:
        status, note = refused.status, Note(refused.detail, is_bad=True)
    else:
        note = Note("" if is_live else forms.note())
    if view and not address and request.method in SAFE_METHODS:
        address = of_request()
    html = render_template(
        template,
        frame="pages/fragment.html" if is_live else "pages/page.html",
        views=[it for it in VIEWS if it.name != "History" or past.history()],
        view=view,
        viewer=viewer(),
        note=note,
        title=title,
        as_of=as_of,
        version=VERSION,
        clock_is_virtual=store().clock is not None,
        reload=_Reload.of(address) if address else None,
        **context,
    )
    if is_live:
        return live.part(html, as_of, status)
    answer = Response(html, status, mimetype="text/html", headers=HEADERS)
    answer.headers["Cache-Control"] = "no-store"
    if request.headers.get("Sec-Fetch-Site") in ("none", "same-origin"):
        # Nobody else opened it: its address was typed, or it is a link of ours. With this header Chromium would begin
        # another process for it once the answer is there, and paint it 40 ms later.
        del answer.headers[OPENER]
    if refused:
        answer.headers.update(refused.headers)
    forms.forget_note(answer)
    return answer
