"""What all views have in common: the frame around them, and the part of it that is fetched again every two seconds.

A view's template extends `frame`, which is the whole document, or with `?live` in the query only what may have changed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, render_template, request

from scheduler import VERSION, TimerError, destination
from timer_service.web.pages import forms, live, request_line, words
from timer_service.web.pages.viewer import viewer
from timer_service.web.problems import Problem, from_engine

bp = Blueprint("ui", __name__, template_folder="templates", url_prefix="/ui")

#: Scripts, styles and fetches are our own, and nothing else is asked for; what a timer holds can only be text. No
#: script can turn a text into HTML: it would need a policy of Trusted Types, and none can be made.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class View:
    """One entry of the navigation."""

    name: str
    path: str


#: In their order.
VIEWS = (View("Now", "/ui"), View("Timers", "/ui/timers"), View("Failed", "/ui/failed"), View("Try it", "/ui/try"))

for _filter in (
    words.number,
    words.counted,
    words.span,
    words.size,
    words.moment,
    live.countdown,
    request_line.request_line,
    request_line.visible,
    destination,
):
    bp.add_app_template_filter(_filter, _filter.__name__)
bp.add_app_template_global(forms.token, "form_token")


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence above a view: what a form did, or why it did nothing."""

    text: str
    is_bad: bool = False


def show(
    template: str,
    *,
    view: str,
    title: str,
    as_of: int,
    status: int = 200,
    refused: Problem | TimerError | None = None,
    **context: Any,
) -> Response:
    """A view as an answer: whole, or its live part. `title` begins with the state; `as_of`, ms: when it was read.

    `refused`: why a form was not obeyed, told above the view with the words and the status of the API. Templates find
    `viewer` too, whose `may_write` says whether there are forms that change something.
    """
    is_live = live.is_asked()
    if isinstance(refused, TimerError):
        refused = from_engine(refused)
    if refused:
        status, note = refused.status, Note(refused.detail, is_bad=True)
    else:
        note = Note("" if is_live else forms.note())
    html = render_template(
        template,
        frame="pages/fragment.html" if is_live else "pages/page.html",
        views=VIEWS,
        view=view,
        viewer=viewer(),
        note=note,
        title=title,
        as_of=as_of,
        version=VERSION,
        **context,
    )
    answer = Response(html, status, mimetype="text/html", headers=HEADERS)
    answer.headers["Cache-Control"] = "no-store"
    if refused:
        answer.headers.update(refused.headers)
    if is_live:
        answer.headers["Cache-Control"] = "no-cache"
        answer.set_etag(hashlib.blake2b(html.encode(), digest_size=12).hexdigest())
        answer.make_conditional(request)
    else:
        forms.forget_note(answer)
    return answer
