"""The body of a task's webhook: `{"task": "shop.tasks.invoice", "args": [17], "kwargs": {}, "v": 1}`. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

VERSION = 1
#: Bytes; more than a timer may hold.
MOST_BYTES = 256 * 1024
#: Levels of lists and dicts below an argument or a result.
MOST_DEEP = 80
#: Bits of an integer: 300 digits, which all that reads JSON here takes.
_MOST_BITS = 1000


class NotATask(ValueError):
    """The body is none of a task."""


class LaterVersion(NotATask):
    """The body was written by a later version than this."""


@dataclass(frozen=True, slots=True)
class Body:
    """Which task is called, and with what."""

    task: str
    args: list[Any]
    kwargs: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {"task": self.task, "args": self.args, "kwargs": self.kwargs, "v": VERSION}


def read(raw: bytes) -> Body:
    """Raises NotATask for what is none, LaterVersion for what only a later version reads."""
    try:
        found = json.loads(raw.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise NotATask("the body is not JSON") from None
    if not isinstance(found, dict) or not isinstance(found.get("v"), int):
        raise NotATask("the body is none of a task: it has no version `v`")
    if found["v"] > VERSION:
        raise LaterVersion(f"the body is of version {found['v']}, and this code reads up to {VERSION}")
    task, args, kwargs = found.get("task"), found.get("args"), found.get("kwargs")
    if not isinstance(task, str) or not isinstance(args, list) or not isinstance(kwargs, dict):
        raise NotATask("the body is none of a task: it needs `task`, `args` and `kwargs`")
    return Body(task, args, kwargs)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def check(where: str, value: Any) -> None:
    """That JSON brings the value back as it is. Raises TypeError, or ValueError for a number or text without a form.

    `where` names the value in the message: `shop.tasks.invoice: argument 'order'`.
    """
    ahead: list[tuple[str, Any, int]] = [(where, value, 0)]
    while ahead:
        at, it, depth = ahead.pop()
        if it is None or isinstance(it, bool):
            continue
        if isinstance(it, str):
            _check_text(at, it)
        elif isinstance(it, int):
            if it.bit_length() > _MOST_BITS:
                raise ValueError(f"{at} is an integer of more than 300 digits")
        elif isinstance(it, float):
            if not math.isfinite(it):
                raise ValueError(f"{at} is {it}, which JSON has no form for")
        elif isinstance(it, list | dict):
            if depth >= MOST_DEEP:
                raise ValueError(f"{where} has more than {MOST_DEEP} lists and dicts within each other")
            ahead += ((inner_at, inner, depth + 1) for inner_at, inner in _members(at, it))
        else:
            raise TypeError(f"{at} is of type {_type_name(it)}: {_hint(it)}")


def _members(at: str, it: list[Any] | dict[Any, Any]) -> Iterable[tuple[str, Any]]:
    if isinstance(it, list):
        return ((f"{at}[{number}]", inner) for number, inner in enumerate(it))
    for name in it:
        if not isinstance(name, str):
            raise TypeError(f"{at} has the key {name!r} of type {_type_name(name)}: JSON's keys are text")
        _check_text(f"{at}'s key", name)
    return ((f"{at}[{name!r}]", inner) for name, inner in it.items())


def _check_text(at: str, text: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{at} has half of a surrogate pair, which UTF-8 has no form for") from None


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


_WAYS: Mapping[str, str] = {
    "tuple": "give a list",
    "set": "give a list",
    "frozenset": "give a list",
    "bytes": "give text, such as base64",
    "datetime.datetime": "give .isoformat()",
    "datetime.date": "give .isoformat()",
    "decimal.Decimal": "give text",
    "uuid.UUID": "give text",
}


def _hint(value: Any) -> str:
    return f"only JSON's values go; {_WAYS.get(_type_name(value), 'give what names it, such as an id')}"
