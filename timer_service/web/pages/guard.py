"""Whom the page lets in. Without keys: whoever the API lets in, where it listens on this machine only. With keys: those
who signed in with one. And the ways that lead to it."""

from __future__ import annotations

import secrets

from flask import Flask, Response, g, request

from scheduler import Settings, is_loopback
from timer_service.web.pages import cookies, forms, live, static_files
from timer_service.web.pages.trouble import in_words, is_of_page
from timer_service.web.pages.viewer import Viewer
from timer_service.web.problems import Problem

#: A browser's secret, where it has no session: known to nobody else, and worth nothing but for forms.
_SECRET = "form"


def register(app: Flask, settings: Settings) -> None:
    """After what looks at every request to the API."""
    is_off = not (settings.api_keys or is_loopback(settings.host))

    @app.before_request
    def _look() -> Response | None:
        if leads := _leads_here():
            return leads
        if not is_of_page(request.path) or request.path in static_files.PATHS:
            return None
        if is_off:
            raise Problem(404, "Without API keys there is no page here, since others than this machine reach it.")
        g.viewer = Viewer(None, may_write=True, may_read=True, secret=_secret())
        forms.check()
        return None

    @app.after_request
    def _answer(answer: Response) -> Response:
        answer = in_words(answer)
        if "new_secret" in g and not live.is_asked():
            cookies.put(answer, _SECRET, g.new_secret)
        return answer


def _leads_here() -> Response | None:
    path = request.path
    if path not in ("/", "/ui_timer", "/ui_timer/") or request.method not in ("GET", "HEAD"):
        return None
    if path == "/" and request.accept_mimetypes.best_match(["application/json", "text/html"]) != "text/html":
        return None
    return forms.lead_to("/ui")


def _secret() -> str:
    """The one this browser has, or a new one."""
    if not (secret := cookies.get(_SECRET)):
        secret = g.new_secret = secrets.token_urlsafe(24)
    return secret
