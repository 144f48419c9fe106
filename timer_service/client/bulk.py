"""Cancels or replays many timers: a call for each thousand ids, or as many as the cursors of filters ask for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from timer_service.client.batches import groups
from timer_service.client.call import Call, Several
from timer_service.client.counts import Changed
from timer_service.client.encoding import encode
from timer_service.client.request_fields import to_json


def change_many(verb: str, done: str, ids: Iterable[str] | None, filters: Mapping[str, Any]) -> Several[Changed]:
    """`done` is what answers call the number of those that were changed. Raises ValueError for ids and filters."""

    def read(answer: Any) -> tuple[Changed, str | None]:
        part = Changed(matched=answer["matched"], changed=answer[done], skipped=answer["skipped"])
        return part, _cursor(answer.get("next_cursor"))

    if ids is not None and filters:
        raise ValueError("give ids or filters, not both")
    parts: list[Changed] = []
    for selection in [to_json(filters)] if ids is None else ({"ids": group} for group in groups(ids)):
        cursor: str | None = None
        while True:
            body = encode({**selection, **({} if cursor is None else {"cursor": cursor})})
            part, cursor = yield from Call("POST", f"/timers/{verb}", read, body=body)
            parts.append(part)
            if cursor is None:
                break
    return Changed.sum(parts)


def _cursor(value: Any) -> str | None:
    if not isinstance(value, str | None):
        raise TypeError("next_cursor")
    return value
