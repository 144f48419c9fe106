"""Rejects JSON that parsers read differently: names given twice, NaN, lone surrogates. Says where it stands."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from scheduler import exact_numbers
from timer_service.web.input.invalid import pointer
from timer_service.web.problems import Problem

#: Levels of arrays and objects; deeper than any use, and far from Python's recursion limit.
MAX_DEPTH = 100

#: The way to a value: (the way to what holds it, its name or index there), None for the whole.
_Way = tuple[Any, str | int] | None


class _Repeating(dict[str, Any]):
    """An object in which a name is given twice: parsers differ in which value they take."""

    name: str


def parse(raw: bytes) -> Any:
    """The value of a JSON text. Raises Problem: 400, or 422 where a value could not be stored or sent."""
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
