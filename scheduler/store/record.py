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
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from scheduler.errors import TimerTooLarge
from scheduler.origin import before_path, destination
from scheduler.store.defaults import DEFAULTS
from scheduler.store.progress import is_moment
from scheduler.store.webhook_line import decode_line, encode_line, unknown_members
from scheduler.timer import Callback, Delivery, Webhook

#: The highest format that this version reads. It writes the lowest that can say what is to be said: the first; the
#: second for what a reader of the first would end without its callback, or send without what it tells; the third for
#: what one of the second would send too late.
FORMAT = 3

#: Bytes one timer may hold: url, headers, body, metadata and all.
MAX_BYTES = 256 * 1024

#: Words of a first line: a cancelled timer whose body was dropped, and one that is sent at most once.
_CUT, _ONCE = "cut=1", "once=1"
#: The names of the words that this version knows.
_WORDS = {"once", "key", "tags", "cut", "v", "cb", "tells", "expires", "max_lateness", "priority"}
#: That of a callback; a change keeps it.
_FOR = "for="

#: What reading something raises that is not as we write it.
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


class Unknown(NamedTuple):
    """What a record says that this version does not know: a change writes it down again."""

    words: tuple[str, ...] = ()
    members: Mapping[str, Any] = MappingProxyType({})


_NOTHING = Unknown()


def encode(webhook: Webhook, key: str | None = None, tags: Sequence[str] = (), unknown: Unknown = _NOTHING) -> bytes:
    """Without its created_at, which the store puts before it. Raises TimerTooLarge."""
    line = encode_line(webhook, unknown.members)
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


def _callback_line(webhook: Webhook, callback: Callback | None) -> str:
    """The destination tag and the line of the timer that a callback becomes; its body is made when it is."""
    if callback is None:
        return ""
    hidden = {name.lower() for name in webhook.write_only}
    names = tuple(name for name in callback.headers if name.lower() in hidden)
    webhook = DEFAULTS._replace(**callback._asdict(), body=b"", write_only=names, trace=webhook.trace)
    return f"{destination_tag(callback.url)} {encode_line(webhook, {})}"


def decode(record: bytes) -> tuple[list[str], Webhook]:
    """The words of its first line - created_at, destination tag, then the named ones - and the webhook, of a record as
    the store holds it. Raises one of UNREADABLE."""
    first, line, rest = record.split(b"\n", 2)
    words = first.decode().split(" ")
    if len(words) > 2:
        return words, _decode_named(words, line, rest)
    return words, decode_line(line, rest)


def _decode_named(words: Sequence[str], line: bytes, rest: bytes) -> Webhook:
    """The same of a record whose first line has named words."""
    needed = format_of(words)
    if needed > FORMAT:
        raise ValueError(f"a reader of format {needed} is needed, this one knows {FORMAT}")
    callbacks: Sequence[bytes] = ()
    if "cb" in named_words(words) and rest.count(b"\n") > 1:  # else they were cut away with the body
        *callbacks, rest = rest.split(b"\n", 2)
    webhook = decode_line(line, None if _CUT in words else rest)
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
    it = decode_line(line.split(b" ", 1)[1], None)
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
    return Unknown(words, unknown_members(line))


def destination_tag(url: str) -> str:
    """8 characters that stand for the destination in the part of a record that scripts read."""
    return _tag(before_path(url))


@lru_cache(1024)
def _tag(origin: str) -> str:
    return tag_of(destination(origin))


def tag_of(destination_id: str) -> str:
    """The same of a destination as it is told: `https:api.example.com:443`."""
    return urlsafe_b64encode(hashlib.blake2b(destination_id.encode(), digest_size=6).digest()).decode()


def _largest_part(webhook: Webhook) -> str:
    sizes = {
        "body" if webhook.body_is_json else "body_base64": len(webhook.body or b""),
        "headers": sum(len(name) + len(value) for name, value in webhook.headers.items()),
        "metadata": len(json.dumps(dict(webhook.metadata))),
        "on_delivered": len(_callback_line(webhook, webhook.on_delivered)),
        "on_failed": len(_callback_line(webhook, webhook.on_failed)),
    }
    return max(sizes, key=lambda part: sizes[part])
