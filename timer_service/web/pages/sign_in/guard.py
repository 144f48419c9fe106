"""Whom the page lets in. Without keys: whoever the API lets in, where it listens on this machine only. With keys: those
who signed in with one."""

from __future__ import annotations

import secrets
from urllib.parse import quote

from flask import Flask, Response, current_app, g, request

from scheduler import Settings, Store, is_loopback
from timer_service.web.access.api_keys import ApiKey
from timer_service.web.access.rate_limit import Rates
from timer_service.web.access.safe_methods import SAFE_METHODS
from timer_service.web.access.settings_files import KeysNow
from timer_service.web.input.redaction import for_reader
from timer_service.web.pages.frame import address, cookies, forms, live, static_files
from timer_service.web.pages.frame.trouble import in_words, is_of_page
from timer_service.web.pages.frame.viewer import Viewer
from timer_service.web.pages.sign_in import view as sign_in
from timer_service.web.pages.sign_in.attempts import WrongAttempts
from timer_service.web.pages.sign_in.sessions import Sessions
from timer_service.web.present import present_notes, present_request
from timer_service.web.problems import Problem

#: The cookie of a browser that has no session: worth nothing but for forms.
_FORM = "form"
#: Bytes of a form: the fields of one timer, written as a form writes them.
_MOST_BYTES = 2**20
#: What whoever may only read may send too.
_FOR_READERS = (sign_in.PATH, "/ui/sign-out")


def register(app: Flask, settings: Settings, store: Store, keys: KeysNow) -> None:
    """After what looks at every request to the API."""
    is_off = not (settings.has_keys or is_loopback(settings.host))
    app.extensions["live_parts"] = live.LiveParts()
    if settings.has_keys:
        app.extensions["sessions"] = Sessions(keys, store)
        app.extensions["wrong_attempts"] = WrongAttempts()

    @app.before_request
    def _look() -> Response | None:
        path = present_request().path
        if not is_of_page(path) or path in static_files.PATHS:
            return None
        if is_off:
            raise Problem(404, "Without API keys there is no page here: it may be reached from other machines.")
        if (request.content_length or 0) > _MOST_BYTES:
            raise Problem(413, "A form of the page is not so large.")
        g.viewer = _signed_in() if settings.has_keys else Viewer(may_read=True, may_write=True, secret=_secret())
        if not g.viewer.may_read and request.path.rstrip("/") != sign_in.PATH:
            return _to_sign_in()
        forms.check()
        is_harmless = request.method in SAFE_METHODS or request.path.rstrip("/") in _FOR_READERS
        if not (g.viewer.may_write or is_harmless):
            raise Problem(403, "This key may only read.")
        return live.made_before()

    @app.after_request
    def _answer(answer: Response) -> Response:
        answer = in_words(answer)
        if "new_secret" in present_notes() and not live.is_asked():
            cookies.put(answer, _FORM, g.new_secret)
        return answer


def _signed_in() -> Viewer:
    """By the session's key, whose rate its requests count against. Raises Problem."""
    sessions: Sessions = current_app.extensions["sessions"]
    token = cookies.get(sign_in.SESSION)
    key: ApiKey | None = sessions.key(token)
    for_reader.set(key is None or not key.may_write)  # by each request: a thread serves many
    if key is None:
        return Viewer(secret=_secret())
    g.credential = key.name
    rates: Rates = current_app.extensions["rates"]
    if wait := rates.wait(key.name):
        raise Problem(429, "This key makes too many requests.", headers={"Retry-After": str(wait)})
    return Viewer(key.name, may_write=key.may_write, may_read=True, secret=token)


def _to_sign_in() -> Response:
    if live.is_asked() or request.method not in SAFE_METHODS:
        raise Problem(401, "You are not signed in any more. Nothing was done.")
    return forms.lead_to(f"{sign_in.PATH}?to={quote(address.of_request(), safe='/')}")


def _secret() -> str:
    """The one this browser has, or a new one."""
    if not (secret := cookies.get(_FORM)):
        secret = g.new_secret = secrets.token_urlsafe(24)
    return secret
