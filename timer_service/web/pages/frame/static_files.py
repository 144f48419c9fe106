"""The stylesheet, the script and the icon, as they are written, or compressed for who takes that.

Views are never compressed: they hold a form's token beside text that others chose, and the length of both compressed
together tells of the token (BREACH).
"""

from __future__ import annotations

import gzip
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
    encoding = "gzip" if request.accept_encodings["gzip"] > 0 else ""
    text, etag = _read(name, encoding)
    answer = Response(text, mimetype=_KINDS[name], headers=HEADERS)
    is_this = request.args.get("v") == _version(name)
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable" if is_this else "no-cache"
    answer.headers["Vary"] = "Accept-Encoding"
    if encoding:
        answer.headers["Content-Encoding"] = encoding
    answer.set_etag(etag)
    answer.make_conditional(request)
    return answer


@bp.app_template_global()
def static_url(name: str) -> str:
    """Changes with the file, so that a browser asks for it once and not at every view. Of another version's page, while
    one is replaced by the other, the answer is ours, and not kept."""
    return f"/ui/{name}?v={_version(name)}"


def _version(name: str) -> str:
    return _read(name, "")[1]


@cache
def _read(name: str, encoding: str) -> tuple[bytes, str]:
    """Once a process: the file as it is sent, and what its ETag says, which differs by the encoding."""
    text = (_FOLDER / name).read_bytes()
    if encoding:
        text = gzip.compress(text, mtime=0)  # each process and each start makes the same bytes, so the same ETag
    return text, hashlib.blake2b(text, digest_size=12).hexdigest()
