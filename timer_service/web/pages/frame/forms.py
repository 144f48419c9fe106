"""What every form that changes something carries, and how it is answered."""

from __future__ import annotations

import hashlib
import hmac
import logging
from typing import Any
from urllib.parse import quote, unquote

from flask import Response, g, request

from timer_service.logs import fields
from timer_service.web.access.safe_methods import SAFE_METHODS
from timer_service.web.pages.frame import cookies, live
from timer_service.web.pages.frame.viewer import viewer
from timer_service.web.problems import Problem

log = logging.getLogger(__name__)

#: Characters of a note: it is a sentence, and a cookie holds 4 KB.
_MOST = 500
_NOTE_SECONDS = 60


def token() -> str:
    """What proves that a form came from a page that this browser got from us; '' in a live part, which many may get."""
    return "" if live.is_asked() else _signed("form")


def check() -> None:
    """Refuse a form that is not from a page of ours. Raises Problem.

    Where a browser says whose page asks, that was looked at before; one that says nothing is no browser.
    """
    if request.method in SAFE_METHODS:
        return
    if not ("Origin" in request.headers or "Sec-Fetch-Site" in request.headers):
        raise Problem(403, "Forms are taken from browsers only, which say whose page asks. Programs use the API.")
    given = request.form.get("token", "")
    if not hmac.compare_digest(given.encode("utf-8", "replace"), _signed("form").encode()):
        raise Problem(403, "This form is too old. Nothing was done. Load the page again, and repeat it.")


def whole(name: str) -> int:
    """A whole number that a form of ours has in a hidden field; 0 for anything else."""
    text = request.form.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else 0


def done(where: str, text: str, **facts: Any) -> Response:
    """After a form: to the view at `where`, which then says `text`, what was done. Both are logged, with `facts`.

    Nothing secret may be in them.
    """
    log_done(text, **facts)
    answer = lead_to(where)
    note = text[:_MOST]
    cookies.put(answer, "note", f"{_signed(note)}.{quote(note)}", _NOTE_SECONDS)
    return answer


def log_done(text: str, **facts: Any) -> None:
    """Log what a form did, who sent it, and `facts`. Nothing secret may be in them."""
    name = viewer().name
    extra = fields(key=name or "no key", done=text, path=request.path, request_id=g.get("request_id"), **facts)
    log.info("done by a form of the page", extra=extra)


def lead_to(where: str) -> Response:
    """Have the browser load another view of ours."""
    return Response(status=303, headers={"Location": where})


def note() -> str:
    """What the form before this view left to say; '' for nothing. Only we can have written it."""
    signature, _, text = cookies.get("note").partition(".")
    text = unquote(text)
    return text if text and hmac.compare_digest(signature.encode(), _signed(text).encode()) else ""


def forget_note(answer: Response) -> None:
    if cookies.get("note"):
        cookies.drop(answer, "note")


def _signed(text: str) -> str:
    return hmac.digest(viewer().secret.encode(), text.encode("utf-8", "replace"), hashlib.sha256).hex()[:40]
