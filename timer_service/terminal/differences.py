"""What a schedule that stands has otherwise than one that is asked for, and how that is shown. Pure.

What a file leaves out is compared with the API's default. The service's settings decide over four fields that are left
out (timeout, max_attempts, on_delivered, on_failed), and what a schedule that stands tells of a secret is `***`: these
cannot be compared before they are set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from scheduler import duration, exact_numbers, redaction, rfc3339

#: Of a field that is left out, as answers tell it.
DEFAULTS: Mapping[str, Any] = {
    "cron": None,
    "every": None,
    "time_zone": "UTC",
    "ends_at": None,
    "gap": "run",
    "fold": "first",
    "max_runs": None,
    "overlap": "allow",
    "catch_up": "last",
    "catch_up_window": "1d",
    "spread": "0s",
    "pause_after_failures": None,
}
#: The same of what each run sends.
TIMER_DEFAULTS: Mapping[str, Any] = {
    "method": "POST",
    "headers": {},
    "body": None,
    "body_base64": None,
    "backoff": {"initial": 5, "factor": 3, "max": 3600},
    "delivery": "at_least_once",
    "max_occurrences": 1,
    "priority": 0,
    "max_lateness": None,
    "tags": [],
    "metadata": {},
    "write_only": [],
}
_LENGTHS = ("every", "catch_up_window", "spread", "per", "max_lateness")
_MOMENTS = ("starts_at", "ends_at")
_CALLBACKS = ("on_delivered", "on_failed")
#: Characters of a value that are shown.
_SHOWN = 60
#: Compared name by name.
_MAPPINGS = ("headers", "metadata")


class Difference(NamedTuple):
    """As `timer.headers.x-trace`; None for what is not there."""

    field: str
    old: Any
    new: Any


def differences(asked: Mapping[str, Any], stands: Mapping[str, Any]) -> list[Difference]:
    """`asked` as a request has it, `stands` as an answer."""
    timer, standing = asked["timer"], stands["timer"]
    found = list(each_difference("", _whole(asked, DEFAULTS), stands))
    return [*found, *each_difference("timer.", _whole(timer, TIMER_DEFAULTS), standing)]


def between(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """The same of two answers."""
    names = [name for name in (*DEFAULTS, "starts_at") if name in after]
    found = list(each_difference("", {name: after[name] for name in names}, before))
    return [*found, *each_difference("timer.", after["timer"], before["timer"])]


def lines(found: Sequence[Difference]) -> Iterator[str]:
    """Of one that is changed."""
    for field, old, new in found:
        yield f"    {field}: {_shown(old)} -> {_shown(new)}"
    if not found:
        yield "    a value that is not shown"


def _shown(value: Any) -> str:
    text = "-" if value is None else exact_numbers.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _whole(asked: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    found = {**defaults, **asked}
    if isinstance(asked.get("backoff"), Mapping):
        found["backoff"] = {**TIMER_DEFAULTS["backoff"], **asked["backoff"]}
    if found.get("write_only"):
        found["write_only"] = list(dict.fromkeys(found["write_only"]))
    return found


def each_difference(at: str, asked: Mapping[str, Any], stands: Mapping[str, Any]) -> Iterator[Difference]:
    listed = asked.get("write_only")
    hidden = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    for name, new in asked.items():
        if name == "timer":
            continue
        old = stands.get(name)
        if name in _MAPPINGS and isinstance(new, Mapping) and isinstance(old, Mapping):
            shown = redaction.shown_headers(new, hidden) if name == "headers" else new
            yield from _by_name(f"{at}{name}.", new, old, shown)
            continue
        told = _callback(new, hidden) if name in _CALLBACKS else new
        if _told(name, old) != _told(name, told):
            yield Difference(f"{at}{name}", old, told)


def _by_name(
    at: str, asked: Mapping[str, Any], stands: Mapping[str, Any], shown: Mapping[str, Any]
) -> Iterator[Difference]:
    """`shown`: what is asked for without its secrets, which are not to be told here either."""
    for name in [*asked, *(name for name in stands if name not in asked)]:
        old, new = stands.get(name), asked.get(name)
        if old != new and not (old == redaction.MARK and name in asked):
            yield Difference(f"{at}{name}", old, shown.get(name))


def _callback(asked: Any, hidden: Sequence[str]) -> Any:
    """As an answer tells it: {url, headers}, without secrets."""
    callback = {"url": asked} if isinstance(asked, str) else asked
    if not isinstance(callback, Mapping):
        return asked
    headers = callback.get("headers", {})
    shown = redaction.shown_headers(headers, hidden) if isinstance(headers, Mapping) else headers
    return {**callback, "headers": shown}


def _told(name: str, value: Any) -> Any:
    """In the one form that all ways to write it have; what cannot be read is left for the service to refuse."""
    try:
        if name in _LENGTHS and value is not None:
            return duration.parse(value) if isinstance(value, str) else duration.from_seconds(float(value))
        if name in _MOMENTS and value is not None:
            return rfc3339.parse(value)
    except (ArithmeticError, TypeError, ValueError):
        return value
    return value
