"""What failed, grouped by how and where; and destinations whose attempts fail, or whose due timers wait for room."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from scheduler.activity import FailingDestination, FailureGroup, Failures
from scheduler.store.behind import WaitingBehind, read_behind
from scheduler.store.link import Link
from scheduler.store.record import UNREADABLE, destination_tag
from scheduler.store.timers import Timers
from scheduler.timer import Reason, Timer

#: Failed timers that are looked at, and told in one call: 2 ms.
_LOOK, _ROWS = 2000, 200
#: Groups, and destinations, that are told.
_GROUPS, _DESTINATIONS = 100, 100
#: Destinations behind which timers wait: looked at, and told in one call.
_WAITING, _WAITING_AT_ONCE = 1000, 250
#: Bytes of timers that are told, the last ones more: what would follow is left out.
_BYTES = 4 * 1024 * 1024


class FailedRow(NamedTuple):
    """What failures.lua tells of each timer."""

    id: bytes
    #: ms.
    score: bytes
    #: Of its destination.
    tag: bytes
    reason: bytes
    error: bytes
    status: bytes
    #: ms; b"" if it is not known.
    ended: bytes


@dataclass(slots=True)
class _Group:
    ids: list[str] = field(default_factory=list)
    oldest_ended_at: int = 0


class _Streak(NamedTuple):
    """Attempts that failed at one destination since one was delivered, as one partition has seen it, or several."""

    last_at: int
    since: int
    failures: int
    timer_id: str
    error: str | None
    status_code: int | None

    def joined(self, older: _Streak) -> _Streak:
        """With what another partition has seen, if that was not over when this one began."""
        if older.last_at < self.since:
            return self
        return self._replace(since=min(self.since, older.since), failures=self.failures + older.failures)


@dataclass(slots=True)
class _Place:
    """A destination."""

    streak: _Streak | None = None
    waiting: int = 0
    oldest_waiting_at: int | None = None
    oldest_waiting_id: str | None = None
    #: Of those that wait.
    held: int = 0


def read_failures(link: Link, timers: Timers) -> Failures:
    """Raises StoreUnavailable."""
    read: list[tuple[int, int]] = []
    each = heapq.merge(*(_rows(link, it, read) for it in range(link.partitions)), key=_order, reverse=True)
    groups: dict[tuple[bytes, ...], _Group] = {}
    seen: set[bytes] = set()
    for row in islice((it for it in each if it.id not in seen), _LOOK):
        seen.add(row.id)
        group = groups.setdefault(row[2:6], _Group())
        group.ids.append(row.id.decode())
        group.oldest_ended_at = int(row.ended or row.score)
    largest = sorted(groups.items(), key=lambda it: -len(it[1].ids))[:_GROUPS]
    places = _busiest(_places(link))
    newest = {tag.decode(): group.ids[0] for (tag, *_), group in reversed(largest)}
    wanted = [group.ids[0] for _, group in largest]
    wanted += [it for tag, place in places for it in _samples(tag, place, newest)]
    read_at, known = timers.get_each(wanted, _BYTES)
    return Failures(
        read_at=max(read_at, *(at for at, _ in read)),
        looked=len(seen),
        more=sum(total for _, total in read) > len(seen),
        groups=[_group(key, group, known[group.ids[0]]) for key, group in largest if group.ids[0] in known],
        failing=_told(places, newest, known),
    )


def read_failing(link: Link, timers: Timers) -> list[FailingDestination]:
    """The same destinations without a look at what has failed for good, which takes 15 ms. Raises StoreUnavailable."""
    places = _busiest(_places(link))
    _, known = timers.get_each([it for tag, place in places for it in _samples(tag, place, {})], _BYTES)
    return _told(places, {}, known)


def _told(
    places: list[tuple[str, _Place]], newest: dict[str, str], known: dict[str, Timer]
) -> list[FailingDestination]:
    return [
        _destination(place, sample)
        for tag, place in places
        if (sample := _sample(tag, _samples(tag, place, newest), known))
    ]


def _rows(link: Link, partition: int, read: list[tuple[int, int]]) -> Iterator[FailedRow]:
    """The failed timers of a partition, those that failed last first; `read` gets when, ms, and how many there are.

    Timers that fail meanwhile shift the others: one may be told twice.
    """
    for skipped in range(0, _LOOK, _ROWS):
        now, total, *values = link.run("failures", partition, [skipped, _ROWS])
        if not skipped:
            read.append((now, total))
        rows = [FailedRow(*row) for row in zip(*[iter(values)] * len(FailedRow._fields), strict=True)]
        yield from rows
        if len(rows) < _ROWS:
            return


def _order(row: FailedRow) -> tuple[int, bytes]:
    return int(row.score), row.id


def _places(link: Link) -> dict[str, _Place]:
    found: dict[str, _Place] = {}
    for partition in range(link.partitions):
        for first in range(0, _WAITING, _WAITING_AT_ONCE):
            total, failing, waiting = link.run("failing", partition, [first, first + _WAITING_AT_ONCE - 1])
            if not first:
                for tag, at, words in zip(*[iter(failing)] * 3, strict=True):
                    _add_streak(found.setdefault(tag.decode(), _Place()), int(at), words)
            for tag, count, due, timer_id in zip(*[iter(waiting)] * 4, strict=True):
                place = found.setdefault(tag.decode(), _Place())
                place.waiting += count
                if place.oldest_waiting_at is None or int(due) < place.oldest_waiting_at:
                    place.oldest_waiting_at, place.oldest_waiting_id = int(due), timer_id.decode()
            if first + _WAITING_AT_ONCE >= total:
                break
    if any(place.streak for place in found.values()):
        held, _ = read_behind(link)
        for tag, it in held.items():
            if (failing_place := found.get(tag)) and failing_place.streak:
                _add_held(failing_place, it)
    return {tag: place for tag, place in found.items() if place.streak or place.waiting}


def _add_held(place: _Place, it: WaitingBehind) -> None:
    place.waiting += it.timers
    place.held = it.timers
    at_share = place.oldest_waiting_at
    place.oldest_waiting_at = it.oldest if at_share is None else min(at_share, it.oldest)


def _add_streak(place: _Place, at: int, words: bytes) -> None:
    said = dict(word.split("=", 1) for word in words.decode("utf-8", "replace").split(" ") if "=" in word)
    if not {"since", "failures", "id"} <= said.keys():  # the store refused in the middle what was to write them
        return
    status = said.get("status")
    more = _Streak(
        at, int(said["since"]), int(said["failures"]), said["id"], said.get("error"), int(status) if status else None
    )
    if place.streak is None:
        place.streak = more
    else:
        older, newer = sorted((place.streak, more), key=lambda it: it.last_at)
        place.streak = newer.joined(older)


def _busiest(places: dict[str, _Place]) -> list[tuple[str, _Place]]:
    """Those with most to send first, then those where most has failed."""

    def weight(it: tuple[str, _Place]) -> tuple[int, int, str]:
        return -it[1].waiting, -(it[1].streak.failures if it[1].streak else 0), it[0]

    return sorted(places.items(), key=weight)[:_DESTINATIONS]


def _samples(tag: str, place: _Place, newest: dict[str, str]) -> list[str]:
    """Timers that may show where the destination is: each may be forgotten by now, or have been sent elsewhere."""
    found = [place.streak.timer_id if place.streak else None, place.oldest_waiting_id, newest.get(tag)]
    return [it for it in found if it]


def _sample(tag: str, candidates: list[str], known: dict[str, Timer]) -> Timer | None:
    return next((known[it] for it in candidates if it in known and _is_at(known[it], tag)), None)


def _is_at(timer: Timer, tag: str) -> bool:
    try:
        return destination_tag(timer.webhook.url) == tag
    except UNREADABLE:
        return False


def _group(key: tuple[bytes, ...], group: _Group, newest: Timer) -> FailureGroup:
    _, reason, error, status = key
    return FailureGroup(
        reason=_reason(reason.decode("utf-8", "replace")),
        error=error.decode() or None,
        status_code=int(status) if status else None,
        ids=tuple(group.ids),
        newest=newest,
        oldest_ended_at=group.oldest_ended_at,
    )


def _reason(word: str) -> Reason | None:
    try:
        return Reason(word)
    except ValueError:
        return None


def _destination(place: _Place, sample: Timer) -> FailingDestination:
    streak = place.streak
    return FailingDestination(
        sample=sample,
        since=streak and streak.since,
        last_at=streak and streak.last_at,
        failures=streak.failures if streak else 0,
        error=streak and streak.error,
        status_code=streak and streak.status_code,
        waiting=place.waiting,
        oldest_waiting_at=place.oldest_waiting_at,
        held=place.held,
    )
