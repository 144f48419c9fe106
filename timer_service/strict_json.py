"""JSON as RFC 8259 means it: what Python's json lets through, or stumbles over, is refused with the place it stands."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from flask import Request

from timer_service.problems import Problem

#: Bytes of a request: a timer of 256 KiB in base64 or with most of its text escaped.
MAX_REQUEST = 1024 * 1024
#: Levels of arrays and objects; deeper than any use, and far from Python's recursion limit.
MAX_DEPTH = 100
#: Digits of an integer; Python's own limit, beyond which reading one is slow.
_MAX_DIGITS = 4300

#: The way to a value: (the way to what holds it, its name or index there), None for the whole.
_Way = tuple[Any, str | int] | None


def load(request: Request, most_bytes: int = MAX_REQUEST) -> Any:
    """The body of a request. Raises Problem: 400, 413 or 415, or 422 where a value could not be stored or sent."""
    if not (request.mimetype == "application/json" or request.mimetype.endswith("+json")):
        raise Problem(415, "Send JSON, with `Content-Type: application/json`.")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Problem(415, "Send the body as it is, without a Content-Encoding.")
    return parse(_read(request, most_bytes))


def parse(raw: bytes) -> Any:
    text = ""
    try:
        text = raw.decode("utf-8")
        value = json.loads(text, parse_int=_integer)  # NaN and Infinity come through, and are refused below
    except RecursionError:
        raise _too_deep(_deep_member(text)) from None
    except UnicodeDecodeError:
        raise Problem(400, "The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise Problem(400, f"The body is not JSON: {error}.") from None
    _check(value)
    return value


def pointer(*steps: str | int) -> str:
    """RFC 6901."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


def _read(request: Request, most_bytes: int) -> bytes:
    """All of the body: never a part of it taken for the whole."""
    length = request.content_length
    if length is not None and length > most_bytes:
        raise _too_large(most_bytes)
    awaited = most_bytes + 1 if length is None else length
    raw = b""
    while len(raw) < awaited and (more := request.stream.read(awaited - len(raw))):
        raw += more
    if len(raw) > most_bytes:
        raise _too_large(most_bytes)
    if length is not None and len(raw) < length:
        raise Problem(400, "The body is shorter than its Content-Length.")
    return raw


def _too_large(most_bytes: int) -> Problem:
    detail = f"A request holds at most {most_bytes} bytes."
    return Problem(413, detail, errors=[("", detail)])


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else math.inf


def _check(whole: Any) -> None:
    """Refuse numbers beyond double precision, text that has no UTF-8, and depth; no recursion of our own."""
    ahead: list[tuple[Any, _Way, int]] = [(whole, None, 0)]
    while ahead:
        value, way, depth = ahead.pop()
        if isinstance(value, dict | list):
            if depth >= MAX_DEPTH:
                raise _too_deep(_steps(way)[:1])
            for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
                if isinstance(step, str):
                    _check_text(step, way)
                if isinstance(inner, dict | list):
                    ahead.append((inner, (way, step), depth + 1))
                else:
                    _check_scalar(inner, way, step)
        else:
            _check_scalar(value, way)


def _check_scalar(value: Any, way: _Way, *step: str | int) -> None:
    if isinstance(value, str):
        _check_text(value, way, *step)
    elif isinstance(value, float) and not math.isfinite(value):
        raise _invalid("This is no number that JSON can hold in double precision.", way, *step)


def _check_text(text: str, way: _Way, *step: str | int) -> None:
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise _invalid("Here is half of a surrogate pair, which is no character.", way, *step)


def _steps(way: _Way) -> tuple[str | int, ...]:
    steps: list[str | int] = []
    while way is not None:
        way, step = way
        steps.append(step)
    return tuple(reversed(steps))


def _deep_member(text: str) -> tuple[str, ...]:
    """Which member of the outermost object json.loads gave up in."""
    depth, last = 0, ""
    member: tuple[str, ...] = ()
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[][{}:]', text):
        if token[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                break
        elif token[0] in "]}":
            depth -= 1
        elif token[0] != ":":
            last = token[0]
        elif depth == 1:
            member = (json.loads(last).encode("utf-8", "replace").decode(),)
    return member


def _too_deep(path: tuple[str | int, ...]) -> Problem:
    detail = f"The JSON is nested deeper than {MAX_DEPTH} levels."
    return Problem(400, detail, errors=[(pointer(*path), detail)])


def _invalid(detail: str, way: _Way, *step: str | int) -> Problem:
    errors = [(pointer(*_steps(way), *step), detail)]
    return Problem(422, "A field has a value that cannot be used.", errors=errors)
