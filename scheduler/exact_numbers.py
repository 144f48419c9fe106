"""JSON whose numbers stay as they were written, digit for digit, though Python has no such number.

0.1000000000000000000001, 1e400, 1.50 and -0 are read as numbers that remember their text, and written as that text.
"""

from __future__ import annotations

import json
import math
from itertools import groupby
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


_WRITTEN = frozenset({WrittenFloat, MinusZero})
#: What is, or holds, a number that remembers its text.
_LOOKED_AT = frozenset({dict, list, WrittenFloat, MinusZero})
#: id() of what holds a value, and of what holds that, and so on.
_Way = tuple[int, "_Way"] | None


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


#: Made once: json.loads() would make a decoder for each call, which takes as long as a small text.
_decode = json.JSONDecoder(parse_float=read_float, parse_int=read_int).decode


def loads(text: str | bytes) -> Any:
    """For text that was checked when it came in; bytes are UTF-8."""
    return _decode(text if isinstance(text, str) else text.decode())


def dumps(value: Any) -> str:
    """Compact, and a number as it was written."""
    return _text(value, _holders(value)) if has_written(value) else _encode(value)


def has_written(value: Any) -> bool:
    """Whether there is a number that remembers its text; no recursion of our own."""
    ahead = [value]
    while ahead:
        it = ahead.pop()
        kind = type(it)
        if kind is dict:
            ahead += [inner for inner in it.values() if type(inner) in _LOOKED_AT]
        elif kind is list:
            ahead += [inner for inner in it if type(inner) in _LOOKED_AT]
        elif kind in _WRITTEN:
            return True
    return False


def tagged(value: Any) -> Any:
    """The same in numbers that Python writes as they are: what remembers its text becomes {"number": text}."""
    if isinstance(value, dict):
        return {name: tagged(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [tagged(inner) for inner in value]
    return {"number": value.text} if isinstance(value, WrittenFloat | MinusZero) else value


def _holders(value: Any) -> set[int]:
    """id() of the objects and arrays that hold a number which remembers its text, at any depth."""
    found: set[int] = set()
    ahead: list[tuple[Any, _Way]] = [(value, None)]
    while ahead:
        it, way = ahead.pop()
        kind = type(it)
        if kind is dict or kind is list:
            inside = (id(it), way)
            ahead.extend((inner, inside) for inner in (it.values() if kind is dict else it))
        elif kind in _WRITTEN:
            while way and way[0] not in found:
                found.add(way[0])
                way = way[1]
    return found


def _text(value: Any, holders: set[int]) -> str:
    """What stands between such numbers is written at once: each value by itself took twice as long.

    At most as deep as strict_json lets a value be.
    """

    def holds(inner: Any) -> bool:
        return id(inner) in holders or type(inner) in _WRITTEN

    if type(value) in _WRITTEN:
        return str(value.text)
    parts: list[str] = []
    if isinstance(value, dict):
        for apart, members in groupby(value.items(), lambda member: holds(member[1])):
            if apart:
                parts += [f"{_encode(name)}:{_text(inner, holders)}" for name, inner in members]
            else:
                parts.append(_encode(dict(members))[1:-1])
        return f"{{{','.join(parts)}}}"
    for apart, values in groupby(value, holds):
        if apart:
            parts += [_text(inner, holders) for inner in values]
        else:
            parts.append(_encode(list(values))[1:-1])
    return f"[{','.join(parts)}]"
