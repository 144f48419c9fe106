"""Checks the types of answers' fields: what answers need not be a timer service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


class Checked:
    """Base of a dataclass that checks itself: raises TypeError where a field has another type than it says."""

    __slots__ = ()

    def __post_init__(self) -> None:
        of: Any = type(self)
        for name, kind in _kinds(of).items():
            if not _is_a(getattr(self, name), kind):
                raise TypeError(f"{type(self).__name__}.{name}")


@cache
def _kinds(of: Any) -> dict[str, Any]:
    return get_type_hints(of)


def _is_a(value: Any, kind: Any) -> bool:
    inner = get_args(kind)
    match get_origin(kind) or kind:
        case _ if kind is Any:
            return True
        case origin if origin in (Union, UnionType):
            return any(_is_a(value, each) for each in inner)
        case origin if origin is Literal:
            return isinstance(value, str)  # a word of tomorrow is one too
        case origin if origin is tuple:
            return isinstance(value, tuple) and all(_is_a(each, inner[0]) for each in value)
        case origin if origin is Sequence:
            return isinstance(value, list | tuple)
        case origin if origin is Mapping:
            return isinstance(value, Mapping)
        case origin if origin in (None, NoneType):
            return value is None
        case origin if origin is int:
            return type(value) is int
        case origin:
            return isinstance(value, origin)
