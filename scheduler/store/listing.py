"""Pages of timers, in the order of one index: by due time, or finished ones by the time they are forgotten.

What a page reads is put together of many short calls: each takes the store 3 ms at most, and others are served between.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from scheduler.queries import Count, Page, Place, Query
from scheduler.rounding import ceil_div
from scheduler.store import keys
from scheduler.store.link import Link
from scheduler.store.reading import TimerRow, read_timer
from scheduler.store.record import destination_tag
from scheduler.timer import Status, Timer

#: Entries that a page looks at, and bytes that it tells, at most: then it stops short and says where it goes on.
_PAGE_LOOK, _PAGE_BYTES = 2000, 4 * 1024 * 1024
#: Entries that a count looks at where it has to look: 50 calls.
_COUNT_LOOK = 10_000
#: Destinations with timers that wait, read in one call.
_PARTS = 50
#: Timers that one call tells at most, shared among all that are asked for a page before its first timer is known.
_ROWS = 200
_LEAST_ROWS = 20
#: The order of a list of all.
_ANY = (Status.DELIVERING, Status.SCHEDULED, Status.FAILED, Status.DELIVERED, Status.CANCELLED)

_Key = tuple[int, str]


class ListReply(NamedTuple):
    """What list.lua tells of a part of an index."""

    #: ms.
    now: int
    #: Entries; -1 where a filter hides the number.
    total: int
    #: 1 or 0.
    at_end: int
    #: Of the entry looked at last; b"" and b"" if none was.
    last_score: bytes
    last_id: bytes
    #: Entries.
    looked: int
    #: Timers.
    found: int
    #: Per timer its score in the index and the values of a TimerRow.
    rows: list[bytes]

    @property
    def place(self) -> Place:
        """Where to go on."""
        return Place(int(self.last_score), self.last_id.decode())


@dataclass(slots=True)
class _Spent:
    """What the calls for one page have taken so far."""

    look: int
    bytes: int
    read_at: int = 0
    #: Entries in all; None where a filter hides the number.
    total: int | None = 0

    @property
    def is_over(self) -> bool:
        return self.look <= 0 or self.bytes <= 0


class Listing:
    """Reads and counts timers that match a query. Shared by threads; owns nothing to close; raises StoreUnavailable."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def page(self, query: Query) -> Page:
        """One page. A short or empty one may have a next all the same: there is more to look at."""
        if not query.any_status or _index(query):
            return self._page(query)
        timers: list[Timer] = []
        after, page = query.after, None
        first = _ANY.index(Status(after.status)) if after and after.status else 0
        for number, status in enumerate(_ANY[first:], first):
            asked = replace(query, any_status=False, status=status, after=after, limit=query.limit - len(timers))
            page = self._page(asked)
            timers += page.timers
            if page.next is not None:
                return Page(read_at=page.read_at, timers=timers, next=page.next._replace(status=status), total=None)
            after = None
            if len(timers) >= query.limit and status is not _ANY[-1]:
                following = Place(-1, "", _ANY[number + 1])
                return Page(read_at=page.read_at, timers=timers, next=following, total=None)
        assert page is not None
        return Page(read_at=page.read_at, timers=timers, next=None, total=None)

    def count(self, query: Query, look: int | None = None) -> Count:
        """How many match: all, or as many as were found when it had looked at `look` entries, 10,000 unless said."""
        if query.any_status and not _index(query):
            each = [self.count(replace(query, any_status=False, status=status), look) for status in _ANY]
            return Count(count=sum(it.count for it in each), exact=all(it.exact for it in each))
        left, found = _COUNT_LOOK if look is None else look, 0
        for partition in self._partitions(query):
            for parts in self._parts(partition, query):
                after = None
                while True:
                    reply = self._read(partition, _args(query, _COUNT_LOOK, after, "count", parts))
                    found += max(reply.total, reply.found)  # without a filter the index knows, and nothing is looked at
                    left -= reply.looked
                    if reply.at_end or reply.total >= 0:
                        break
                    if left <= 0:
                        return Count(count=found, exact=False)
                    after = reply.place
        return Count(count=found, exact=True)

    def _page(self, query: Query) -> Page:
        spent = _Spent(_PAGE_LOOK, _PAGE_BYTES)
        sources = [(it, parts) for it in self._partitions(query) for parts in self._parts(it, query)]
        rows = max(_LEAST_ROWS, ceil_div(_ROWS, len(sources)))
        merged = heapq.merge(
            *(self._rows(partition, parts, query, rows, spent) for partition, parts in sources),
            key=lambda entry: entry[0],
            reverse=query.descending,
        )
        timers: dict[str, Timer] = {}
        last = None
        for key, timer in merged:
            if len(timers) >= query.limit:
                break
            last = key
            if timer is not None:
                timers.setdefault(timer.id, timer)  # one that begins to wait meanwhile is seen twice
            elif spent.is_over:
                break
        else:
            last = None
        return Page(
            read_at=spent.read_at,
            timers=list(timers.values()),
            next=None if last is None else Place(*last),
            total=spent.total,
        )

    def _rows(
        self, partition: int, parts: list[str], query: Query, rows: int, spent: _Spent
    ) -> Iterator[tuple[_Key, Timer | None]]:
        """What matches of one part of an index, in order; and with None how far was looked: a page can end there."""
        after, is_first = query.after if query.after and query.after.id else None, True
        while True:
            reply = self._read(partition, _args(query, min(rows, query.limit), after, "rows", parts))
            spent.read_at = max(spent.read_at, reply.now)
            if is_first:
                spent.total = None if spent.total is None or reply.total < 0 else spent.total + reply.total
            is_first = False
            spent.look -= reply.looked
            values = iter(reply.rows)
            for score, *row in zip(*[values] * (1 + len(TimerRow._fields)), strict=True):
                told = TimerRow(*row)
                spent.bytes -= told.size
                yield (int(score), told.id.decode()), read_timer(reply.now, told)
            if reply.at_end:
                return
            after = reply.place
            yield (after.score, after.id), None

    def _read(self, partition: int, args: list[str | int]) -> ListReply:
        return ListReply(*self._link.run("list", partition, args))

    def _partitions(self, query: Query) -> Iterable[int]:
        """Those that may have what is asked for: the runs of a schedule stand in its own."""
        if query.schedule is None:
            return range(self._link.partitions)
        return [keys.partition_of_key(query.schedule, self._link.partitions)]

    def _parts(self, partition: int, query: Query) -> list[list[str]]:
        """What one call each reads of an index: scheduled timers may wait behind destinations, in a set each."""
        if _index(query) or query.status not in (None, Status.SCHEDULED):
            return [[]]
        tags = self._members(keys.waiting(partition))
        if not query.without_held:
            tags += self._members(keys.behind(partition))
        if query.destination:
            wanted = destination_tag(query.destination).encode()
            # Behind what is no destination's tag, as `!suspects`, timers of any destination wait.
            tags = [tag for tag in tags if tag == wanted or tag.startswith(b"!")]
        parts = ["", *(tag.decode() for tag in tags)]
        return [parts[at : at + _PARTS] for at in range(0, len(parts), _PARTS)]

    def _members(self, name: str) -> list[Any]:
        found: list[Any] = self._link.ask("ZRANGE", name, lambda client: client.zrange(name, 0, -1))
        return found


def _index(query: Query) -> str | None:
    """Of names, which has timers of every status; None where the status is the index."""
    if query.schedule is not None:
        return f"runs:{query.schedule}"
    return f"tag:{query.tag}" if query.tag else None


def _args(
    query: Query, limit: int, after: Place | None, what: Literal["rows", "count"], parts: list[str]
) -> list[str | int]:
    named = _index(query)
    status = query.status or ("" if named else Status.SCHEDULED)
    index, only = (named, status) if named else (status, "")
    score, timer_id = ("", "") if after is None else (after.score, after.id)
    return [
        index,
        only,
        destination_tag(query.destination) if query.destination else "",
        "" if query.due_after is None else query.due_after,
        "" if query.due_before is None else query.due_before,
        "desc" if query.descending else "asc",
        limit,
        score,
        timer_id,
        what,
        *parts,
    ]
