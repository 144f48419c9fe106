"""How many timers there are of each status, and what has become of those that ended: what `/stats` tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from scheduler.queries import Stats
from scheduler.rounding import ceil_div
from scheduler.schedules import Skipped
from scheduler.store import keys
from scheduler.store.link import Link
from scheduler.store.optional import Optional
from scheduler.store.pending import waiting_beyond
from scheduler.timer import Reason


class StatsReply(NamedTuple):
    """What stats.lua tells of one partition."""

    #: ms.
    now: int
    scheduled: int
    overdue: int
    delivering: int
    delivered: int
    failed: int
    cancelled: int
    #: ms at which the first of the scheduled is due that is not held; -1 if there is none.
    earliest: int
    #: That wait.
    destinations: int
    #: ms at which the first lease ends; -1 if there is none.
    lease_end: int
    lost_leases: int
    refused_settles: int
    refused_rings: int
    unreadable_claims: int
    #: Timers by why they ended, in the order of the reasons that were asked for.
    ended: list[int]
    #: ms, the latest first.
    lateness: list[int]
    #: Moments of schedules that became no run, in the order of the words that were asked for.
    skipped: list[int]


class TimerCounts:
    """Counts the timers of all partitions. Shared by threads; raises StoreUnavailable."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._hlen = Optional()

    def stats(self) -> Stats:
        replies = [self._stats(partition) for partition in range(self._link.partitions)]

        def total(of: Callable[[StatsReply], int]) -> int:
            return sum(map(of, replies))

        oldest = max((reply.now - reply.earliest for reply in replies if reply.earliest >= 0), default=0)
        expired = max((reply.now - reply.lease_end for reply in replies if reply.lease_end >= 0), default=0)
        lateness = sorted(ms for reply in replies for ms in reply.lateness)
        return Stats(
            scheduled=total(lambda reply: reply.scheduled),
            tried_before=self._tried_before(replies),
            overdue=total(lambda reply: reply.overdue),
            delivering=total(lambda reply: reply.delivering),
            delivered=total(lambda reply: reply.delivered),
            failed=total(lambda reply: reply.failed),
            cancelled=total(lambda reply: reply.cancelled),
            oldest_overdue_ms=max(0, oldest),
            lateness_p50_ms=_percentile(lateness, 50),
            lateness_p99_ms=_percentile(lateness, 99),
            waiting_destinations=total(lambda reply: reply.destinations),
            oldest_expired_lease_ms=max(0, expired),
            lost_leases=total(lambda reply: reply.lost_leases),
            refused_settles=total(lambda reply: reply.refused_settles),
            refused_rings=total(lambda reply: reply.refused_rings),
            unreadable_claims=total(lambda reply: reply.unreadable_claims),
            ended={reason: sum(counts) for reason, *counts in zip(Reason, *(it.ended for it in replies), strict=True)},
            skipped=Skipped(*map(sum, zip(*(it.skipped for it in replies), strict=True))),
        )

    def _tried_before(self, replies: Sequence[StatsReply]) -> int | None:
        """All that have progress, but for those that are not scheduled; what moves between the calls can be missed."""
        found = 0
        for partition, it in enumerate(replies):
            with_progress = self._hlen.ask(partial(self._size, keys.progress(partition)))
            if with_progress is None:
                return None
            found += max(0, with_progress - it.delivering - it.delivered - it.failed - it.cancelled)
        return found

    def _size(self, name: str) -> int:
        found: Any = self._link.server_of(name).client.hlen(name)
        return int(found)

    def _stats(self, partition: int) -> StatsReply:
        """stats.lua's reply, with all that waits behind more destinations than one call counts."""
        reply = StatsReply(*self._link.run("stats", partition, [len(Reason), *Reason, *Skipped._fields]))
        more = waiting_beyond(self._link, partition, reply.destinations)
        return reply._replace(scheduled=reply.scheduled + more, overdue=reply.overdue + more)


def _percentile(ordered: Sequence[int], percent: int) -> int | None:
    """Nearest rank."""
    return ordered[ceil_div(len(ordered) * percent, 100) - 1] if ordered else None
