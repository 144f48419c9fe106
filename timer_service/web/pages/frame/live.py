"""What the script of the page fetches every two seconds, with `?live`: the same view, without the frame around it.

However many look, a process makes that of one view at most once a second; all others get it as it was made, if they
may see the same. Nothing in it is of one viewer.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from flask import Response, current_app, g, request
from markupsafe import Markup

from timer_service.web.access import give_again
from timer_service.web.pages.frame.address import origin
from timer_service.web.pages.frame.policy import HEADERS
from timer_service.web.pages.frame.viewer import viewer
from timer_service.web.pages.words import values

#: Says when it was read, in ms, also where nothing has changed: it is no part of what is compared.
AS_OF = "Timer-As-Of"
#: Seconds for which one is given again, and until which it is given to others while somebody makes a new one.
_FRESH, _GIVEN = 1.0, 2.0
#: So many are kept, each of so many bytes at most.
_KEPT, _MOST_BYTES = 64, 256 * 1024

#: The service's address, which commands name, path, query, and what the viewer may: whether to write, by which also
#: URLs are redacted.
_Key = tuple[str, str, bytes, bool]


@dataclass(slots=True)
class _Made:
    at: float
    #: From then on the next who asks makes a new one.
    stale_at: float
    text: bytes
    etag: str
    as_of: str


class LiveParts:
    """Those that were made a moment ago. Shared by threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        #: The one that was made last stands last.
        self._made: dict[_Key, _Made] = {}

    def find(self, key: _Key) -> _Made | None:
        """None for the one caller that is to make it anew."""
        with self._lock:
            found, now = self._made.get(key), self._clock()
            if found is None or now >= found.at + _GIVEN:
                return None
            if now >= found.stale_at:
                found.stale_at = now + _FRESH
                return None
            return found

    def fresh_for(self, made: _Made) -> float:
        """Seconds until it is to be made anew; less than 0 while somebody does so."""
        return made.at + _FRESH - self._clock()

    def keep(self, key: _Key, text: bytes, etag: str, as_of: str) -> float:
        """The seconds for which it is given again."""
        if len(text) > _MOST_BYTES:
            return 0.0
        with self._lock:
            now = self._clock()
            self._made.pop(key, None)
            self._made[key] = _Made(now, now + _FRESH, text, etag, as_of)
            if len(self._made) > _KEPT:
                del self._made[next(iter(self._made))]
        return _FRESH


def is_asked() -> bool:
    found: bool | None = g.get("is_live")
    if found is None:
        found = g.is_live = "live" in request.args
    return found


def made_before() -> Response | None:
    """The answer to this request, if somebody who may see the same asked for the same a moment ago."""
    if request.method != "GET" or not is_asked():
        return None
    parts: LiveParts = current_app.extensions["live_parts"]
    found = parts.find(_key())
    return _answer(found.text, found.etag, found.as_of, parts.fresh_for(found)) if found else None


def part(html: str, as_of: int, status: int) -> Response:
    """The answer with a live part that was just made."""
    text = html.encode()
    etag = hashlib.blake2b(text, digest_size=12).hexdigest()
    if status != 200:
        return Response(text, status, mimetype="text/html", headers=HEADERS)
    parts: LiveParts = current_app.extensions["live_parts"]
    fresh_for = parts.keep(_key(), text, etag, str(as_of)) if request.method == "GET" else 0.0
    return _answer(text, etag, str(as_of), fresh_for)


def countdown(due_ms: int, as_of: int, before: str = "") -> Markup:
    """How long until then, which the script counts down, and `before` that; only `due` once it has passed.

    The live part says the moment only: it stays the same, so that nothing is sent again while only time passes.
    """
    left = due_ms - as_of
    text = "" if is_asked() else before + values.span(left) if left > 0 else "due"
    return Markup('<span data-count-down="{}" data-before="{}">{}</span>').format(due_ms, before, text)


def _key() -> _Key:
    return origin(), request.path, request.query_string, viewer().may_write


def _answer(text: bytes, etag: str, as_of: str, fresh_for: float) -> Response:
    same = etag in request.headers.get("If-None-Match", "")
    answer = Response(b"" if same else text, 304 if same else 200, mimetype="text/html", headers=HEADERS)
    answer.headers[AS_OF] = as_of
    answer.headers["ETag"] = f'"{etag}"'
    answer.headers["Cache-Control"] = "no-cache"
    if "If-None-Match" in request.headers:
        g.is_repeat = True  # and not logged, or it could not be given again without the application
        give_again.allow(fresh_for, answer.status_code)
    return answer
