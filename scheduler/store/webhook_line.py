"""What a webhook says beside its body, as a record has it: JSON without what is the default, or the bare URL."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from scheduler import exact_numbers
from scheduler.store.defaults import DEFAULTS
from scheduler.timer import Backoff, Webhook

#: Seconds of a timeout that any version may have written: 11 days.
_LONGEST = 1_000_000
#: Bytes of a line that is worth remembering.
_SHORT = 512
#: The place of a body among a webhook's fields.
_BODY = Webhook._fields.index("body")
_METHOD_AND_HEADERS, _AFTER_BODY = DEFAULTS[1:_BODY], DEFAULTS[_BODY + 1 :]
#: Fields of a webhook that do not stand in its JSON, or in a form of their own.
_ELSEWHERE = {
    "url",
    "body",
    "backoff",
    "delivery",
    "priority",
    "expires_at",
    "max_lateness",
    "on_delivered",
    "on_failed",
}
#: The place, name and default of those that do.
_IN_JSON = [it for it in zip(range(len(DEFAULTS)), Webhook._fields, DEFAULTS, strict=True) if it[1] not in _ELSEWHERE]
_NUMBER = int | float
#: What a record may say of its webhook; a body only that there is none.
_TYPES: dict[str, Any] = {
    "url": str,
    "method": str,
    "headers": dict,
    "body": type(None),
    "body_is_json": bool,
    "timeout": _NUMBER,
    "max_attempts": int,
    "backoff": Backoff,
    "metadata": dict,
    "max_occurrences": int,
    "write_only": tuple,
    "trace": str,
}


def encode_line(webhook: Webhook, more: Mapping[str, Any]) -> str:
    """What a webhook says beside its body, and more members."""
    said: dict[str, Any] = {"url": webhook.url}
    for place, name, default in _IN_JSON:
        if webhook[place] != default:
            said[name] = webhook[place]
    if webhook.backoff != DEFAULTS.backoff:
        it = webhook.backoff
        said["backoff"] = list(it.steps) or [it.initial, it.factor, it.max, None]
    if webhook.body is None:
        said["body"] = None
    said.update(more)
    # Most timers say a URL and a body: 10 bytes less each, which is a size class of the allocator.
    return webhook.url if said.keys() == {"url"} and _is_line(webhook.url) else exact_numbers.dumps(said)


def decode_line(line: bytes, body: bytes | None) -> Webhook:
    """The webhook of such a line and a body. Raises ValueError or another of what reading raises (record.py)."""
    if line.startswith(b"http"):
        return Webhook._make((line.decode(), *_METHOD_AND_HEADERS, body, *_AFTER_BODY))  # half the time of Webhook()
    before, has_body, after = _known_again(line) if len(line) <= _SHORT else _known(line)
    return Webhook._make((*before, body if has_body else None, *after))


def unknown_members(line: bytes) -> dict[str, Any]:
    """Those of a readable line that this version does not know."""
    members = {} if line.startswith(b"http") else exact_numbers.loads(line)
    return {name: value for name, value in members.items() if name not in _TYPES}


class _Known(NamedTuple):
    """What a record says of its webhook in JSON."""

    #: Values of the fields of a webhook that stand before its body.
    before: tuple[Any, ...]
    has_body: bool
    #: Of those behind it.
    after: tuple[Any, ...]


def _known(line: bytes) -> _Known:
    said: dict[str, Any] = exact_numbers.loads(line) if b'"metadata"' in line else json.loads(line)
    if "backoff" in said:
        said["backoff"] = _backoff(said["backoff"])
    if "write_only" in said:
        said["write_only"] = tuple(said["write_only"])
    # What a later version has added is passed over; what is not of its type cannot be used.
    said = {name: value for name, value in said.items() if name in _TYPES}
    for name, value in said.items():
        if not isinstance(value, _TYPES[name]):
            raise ValueError(f"{name} is {value!r}")
    if "timeout" in said and not (_is_duration(said["timeout"]) and 0 < said["timeout"] <= _LONGEST):
        raise ValueError(f"timeout is {said['timeout']!r}")
    if not all(isinstance(value, str) for value in said.get("headers", {}).values()):
        raise ValueError("a header's value is no text")
    if "url" not in said:
        raise ValueError("no url is said")
    webhook = DEFAULTS._replace(**said)
    return _Known(webhook[:_BODY], "body" not in said, webhook[_BODY + 1 :])


#: Most timers for a receiver say the same, but for their bodies: 2 us less each.
_known_again = lru_cache(1024)(_known)


def _is_line(url: str) -> bool:
    return url.startswith("http") and "\n" not in url


def _is_duration(said: Any) -> bool:
    """JSON can also say NaN and 1e400, which no sum of ours would survive."""
    return isinstance(said, _NUMBER) and 0 <= said < math.inf


def _backoff(said: Any) -> Backoff:
    """What only a later version can read must not fail when the next attempt is planned, but here."""
    if not (isinstance(said, list) and said and all(map(_is_duration, said[:3] if said[-1] is None else said))):
        raise ValueError(f"backoff is {said!r}")
    if said[-1] is None:
        initial, factor, most = said[:3]
        return Backoff(initial, factor, most, ())
    unused = DEFAULTS.backoff
    return Backoff(unused.initial, unused.factor, unused.max, tuple(said))
