"""Cancels or replays many timers: a call for each thousand ids, or as many as the cursors of filters ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from timer_service.client.batches import groups
from timer_service.client.counts import Changed
from timer_service.client.request_fields import to_json
from timer_service.client.wire import Wire, encode


def change_many(wire: Wire, verb: str, done: str, ids: Iterable[str] | None, filters: Mapping[str, Any]) -> Changed:
    """`done` is what answers call the number of those that were changed. Raises TimerServiceError, ValueError."""
    if ids is not None and filters:
        raise ValueError("give ids or filters, not both")
    selections = [to_json(filters)] if ids is None else ({"ids": group} for group in groups(ids))
    return Changed.sum(part for selection in selections for part in _follow(wire, f"/timers/{verb}", done, selection))


def _follow(wire: Wire, path: str, done: str, selection: Mapping[str, Any]) -> Iterator[Changed]:
    """The call, and those that its cursors ask for."""
    cursor: str | None = None

    def read(answer: Any) -> tuple[Changed, str | None]:
        part = Changed(matched=answer["matched"], changed=answer[done], skipped=answer["skipped"])
        return part, _cursor(answer.get("next_cursor"))

    while True:
        body = encode({**selection, **({} if cursor is None else {"cursor": cursor})})
        part, cursor = wire.call("POST", path, read, body=body)
        yield part
        if cursor is None:
            return


def _cursor(value: Any) -> str | None:
    if not isinstance(value, str | None):
        raise TypeError("next_cursor")
    return value
