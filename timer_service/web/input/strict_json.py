"""JSON as RFC 8259 means it: what Python's json lets through, or stumbles over, is refused with the place it stands."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from flask import Request

from scheduler import exact_numbers
from timer_service.web.input import memory
from timer_service.web.input.json_size import holds_more_than
from timer_service.web.problems import Problem

#: Bytes of a request: a timer of 256 KiB in base64 or with most of its text escaped.
MAX_REQUEST = 1024 * 1024
#: Values of a request: a body of 256 KiB holds 131,072 at most.
MAX_VALUES = 150_000
#: Levels of arrays and objects; deeper than any use, and far from Python's recursion limit.
MAX_DEPTH = 100
#: Bytes that are asked of the server at once.
_PIECE = 64 * 1024

#: The way to a value: (the way to what holds it, its name or index there), None for the whole.
_Way = tuple[Any, str | int] | None


class _Repeating(dict[str, Any]):
    """An object in which a name is given twice: parsers differ in which value they take."""

    name: str


def load(request: Request, most_bytes: int = MAX_REQUEST, most_values: int = MAX_VALUES) -> Any:
    """The body of a request. Raises Problem: 400, 413 or 415, 422 where a value could not be stored or sent, or 503."""
    if not (request.mimetype == "application/json" or request.mimetype.endswith("+json")):
        raise Problem(415, "Send JSON, with `Content-Type: application/json`.")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Problem(415, "Send the body as it is, without a Content-Encoding.")
    raw = _read(request, most_bytes)
    if holds_more_than(most_values, raw):
        raise _too_large(f"A request to this path holds at most {most_values} JSON values.")
    if len(raw) > memory.UNCOUNTED:
        memory.hold("parsing", memory.COPIES * len(raw) + memory.VALUE * min(most_values, len(raw) // 2))
    return parse(raw)


def parse(raw: bytes) -> Any:
    text = ""
    try:
        text = raw.decode("utf-8")
        value = _decode(text)  # NaN and Infinity come through, and are refused below
    except RecursionError:
        raise _too_deep(_deep_member(text)) from None
    except UnicodeDecodeError:
        raise Problem(400, "The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise Problem(400, f"The body is not JSON: {error}.") from None
    _check(value, may_split_a_pair=b"\\ud" in raw or b"\\uD" in raw)
    return value


def pointer(*steps: str | int) -> str:
    """RFC 6901."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


def _read(request: Request, most_bytes: int) -> bytes:
    """All of the body: never a part of it taken for the whole. What has come is counted, not what may come."""
    length = request.content_length
    refusal = f"A request to this path holds at most {most_bytes} bytes."
    if length is not None and length > most_bytes:
        raise _too_large(refusal)
    awaited = most_bytes + 1 if length is None else length
    raw = bytearray()
    while len(raw) < awaited and (more := request.stream.read(min(_PIECE, awaited - len(raw)))):
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


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeating = _Repeating(found)
    names = [name for name, _ in pairs]
    repeating.name = next(name for number, name in enumerate(names) if name in names[:number])
    return repeating


_CONTAINERS = frozenset({dict, list, _Repeating})
_FLOATS = frozenset({float, exact_numbers.WrittenFloat})
#: Made once: json.loads() would make a decoder for each call.
_decode = json.JSONDecoder(
    parse_float=exact_numbers.read_float, parse_int=exact_numbers.read_int, object_pairs_hook=_object
).decode


def _check(whole: Any, may_split_a_pair: bool) -> None:
    """Refuse numbers beyond double precision, what parsers read differently, text that has no UTF-8, and depth.

    50 ns a value, without recursion. Text is looked at only where an escape may be half of a surrogate pair.
    """
    if type(whole) not in _CONTAINERS:
        _check_scalar(whole, None)
        return
    ahead: list[tuple[Any, _Way, int]] = [(whole, None, 0)]
    while ahead:
        value, way, depth = ahead.pop()
        if depth >= MAX_DEPTH:
            raise _too_deep(_steps(way)[:1])
        if type(value) is _Repeating:
            raise _invalid("This name is given twice in one object.", way, value.name)
        if type(value) is dict and may_split_a_pair:
            for name in value:
                _check_text(name, way)
        for step, inner in value.items() if type(value) is dict else enumerate(value):
            kind = type(inner)
            if kind in _CONTAINERS:
                ahead.append((inner, (way, step), depth + 1))
            elif kind in _FLOATS or (may_split_a_pair and kind is str):
                _check_scalar(inner, way, step)


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
