"""JSON whose numbers stay as they were written, digit for digit, though Python has no such number.

0.1000000000000000000001, 1e400, 1.50 and -0 are read as numbers that remember their text, and written as that text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

#: Digits of an integer; Python's own limit, beyond which reading one is slow.
_MAX_DIGITS = 4300

#: Made once: json.dumps() would make an encoder for each call.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class WrittenFloat(float):
    """One that Python would write in other digits; infinite where it is beyond double precision."""

    text: str


class MinusZero(int):
    """An integer that Python would write without its sign."""

    text = "-0"


def read_float(text: str) -> float:
    value = float(text)
    if repr(value) == text:
        return value
    written = WrittenFloat(value)
    written.text = text
    return written


def read_int(text: str) -> int | float:
    if text == "-0":
        return MinusZero()
    if len(text) > _MAX_DIGITS:
        written = WrittenFloat(math.inf)
        written.text = text
        return written
    return int(text)


def loads(text: str | bytes) -> Any:
    """For text that was checked when it came in."""
    return json.loads(text, parse_float=read_float, parse_int=read_int)


def dumps(value: Any) -> str:
    """Compact, and a number as it was written."""
    return "".join(_pieces(value)) if has_written(value) else _encode(value)


def has_written(value: Any) -> bool:
    """Whether there is a number that remembers its text; no recursion of our own."""
    ahead = [value]
    while ahead:
        it = ahead.pop()
        kind = type(it)
        if kind is dict:
            ahead.extend(it.values())
        elif kind is list:
            ahead.extend(it)
        elif kind is WrittenFloat or kind is MinusZero:
            return True
    return False


def tagged(value: Any) -> Any:
    """The same in numbers that Python writes as they are: what remembers its text becomes {"number": text}."""
    if isinstance(value, dict):
        return {name: tagged(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [tagged(inner) for inner in value]
    return {"number": value.text} if isinstance(value, WrittenFloat | MinusZero) else value


def _pieces(value: Any) -> Iterator[str]:
    """At most as deep as strict_json lets a value be."""
    if isinstance(value, dict):
        before = "{"
        for name, inner in value.items():
            yield f"{before}{_encode(name)}:"
            yield from _pieces(inner)
            before = ","
        yield "}" if value else "{}"
    elif isinstance(value, list):
        before = "["
        for inner in value:
            yield before
            yield from _pieces(inner)
            before = ","
        yield "]" if value else "[]"
    else:
        yield value.text if isinstance(value, WrittenFloat | MinusZero) else _encode(value)
