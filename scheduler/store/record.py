"""A webhook as bytes: one line of JSON without what is the default (or the bare URL), then the body as it is.

The store puts a line of its own before it (lua/shared.lua); Lua never reads further than that line.
"""

from __future__ import annotations

import hashlib
import json
import math
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from scheduler import exact_numbers
from scheduler.errors import TimerTooLarge
from scheduler.origin import before_path
from scheduler.timer import Attempt, Backoff, Delivery, Redelivery, Result, Webhook

#: Bytes one timer may hold: url, headers, body, metadata and all.
MAX_BYTES = 256 * 1024

#: Bytes of a line that is worth remembering.
_SHORT = 512
#: Made once: json.dumps() would make an encoder for each call.
_to_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

#: The last word of the first line of a cancelled timer whose body was dropped (lua/shared.lua).
CUT = "cut=1"

_DEFAULTS = Webhook(url="")
#: What reading something raises that is not as we write it.
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


def encode(webhook: Webhook, key: str | None = None, tags: Sequence[str] = ()) -> bytes:
    """Without its created_at, which the store puts before it. Raises TimerTooLarge."""
    said: dict[str, Any] = {"url": webhook.url}
    for name, value, default in zip(Webhook._fields, webhook, _DEFAULTS, strict=True):
        if name not in ("url", "body", "backoff") and value != default:
            said[name] = value
    if webhook.backoff != _DEFAULTS.backoff:
        it = webhook.backoff
        said["backoff"] = list(it.steps) or [it.initial, it.factor, it.max, None]
    if webhook.body is None:
        said["body"] = None
    flags = "once" if webhook.delivery is Delivery.AT_MOST_ONCE else "-"
    # Most timers say a URL and a body: 10 bytes less each, which is a size class of the allocator.
    line = webhook.url if said.keys() == {"url"} and _is_line(webhook.url) else exact_numbers.dumps(said)
    names = (f" key={key}" if key else "") + (f" tags={','.join(tags)}" if tags else "")
    record = f"{flags} {destination_tag(webhook.url)}{names}\n{line}\n".encode() + (webhook.body or b"")
    if len(record) > MAX_BYTES:
        raise TimerTooLarge(len(record), MAX_BYTES, _largest_part(webhook))
    return record


def decode(record: bytes) -> tuple[list[str], Webhook]:
    """The words of its first line - created_at, flags, destination tag, then names() - and the webhook, of a record as
    the store holds it."""
    first, line, rest = record.split(b"\n", 2)
    words = first.decode().split(" ")
    body = None if words[-1] == CUT else rest
    if line.startswith(b"http"):
        return words, Webhook(line.decode(), body=body)
    said = _said_again(line) if len(line) <= _SHORT else _said(line)
    return words, Webhook(**{"body": body, **said})


def names(words: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """Key and tags, of the words of a record's first line."""
    said = dict(word.split("=", 1) for word in words[3:] if "=" in word)
    tags = said.get("tags")
    return said.get("key"), tuple(tags.split(",")) if tags else ()


def _said(line: bytes) -> dict[str, Any]:
    """What a record says of its webhook in JSON: all but the body, which is there only if it is null."""
    said: dict[str, Any] = exact_numbers.loads(line) if b'"metadata"' in line else json.loads(line)
    if "backoff" in said:
        said["backoff"] = _backoff(said["backoff"])
    if "delivery" in said:
        said["delivery"] = Delivery(said["delivery"])
    if "write_only" in said:
        said["write_only"] = tuple(said["write_only"])
    # What a later version has added is passed over; what is not of its type cannot be used.
    said = {name: value for name, value in said.items() if name in _TYPES}
    for name, value in said.items():
        if not isinstance(value, _TYPES[name]):
            raise ValueError(f"{name} is {value!r}")
    if not all(isinstance(value, str) for value in said.get("headers", {}).values()):
        raise ValueError("a header's value is no text")
    return said


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
    "delivery": Delivery,
    "metadata": dict,
    "max_occurrences": int,
    "write_only": tuple,
}


#: Most timers for a receiver say the same, but for their bodies: 2 us less each.
_said_again = lru_cache(1024)(_said)


def _is_line(url: str) -> bool:
    return url.startswith("http") and "\n" not in url


def destination(url: str) -> str:
    """The origin of a URL, as `https:api.example.com:443`: nothing on the way of a path decodes or merges that."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}:{f'[{host}]' if ':' in host else host}:{port}"


def destination_tag(url: str) -> str:
    """8 characters that stand for the destination in the part of a record that scripts read."""
    return _tag(before_path(url))


@lru_cache(1024)
def _tag(origin: str) -> str:
    digest = hashlib.blake2b(destination(origin).encode(), digest_size=6).digest()
    return urlsafe_b64encode(digest).decode()


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


def decode_attempt(raw: bytes) -> Attempt:
    """Members that a later version has added are passed over; an attempt that cannot be read says so."""
    try:
        said = {name: value for name, value in json.loads(raw).items() if name in Attempt._fields}
        if said["outcome"] is not None:
            said["outcome"] = Result(said["outcome"])
            said["final"] = "next_attempt_at" not in said
        if "redelivery" in said:
            said["redelivery"] = Redelivery(said["redelivery"])
        return Attempt(**said)
    except UNREADABLE:
        return Attempt(number=0, outcome=None, error="unreadable")


def _largest_part(webhook: Webhook) -> str:
    sizes = {
        "body" if webhook.body_is_json else "body_base64": len(webhook.body or b""),
        "headers": sum(len(name) + len(value) for name, value in webhook.headers.items()),
        "metadata": len(json.dumps(dict(webhook.metadata))),
    }
    return max(sizes, key=lambda part: sizes[part])


def _is_duration(said: Any) -> bool:
    """JSON can also say NaN and 1e400, which no sum of ours would survive."""
    return isinstance(said, _NUMBER) and 0 <= said < math.inf


def _backoff(said: Any) -> Backoff:
    """What only a later version can read must not fail when the next attempt is planned, but here."""
    if not (isinstance(said, list) and said and all(map(_is_duration, said[:3] if said[-1] is None else said))):
        raise ValueError(f"backoff is {said!r}")
    if said[-1] is None:
        return Backoff(*said[:3])
    return Backoff(steps=tuple(said))
