"""An attempt as the JSON that a timer keeps of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from scheduler.rfc3339 import LATEST
from scheduler.store.record import UNREADABLE
from scheduler.timer import Attempt, Outcome, Redelivery

#: Made once: json.dumps() and json.loads() take as long again to find out what they need.
_to_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_of_json = json.JSONDecoder().decode
_FIELDS = frozenset(Attempt._fields)
#: What an attempt may say; outcome and redelivery are words.
_ATTEMPT_TYPES: dict[str, Any] = {
    **dict.fromkeys(("number", "started_at", "lateness_ms", "duration_ms", "status_code"), int),
    **dict.fromkeys(("next_attempt_at", "occurrence"), int),
    **dict.fromkeys(("response_body", "error", "poller", "asked_reschedule", "detail"), str),
    "final": bool,
}


def encode_attempt(attempt: Attempt) -> tuple[str, str]:
    """JSON open at its end, and the answer's text as one more member: a full store keeps only the first.

    By hand: 0.7 us less than a loop over its fields. But for the poller's name its strings are words of ours.
    """
    it = attempt
    # That it is final need not be said: it has an outcome, and no next attempt (decode_attempt).
    said = f'{{"number":{it.number},"outcome":"{it.outcome}"'
    if it.started_at is not None:
        said += f',"started_at":{it.started_at}'
    if it.lateness_ms is not None:
        said += f',"lateness_ms":{it.lateness_ms}'
    if it.duration_ms is not None:
        said += f',"duration_ms":{it.duration_ms}'
    if it.status_code is not None:
        said += f',"status_code":{it.status_code}'
    if it.error is not None:
        said += f',"error":"{it.error}"'
    if it.detail is not None:
        said += f',"detail":{_to_json(it.detail)}'
    if it.redelivery is not None:
        said += f',"redelivery":"{it.redelivery}"'
    if it.poller is not None:
        said += f',"poller":{_to_json(it.poller)}'
    if it.occurrence > 1:
        said += f',"occurrence":{it.occurrence}'
    if it.asked_reschedule is not None:
        said += f',"asked_reschedule":{_to_json(it.asked_reschedule)}'
    return said, "" if it.response_body is None else f',"response_body":{_to_json(it.response_body)}'


def decode_attempts(found: Sequence[bytes]) -> list[Attempt]:
    """Those of one timer, each once: a settle that was refused in its middle and repeated has noted some twice."""
    attempts = [decode_attempt(raw) for raw in found]
    last = {it.number: place for place, it in enumerate(attempts)}
    return [it for place, it in enumerate(attempts) if last[it.number] == place or not it.number]


def decode_attempt(raw: bytes) -> Attempt:
    """Members that a later version has added are passed over; an attempt that cannot be read says so."""
    try:
        said = {name: value for name, value in _of_json(raw.decode()).items() if name in _FIELDS}
        for name, value in said.items():
            if not (value is None or isinstance(value, _ATTEMPT_TYPES.get(name, object))):
                raise ValueError(f"{name} is {value!r}")
        for name in ("started_at", "next_attempt_at"):
            if not 0 <= (said.get(name) or 0) <= LATEST:
                raise ValueError(f"{name} is {said[name]!r}")
        if said["outcome"] is not None:
            said["outcome"] = Outcome(said["outcome"])
            said["final"] = "next_attempt_at" not in said
        if "redelivery" in said:
            said["redelivery"] = Redelivery(said["redelivery"])
        return Attempt(**{"occurrence": 1, **said})
    except UNREADABLE:
        return Attempt(number=0, outcome=None, error="unreadable")
