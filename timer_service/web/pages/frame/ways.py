"""Which other paths lead to the page: / for browsers, and a second name of it."""

from __future__ import annotations

from flask import Flask, Response, request

from timer_service.web.access.safe_methods import SAFE_METHODS
from timer_service.web.pages.frame.forms import lead_to
from timer_service.web.present import present_request

_PATHS = ("/", "/ui_timer", "/ui_timer/")


def register(app: Flask) -> None:
    """Before anybody is asked for a key. Programs go on being told that there is nothing at /."""

    @app.before_request
    def _lead() -> Response | None:
        if present_request().path not in _PATHS or request.method not in SAFE_METHODS:
            return None
        is_browser = request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"
        return lead_to("/ui") if is_browser or request.path != "/" else None
