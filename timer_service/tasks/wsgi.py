"""Tasks as a WSGI application. Any path below which it is mounted is its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from timer_service.tasks import serving
from timer_service.tasks.answers import Answer, refused
from timer_service.tasks.body import MOST_BYTES

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Serve = Callable[[str, Mapping[str, str], bytes], Answer]
_REASONS = {**{it.value: it.phrase for it in HTTPStatus}, 489: "Rejected"}


def respond(serve: Serve, environ: Environ, start_response: StartResponse) -> list[bytes]:
    """Read the request, answer it. A body that is too large is not read."""
    method = environ["REQUEST_METHOD"]
    read = _body(environ) if method == "POST" else b""
    answer = read if isinstance(read, Answer) else serve(method, _headers(environ), read)
    start_response(f"{answer.status} {_REASONS[answer.status]}", list(answer.headers))
    return [answer.body]


def _headers(environ: Environ) -> dict[str, str]:
    return {
        name[len("HTTP_") :].lower().replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }


def _body(environ: Environ) -> bytes | Answer:
    given = environ.get("CONTENT_LENGTH") or ""
    if given and not (given.isascii() and given.isdigit()):
        return refused(400, "content-length is no number")
    if not given and not environ.get("wsgi.input_terminated"):
        return b""  # nothing says where a body would end
    length = int(given[:10]) if given else MOST_BYTES + 1
    if given and length > MOST_BYTES:
        return serving.too_large()
    pieces: list[bytes] = []
    while length > 0 and (piece := environ["wsgi.input"].read(length)):
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)
