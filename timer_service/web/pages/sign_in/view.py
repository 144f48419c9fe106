"""Sign in with an API key, and sign out."""

from __future__ import annotations

import logging
import re

from flask import Response, current_app, g, request

from scheduler import StoreNearCapacity, StoreUnavailable
from timer_service.logs import fields
from timer_service.web.pages.frame import cookies, forms
from timer_service.web.pages.frame.frame import bp, show
from timer_service.web.pages.sign_in.attempts import WrongAttempts
from timer_service.web.pages.sign_in.sessions import KEPT, Sessions
from timer_service.web.problems import Problem, from_engine

log = logging.getLogger(__name__)

PATH = "/ui/sign-in"
#: Of the cookie.
SESSION = "session"
#: A place of the page, and so of this origin.
_LOCAL = re.compile(r"/ui(?:[/?][!-\[\]-~]*)?", re.ASCII)
_WRONG = "This is no key that this service knows."


@bp.get("/sign-in")
def form() -> Response:
    return _form(_local(request.args.get("to", "")))


@bp.post("/sign-in")
def sign_in() -> Response:
    sessions, attempts = _sessions(), _attempts()
    where, address = _local(request.form.get("to", "")), request.remote_addr or ""
    # Looked for first: behind a proxy all have one address, and none who has a key is kept out by another's guesses.
    key = sessions.find(request.form.get("key", ""))
    if key is None:
        if wait := attempts.wait(address):
            return _form(where, f"Too many wrong keys came from your address. Wait {wait} s.", 429, wait)
        attempts.wrong(address)
        log.info("sign-in with a wrong key", extra=fields(address=address, request_id=g.request_id))
        return _form(where, _WRONG, 401)
    try:
        token = sessions.begin(key)
    except StoreUnavailable as error:
        if error.kind != "oom":
            raise
        return _form(where, refused=_full())
    if earlier := cookies.get(SESSION):
        sessions.end(earlier)
    answer = forms.lead_to(where)
    cookies.put(answer, SESSION, token, KEPT)
    log.info("signed in", extra=fields(key=key.name, address=address, request_id=g.request_id))
    return answer


@bp.post("/sign-out")
def sign_out() -> Response:
    _sessions().end(cookies.get(SESSION))
    log.info("signed out", extra=fields(key=g.get("credential"), request_id=g.request_id))
    answer = forms.lead_to(PATH)
    cookies.drop(answer, SESSION)
    return answer


def _full() -> Problem:
    """As the API refuses what would be added, and what that means here."""
    found = from_engine(StoreNearCapacity())
    found.detail += (
        " Signing in adds to the store too, and has to wait until it has room. Your key is right: with it the API goes "
        "on answering what only reads."
    )
    return found


def _form(where: str, error: str = "", status: int = 200, wait: int = 0, refused: Problem | None = None) -> Response:
    _sessions()
    answer = show(
        "pages/sign_in.html",
        view="",
        title="Sign in",
        status=status,
        where=where,
        error=error,
        refused=refused,
    )
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    if wait:
        answer.headers["Retry-After"] = str(wait)
    return answer


def _local(where: str) -> str:
    """Where to go on: the view that was asked for, and never a place elsewhere."""
    return where if _LOCAL.fullmatch(where) and not where.startswith(PATH) else "/ui"


def _sessions() -> Sessions:
    """Raises Problem where there are no keys."""
    found: Sessions | None = current_app.extensions.get("sessions")
    if found is None:
        raise Problem(404, "This service has no API keys: nobody needs to sign in.")
    return found


def _attempts() -> WrongAttempts:
    found: WrongAttempts = current_app.extensions["wrong_attempts"]
    return found
