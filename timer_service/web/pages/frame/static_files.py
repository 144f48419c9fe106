"""The stylesheet, the script and the icon, as they are written."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Response, request

from timer_service.web.pages.frame.frame import bp
from timer_service.web.pages.frame.policy import HEADERS

_FOLDER = Path(__file__).parents[1] / "static"
_KINDS = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
#: Whoever may look at nothing may have these: the sign-in page needs them.
PATHS = frozenset(f"/ui/{name}" for name in _KINDS)


@bp.get("/<any('page.css', 'page.js', 'icon.svg'):name>")
def static(name: str) -> Response:
    text, etag = _read(name)
    answer = Response(text, mimetype=_KINDS[name], headers=HEADERS)
    answer.headers["Cache-Control"] = "no-cache"
    answer.set_etag(etag)
    answer.make_conditional(request)
    return answer


@cache
def _read(name: str) -> tuple[bytes, str]:
    """Once a process: the file, and what its ETag says."""
    text = (_FOLDER / name).read_bytes()
    return text, hashlib.blake2b(text, digest_size=12).hexdigest()
