"""What a poller asks partitions of which nothing is known to be due: whether there is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from scheduler.rounding import ceil_div
from scheduler.store.claiming import ClaimWords
from scheduler.store.each_alone import each_alone, run_each_alone
from scheduler.store.link import Link
from scheduler.store.open_claims import OpenClaims
from scheduler.store.permissions import Permissions
from scheduler.store.room import Load


class Peeked(NamedTuple):
    """Seconds by partition, of those that have answered; 0: now."""

    #: Until a claim finds something to do; None: nothing is scheduled.
    waits: Mapping[int, float | None]
    #: Until a schedule is to be looked at; None: none is.
    planned: Mapping[int, float | None]


class Peeking:
    """Used by one poller's thread. Where a server is away, the others are asked all the same."""

    def __init__(
        self,
        link: Link,
        said: ClaimWords,
        permissions: Permissions,
        unanswered: OpenClaims,
        told: Callable[[int, int, bytes, float], None],
    ) -> None:
        """`unanswered`: claims that are to be made again. `told`: as Claiming has it."""
        self._link = link
        self._said = said
        self._permissions = permissions
        self._unanswered = unanswered
        self._told = told

    def peek(self, partitions: Sequence[int], load: Load) -> Peeked:
        """Of these partitions. Raises StoreUnavailable if no server answers."""
        waits: dict[int, float | None] = {it: 0.0 for it in partitions if it in self._unanswered.partitions}
        planned: dict[int, float | None] = {}
        asked = [(it, it) for it in partitions if it not in waits]
        allowed = each_alone(self._link, asked, lambda partition, _: self._permissions.check(partition))
        kept = ceil_div(self._said.keep_finished, self._link.partitions)
        args: list[str | int] = [self._said.poller, self._said.lease_ms, kept, *load]
        asked_at = time.monotonic()
        found = run_each_alone(self._link, "peek", [(it, it, args) for it, _ in allowed.done])
        found.join(allowed)
        if found.error is not None:
            self._permissions.doubt()
        found.expect_some(self._link)
        for partition, (now_us, wait_us, holds, planned_us) in found.done:
            self._told(partition, now_us, holds, asked_at)
            waits[partition] = _seconds(wait_us)
            planned[partition] = _seconds(planned_us)
        return Peeked(waits, planned)


def _seconds(us: int) -> float | None:
    return None if us < 0 else us / 1_000_000
