"""marshmallow's messages as one problem that points at each value (RFC 6901)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from timer_service.web.problems import Problem

#: Errors told of one object.
_MAX_ERRORS = 100
#: Characters of a name that is told; of a longer one only what holds it.
_MAX_NAME = 256


def invalid(messages: Any, most: int = _MAX_ERRORS) -> Problem:
    """The problem that tells so many of them, one of each pointer.

    Of several the last is told: how fields go together, which a better value does not mend, is looked at last.
    """
    told: dict[str, str] = {}
    for where, text in _errors(messages):
        told[where] = text
        if len(told) > most:
            break
    found = list(told.items())
    detail = "A field has a value that cannot be used."
    if len(found) > most:
        detail = f"More than {most} values cannot be used; these are the first."
    return Problem(422, detail, errors=found[:most])


def pointer(*steps: str | int) -> str:
    """The JSON Pointer (RFC 6901) of what these names and indices lead to."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


def _errors(messages: Any, *path: str | int) -> Iterator[tuple[str, str]]:
    """marshmallow's nested messages as (pointer, detail)."""
    if isinstance(messages, dict):
        for step, inner in messages.items():
            if isinstance(step, str) and len(step) > _MAX_NAME:
                yield pointer(*path), f"A member whose name has {len(step)} characters cannot be used."
            else:
                yield from _errors(inner, *path, step)
    else:
        for detail in messages:
            yield pointer(*path), detail
