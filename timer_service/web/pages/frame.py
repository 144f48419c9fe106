"""What all views have in common: the frame around them, and the part of it that is fetched again every two seconds.

A view's template extends `frame`, which is the whole document, or with `?live` in the query only what may have changed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, render_template, request

from scheduler import VERSION, destination
from timer_service.web.pages import words

bp = Blueprint("ui", __name__, template_folder="templates", url_prefix="/ui")

#: Scripts, styles and fetches are our own, and nothing else is asked for; what a timer holds can only be text.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
_STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class View:
    """One entry of the navigation."""

    name: str
    path: str


#: In their order.
VIEWS = (View("Now", "/ui"), View("Timers", "/ui/timers"), View("Failed", "/ui/failed"), View("Try it", "/ui/try"))

for _filter in (words.number, words.counted, words.span, words.size, words.moment, destination):
    bp.add_app_template_filter(_filter, _filter.__name__)


def show(template: str, *, view: str, title: str, as_of: int, status: int = 200, **context: Any) -> Response:
    """A view as an answer: whole, or its live part. `title` begins with the state; `as_of`, ms: when it was read."""
    is_live = "live" in request.args
    html = render_template(
        template,
        frame="pages/fragment.html" if is_live else "pages/page.html",
        views=VIEWS,
        view=view,
        title=title,
        as_of=as_of,
        version=VERSION,
        **context,
    )
    answer = Response(html, status, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = POLICY
    answer.headers["Referrer-Policy"] = "same-origin"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "no-store"
    if is_live:
        answer.headers["Cache-Control"] = "no-cache"
        answer.set_etag(hashlib.blake2b(html.encode(), digest_size=12).hexdigest())
        answer.make_conditional(request)
    return answer


@bp.get("/<any('page.css', 'page.js'):name>")
def static(name: str) -> Response:
    kind = "text/css" if name.endswith(".css") else "text/javascript"
    return Response((_STATIC / name).read_bytes(), mimetype=kind, headers={"Cache-Control": "no-cache"})
