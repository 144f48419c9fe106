"""What partitions have counted and seen, of so many put together for another number of them. Pure.

What is told of all partitions added up goes to the first; what is told of a destination where it is looked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import NamedTuple

from scheduler.store import keys
from scheduler.store.moving.parts import Part, Value, Write, whole

#: Attempts whose lateness is kept.
_LATENESSES = 1000
_MINUTE = "minute:"


class Found(NamedTuple):
    """A key of one partition: a hash, the members of a sorted set, or a list."""

    partition: int
    key: str
    fields: Mapping[bytes, bytes]
    members: Sequence[tuple[bytes, float]]
    items: Sequence[bytes]


def put_together(found: Sequence[Found], partitions: int) -> Iterator[Part]:
    """The parts of a store of so many partitions."""
    by_key: dict[str, list[Found]] = {}
    for it in found:
        by_key.setdefault(it.key, []).append(it)
    for key, each in by_key.items():
        if key == "counters" or key.startswith(_MINUTE):
            yield from _added(key, each)
        elif key == "lateness":
            latest = [ms for it in each for ms in it.items[: _LATENESSES // len(each)]]
            yield Part(0, True, [Write("list", key, latest)])
        elif key in ("observed", "busiest", "untold"):
            yield from _by_destination(key, each, partitions)
    yield from _failing(by_key.get("failing", ()), by_key.get("failures", ()), partitions)


def _added(key: str, each: Sequence[Found]) -> Iterator[Part]:
    """Of minutes only those of the latest day."""
    latest = max(int(it.fields.get(b"at", 0)) for it in each)
    total: dict[bytes, int] = {}
    for it in each:
        if int(it.fields.get(b"at", 0)) != latest:
            continue
        for name, text in it.fields.items():
            more = int(text)
            is_greatest = name in (b"at", b"worst")
            total[name] = max(total.get(name, more), more) if is_greatest else total.get(name, 0) + more
    yield from whole(0, "hash", key, [value for field in total.items() for value in field])


def _by_destination(key: str, each: Sequence[Found], partitions: int) -> Iterator[Part]:
    """Each destination is in the partition that its tag gives; a note begins with the tag."""
    shares: dict[int, list[Value]] = {}
    for it in each:
        for tag, words in it.fields.items():
            shares.setdefault(_home(tag, partitions), []).extend((tag, words))
        for tag, score in it.members:
            shares.setdefault(_home(tag, partitions), []).extend((_text(score), tag))
    for partition, values in shares.items():
        yield from whole(partition, "hash" if key == "observed" else "set", key, values)


def _home(tag: bytes, partitions: int) -> int:
    return keys.partition_of_key(tag.partition(b" ")[0].decode(), partitions)


def _failing(failing: Sequence[Found], failures: Sequence[Found], partitions: int) -> Iterator[Part]:
    """Where attempts fail: each destination is with the timer of its last failed attempt, what several partitions have
    seen of it together, as failures.py tells it."""
    words = {(it.partition, tag): said for it in failures for tag, said in it.fields.items()}
    streaks: dict[bytes, list[tuple[float, dict[bytes, bytes]]]] = {}
    for it in failing:
        for tag, at in it.members:
            said = dict(word.split(b"=", 1) for word in words.get((it.partition, tag), b"").split(b" ") if b"=" in word)
            if {b"since", b"failures", b"id"} <= said.keys():  # else the store refused in the middle what was to write
                streaks.setdefault(tag, []).append((at, said))
    for tag, each in streaks.items():
        at, said = reduce(_joined, sorted(each, key=lambda it: it[0]))
        partition = keys.partition_of(said[b"id"].decode("utf-8", "replace"), partitions) or 0
        text = b" ".join(name + b"=" + value for name, value in said.items())
        yield Part(
            partition, False, [Write("set", "failing", [_text(at), tag]), Write("hash", "failures", [tag, text])]
        )


def _joined(
    older: tuple[float, dict[bytes, bytes]], newer: tuple[float, dict[bytes, bytes]]
) -> tuple[float, dict[bytes, bytes]]:
    """Two streaks of failed attempts at one destination; the older one only if it was not over when the other began."""
    (before, were), (at, are) = older, newer
    if before < int(are[b"since"]):
        return newer
    since = min(were[b"since"], are[b"since"], key=int)
    return at, {**are, b"since": since, b"failures": b"%d" % (int(were[b"failures"]) + int(are[b"failures"]))}


def _text(score: float) -> str:
    """Whole ms, all digits."""
    return f"{score:.0f}"
