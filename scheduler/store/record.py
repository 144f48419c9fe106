"""A timer as bytes: a first line of words, a line of JSON without what is the default (or the bare URL), then the body.

Scripts read the first line and no further: `<created_at ms> <destination tag>`, then words `name=value` in any order,
each name once: `once=1` (at_most_once), `key=`, `tags=a,b`, `cut=1` (its body was dropped), `v=<n>` (the lowest format
that a reader must know to send it rightly; 1 unless said), `cb=<bytes>` (it asks for callbacks, which stand between its
JSON and its body), `for=` and `tells=` (it is a callback; both in lua/shared/callbacks.lua), `schedule=<name>` (which
made it), `missed=<n>` (moments of that which it stands for too), `expires=<ms>` or `max_lateness=<ms>` (it is not sent
after that moment, or so long after it is due), `priority=<s>` (its head start among what is due). What a reader does
not know it passes over, and keeps when it writes the record anew; so do all with `schedule=` and `missed=`, which no
change touches.
"""

from __future__ import annotations

import hashlib
import json
import math
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from scheduler import exact_numbers
from scheduler.errors import TimerTooLarge
from scheduler.origin import before_path, destination
from scheduler.store.defaults import DEFAULTS
from scheduler.store.progress import LAST_MOMENT, is_moment
from scheduler.timer import Attempt, Backoff, Callback, Delivery, Outcome, Redelivery, Webhook

#: The highest format that this version reads. It writes the lowest that can say what is to be said: the first; the
#: second for what a reader of the first would end without its callback, or send without what it tells; the third for
#: what one of the second would send too late.
FORMAT = 3

#: Bytes one timer may hold: url, headers, body, metadata and all.
MAX_BYTES = 256 * 1024

#: Seconds of a timeout that any version may have written: 11 days.
_LONGEST = 1_000_000
#: Bytes of a line that is worth remembering.
_SHORT = 512
#: Made once: json.dumps() would make an encoder for each call.
_to_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

#: The place of a body among a webhook's fields.
_BODY = Webhook._fields.index("body")
_METHOD_AND_HEADERS, _AFTER_BODY = DEFAULTS[1:_BODY], DEFAULTS[_BODY + 1 :]
#: Words of a first line: a cancelled timer whose body was dropped, and one that is sent at most once.
_CUT, _ONCE = "cut=1", "once=1"
#: The names of the words that this version knows.
_WORDS = {"once", "key", "tags", "cut", "v", "cb", "tells", "expires", "max_lateness", "priority"}
#: That of a callback; a change keeps it.
_FOR = "for="
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

#: What reading something raises that is not as we write it.
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


class Unknown(NamedTuple):
    """What a record says that this version does not know: a change writes it down again."""

    words: tuple[str, ...] = ()
    members: Mapping[str, Any] = MappingProxyType({})


_NOTHING = Unknown()


def encode(webhook: Webhook, key: str | None = None, tags: Sequence[str] = (), unknown: Unknown = _NOTHING) -> bytes:
    """Without its created_at, which the store puts before it. Raises TimerTooLarge."""
    line = _line(webhook, unknown.members)
    callbacks = ""
    words = [destination_tag(webhook.url)]
    if webhook.delivery is Delivery.AT_MOST_ONCE:
        words.append(_ONCE)
    if key:
        words.append(f"key={key}")
    if tags:
        words.append(f"tags={','.join(tags)}")
    if webhook.priority:
        words.append(f"priority={webhook.priority}")
    words += unknown.words
    if webhook.on_delivered or webhook.on_failed:
        callbacks = f"{_callback_line(webhook, webhook.on_delivered)}\n{_callback_line(webhook, webhook.on_failed)}\n"
        words.append(f"cb={len(f'{line}{callbacks}'.encode()) + 1}")
    if webhook.expires_at is not None:
        words.append(f"expires={webhook.expires_at}")
    if webhook.max_lateness is not None:
        words.append(f"max_lateness={round(1000 * webhook.max_lateness)}")
    if webhook.expires_at is not None or webhook.max_lateness is not None:
        words.append("v=3")
    elif callbacks or any(word.startswith(_FOR) for word in unknown.words):
        words.append("v=2")
    record = f"{' '.join(words)}\n{line}\n{callbacks}".encode() + (webhook.body or b"")
    # A callback's own record holds its line once more, and nearly all of this one.
    if len(record) + len(callbacks) > MAX_BYTES:
        raise TimerTooLarge(len(record) + len(callbacks), MAX_BYTES, _largest_part(webhook))
    return record


def _line(webhook: Webhook, more: Mapping[str, Any]) -> str:
    """What a webhook says beside its body, and more members."""
    said: dict[str, Any] = {"url": webhook.url}
    for name, value, default in zip(Webhook._fields, webhook, DEFAULTS, strict=True):
        if value != default and name not in _ELSEWHERE:
            said[name] = value
    if webhook.backoff != DEFAULTS.backoff:
        it = webhook.backoff
        said["backoff"] = list(it.steps) or [it.initial, it.factor, it.max, None]
    if webhook.body is None:
        said["body"] = None
    said.update(more)
    # Most timers say a URL and a body: 10 bytes less each, which is a size class of the allocator.
    return webhook.url if said.keys() == {"url"} and _is_line(webhook.url) else exact_numbers.dumps(said)


def _callback_line(webhook: Webhook, callback: Callback | None) -> str:
    """The destination tag and the line of the timer that a callback becomes; its body is made when it is."""
    if callback is None:
        return ""
    hidden = {name.lower() for name in webhook.write_only}
    names = tuple(name for name in callback.headers if name.lower() in hidden)
    webhook = DEFAULTS._replace(**callback._asdict(), body=b"", write_only=names)
    return f"{destination_tag(callback.url)} {_line(webhook, {})}"


def decode(record: bytes) -> tuple[list[str], Webhook]:
    """The words of its first line - created_at, destination tag, then the named ones - and the webhook, of a record as
    the store holds it. Raises one of UNREADABLE."""
    first, line, rest = record.split(b"\n", 2)
    words = first.decode().split(" ")
    if len(words) > 2:
        return words, _decode_named(words, line, rest)
    return words, _decode_lines(line, rest)


def _decode_lines(line: bytes, body: bytes | None) -> Webhook:
    if line.startswith(b"http"):
        return Webhook._make((line.decode(), *_METHOD_AND_HEADERS, body, *_AFTER_BODY))  # half the time of Webhook()
    before, has_body, after = _known_again(line) if len(line) <= _SHORT else _known(line)
    return Webhook._make((*before, body if has_body else None, *after))


def _decode_named(words: Sequence[str], line: bytes, rest: bytes) -> Webhook:
    """The same of a record whose first line has named words."""
    needed = format_of(words)
    if needed > FORMAT:
        raise ValueError(f"a reader of format {needed} is needed, this one knows {FORMAT}")
    callbacks: Sequence[bytes] = ()
    if "cb" in named_words(words) and rest.count(b"\n") > 1:  # else they were cut away with the body
        *callbacks, rest = rest.split(b"\n", 2)
    webhook = _decode_lines(line, None if _CUT in words else rest)
    if callbacks:
        delivered, failed = map(_decode_callback, callbacks)
        webhook = webhook._replace(on_delivered=delivered, on_failed=failed)
    if (priority := named_words(words).get("priority", "0")) != "0":
        if not is_moment(priority):
            raise ValueError(f"priority is {priority!r}")
        webhook = webhook._replace(priority=int(priority))
    if needed > 2:
        webhook = _with_expiry(webhook, named_words(words))
    return webhook._replace(delivery=Delivery.AT_MOST_ONCE) if _ONCE in words else webhook


def _with_expiry(webhook: Webhook, said: Mapping[str, str]) -> Webhook:
    """What the words of a first line say of when it is too late. Raises ValueError."""
    for name in ("expires", "max_lateness"):
        if not is_moment(said.get(name, "0")):
            raise ValueError(f"{name} is {said[name]!r}")
    if "expires" in said:
        webhook = webhook._replace(expires_at=int(said["expires"]))
    return webhook._replace(max_lateness=int(said["max_lateness"]) / 1000) if "max_lateness" in said else webhook


def _decode_callback(line: bytes) -> Callback | None:
    if not line:
        return None
    it = _decode_lines(line.split(b" ", 1)[1], None)
    return Callback(it.url, it.headers, it.timeout, it.max_attempts)


def named_words(words: Sequence[str]) -> dict[str, str]:
    """Those of a record's first line that are `name=value`."""
    return dict(word.split("=", 1) for word in words[2:] if "=" in word)


def names(words: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """Key and tags, of the words of a record's first line."""
    said = named_words(words)
    tags = said.get("tags")
    return said.get("key"), tuple(tags.split(",")) if tags else ()


def schedule_of(words: Sequence[str]) -> tuple[str | None, int]:
    """The schedule that made a timer and how many missed moments it stands for, of the words of its first line."""
    said = named_words(words)
    missed = said.get("missed", "")
    return said.get("schedule"), int(missed) if is_moment(missed) else 0


def format_of(words: Sequence[str]) -> int:
    """The format that a reader must know to send it rightly, of the words of a record's first line."""
    return int(named_words(words).get("v", 1))


def unknown(record: bytes) -> Unknown:
    """What a readable record says that this version does not know."""
    first, line, _ = record.split(b"\n", 2)
    words = tuple(word for word in first.decode().split(" ")[2:] if word.split("=", 1)[0] not in _WORDS)
    members = {} if line.startswith(b"http") else exact_numbers.loads(line)
    return Unknown(words, {name: value for name, value in members.items() if name not in _TYPES})


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
}


#: Most timers for a receiver say the same, but for their bodies: 2 us less each.
_known_again = lru_cache(1024)(_known)


def _is_line(url: str) -> bool:
    return url.startswith("http") and "\n" not in url


def destination_tag(url: str) -> str:
    """8 characters that stand for the destination in the part of a record that scripts read."""
    return _tag(before_path(url))


@lru_cache(1024)
def _tag(origin: str) -> str:
    return tag_of(destination(origin))


def tag_of(destination_id: str) -> str:
    """The same of a destination as it is told: `https:api.example.com:443`."""
    return urlsafe_b64encode(hashlib.blake2b(destination_id.encode(), digest_size=6).digest()).decode()


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


#: What an attempt may say; outcome and redelivery are words.
_ATTEMPT_TYPES: dict[str, Any] = {
    **dict.fromkeys(("number", "started_at", "lateness_ms", "duration_ms", "status_code"), int),
    **dict.fromkeys(("next_attempt_at", "occurrence"), int),
    **dict.fromkeys(("response_body", "error", "poller", "asked_reschedule", "detail"), str),
    "final": bool,
}


def decode_attempt(raw: bytes) -> Attempt:
    """Members that a later version has added are passed over; an attempt that cannot be read says so."""
    try:
        said = {name: value for name, value in json.loads(raw).items() if name in Attempt._fields}
        for name, value in said.items():
            if not (value is None or isinstance(value, _ATTEMPT_TYPES.get(name, object))):
                raise ValueError(f"{name} is {value!r}")
        for name in ("started_at", "next_attempt_at"):
            if not 0 <= (said.get(name) or 0) <= LAST_MOMENT:
                raise ValueError(f"{name} is {said[name]!r}")
        if said["outcome"] is not None:
            said["outcome"] = Outcome(said["outcome"])
            said["final"] = "next_attempt_at" not in said
        if "redelivery" in said:
            said["redelivery"] = Redelivery(said["redelivery"])
        return Attempt(**{"occurrence": 1, **said})
    except UNREADABLE:
        return Attempt(number=0, outcome=None, error="unreadable")


def _largest_part(webhook: Webhook) -> str:
    sizes = {
        "body" if webhook.body_is_json else "body_base64": len(webhook.body or b""),
        "headers": sum(len(name) + len(value) for name, value in webhook.headers.items()),
        "metadata": len(json.dumps(dict(webhook.metadata))),
        "on_delivered": len(_callback_line(webhook, webhook.on_delivered)),
        "on_failed": len(_callback_line(webhook, webhook.on_failed)),
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
        initial, factor, most = said[:3]
        return Backoff(initial, factor, most, ())
    unused = DEFAULTS.backoff
    return Backoff(unused.initial, unused.factor, unused.max, tuple(said))
