"""Reads the body of a request: all of it, in pieces whose memory is counted, as JSON."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import Request
from werkzeug.http import parse_options_header

from timer_service.web.input import memory, strict_json
from timer_service.web.input.json_size import holds_more_than
from timer_service.web.problems import Problem

#: Bytes that are asked of the server at once.
_PIECE = 64 * 1024


def load(request: Request, most_bytes: int, most_values: int) -> Any:
    """The body of a request. Raises Problem: 400, 413 or 415, 422 where a value could not be stored or sent, or 503."""
    if not _is_json(request.environ.get("CONTENT_TYPE", "")):
        raise Problem(415, "Send JSON, with `Content-Type: application/json`.")
    if request.environ.get("HTTP_CONTENT_ENCODING", "").lower() not in ("", "identity"):
        raise Problem(415, "Send the body as it is, without a Content-Encoding.")
    raw = _read(request, most_bytes)
    if holds_more_than(most_values, raw):
        raise _too_large(f"A request to this path holds at most {most_values} JSON values.")
    if len(raw) > memory.UNCOUNTED:
        memory.hold("parsing", memory.COPIES * len(raw) + memory.VALUE * min(most_values, len(raw) // 2))
    return strict_json.parse(raw)


@lru_cache(64)  # nearly all requests name the same one
def _is_json(content_type: str) -> bool:
    mimetype = parse_options_header(content_type)[0].lower()
    return mimetype == "application/json" or mimetype.endswith("+json")


def _read(request: Request, most_bytes: int) -> bytes:
    """All of the body: never a part of it taken for the whole. What has come is counted, not what may come."""
    length = request.content_length
    refusal = f"A request to this path holds at most {most_bytes} bytes."
    if length is not None and length > most_bytes:
        raise _too_large(refusal)
    awaited = most_bytes + 1 if length is None else length
    # What ends by itself needs none of the streams by which Werkzeug makes sure of that.
    ends = "wsgi.input_terminated" in request.environ
    stream = request.environ["wsgi.input"] if ends else request.stream
    raw = bytearray()
    while len(raw) < awaited and (more := stream.read(min(_PIECE, awaited - len(raw)))):
        if len(raw) >= memory.UNCOUNTED:
            memory.hold("reading", len(more))
        raw += more
    if len(raw) > most_bytes:
        raise _too_large(refusal)
    if length is not None and len(raw) < length:
        raise Problem(400, "The body is shorter than its Content-Length.")
    return bytes(raw)


def _too_large(detail: str) -> Problem:
    return Problem(413, detail, errors=[("", detail)])
