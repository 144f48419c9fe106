"""The poller's side of the store: claim, renew, release, settle."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from scheduler.claim import Claim, Settlement
from scheduler.clock import StoreClock
from scheduler.errors import HalfDone, StoreUnavailable
from scheduler.holds.breaker import Answered
from scheduler.holds.sums import Sum
from scheduler.store import keys
from scheduler.store.claim_row import ClaimRow
from scheduler.store.claiming import Claiming, ClaimWords
from scheduler.store.each_alone import EachAlone, SentEachAlone, run_each_alone
from scheduler.store.held import Held
from scheduler.store.layout import VIRTUAL
from scheduler.store.link import Link
from scheduler.store.memory import StoreMemory
from scheduler.store.observing import last_answered, report
from scheduler.store.peeking import Peeked, Peeking
from scheduler.store.permissions import Permissions
from scheduler.store.permits import Permits
from scheduler.store.progress import read_progress
from scheduler.store.reading import log_unreadable
from scheduler.store.room import BATCH, Load, Permitted, Room
from scheduler.store.rules import Rules
from scheduler.store.settle_words import settle_words
from scheduler.store.taking import Batch, Taking
from scheduler.store.unread_limit import UnreadLimit
from scheduler.timer import Attempt, Outcome

#: Until a timer that could not be read is looked at again.
_UNREADABLE_WAIT_MS = 60_000

T = TypeVar("T")
R = TypeVar("R")

log = logging.getLogger(__name__)


_UNLIMITED = Room()
_UNSAID = Load()


class Claims:
    """Claims due timers, renews, releases and settles claims. Used by one poller's thread; owns nothing to close.

    Every call is repeatable: made again after a lost reply, it changes nothing more. Each raises StoreUnavailable; then
    part of it may have been done.
    """

    def __init__(
        self,
        link: Link,
        *,
        poller: str,
        share: int,
        lease_ms: int,
        keep_delivered_ms: int,
        keep_failed_ms: int,
        keep_finished: int,
        unread_most: int = 0,
        max_bytes: int = 0,
    ) -> None:
        """`unread_most`: see UnreadLimit; `max_bytes`: that the store may hold."""
        self._link = link
        self._poller = poller
        self._lease_ms = lease_ms
        self._keep_delivered_ms = keep_delivered_ms
        self._keep_failed_ms = keep_failed_ms
        #: Rotates, so that no partition is always last.
        self._first_partition = 0
        self._permissions = Permissions(link, lease_ms)
        self._memory = StoreMemory(link)
        self.clock = StoreClock()
        #: What is held, as the last call has told.
        self.held = Held(link, self.clock)
        #: What holds destinations, and leave to send to them all the same.
        self.rules = Rules(link)
        self.permits = Permits(link, poller=poller, lease_ms=lease_ms)
        said = ClaimWords(poller, share, lease_ms, keep_failed_ms, keep_finished, UnreadLimit(unread_most, max_bytes))
        self._claiming = Claiming(link, said, self._permissions, self._memory, self._took, self._put_off)
        self._peeking = Peeking(link, said, self._permissions, self._claiming.open, self._took)

    def claim(
        self,
        limit: int,
        saturated: Collection[str] = (),
        room: Room = _UNLIMITED,
        load: Load = _UNSAID,
        permits: Sequence[Permitted] = (),
        partitions: Sequence[int] | None = None,
    ) -> Batch:
        """Take up to `limit` due timers: none of the tags in `saturated`, of no other more than there is room for; and
        of a destination that is held as many as there are permits.

        `partitions`: from these, in this order, from each a part of the limit if nothing holds any back; None: from
        all, each what those before it have left. Where a server is away, the others are asked all the same. Raises
        StoreUnavailable if none answers.
        """
        if partitions is not None:
            return self.send_claim(limit, saturated, room, load, permits, partitions)()
        taking = Taking(limit, saturated, room, load, permits)
        count = self._link.partitions
        self._first_partition = (self._first_partition + 1) % count
        return self._claiming.claim_in_turns([(self._first_partition + it) % count for it in range(count)], taking)

    def send_claim(
        self,
        limit: int,
        saturated: Collection[str],
        room: Room,
        load: Load,
        permits: Sequence[Permitted],
        partitions: Sequence[int],
    ) -> Callable[[], Batch]:
        """The same, sent now if it is from one partition; what is returned is to be called once, before anything else
        is claimed, and reads what it has brought. Both raise StoreUnavailable."""
        return self._claiming.send(partitions, Taking(limit, saturated, room, load, permits))

    def peek(self, partitions: Sequence[int], load: Load = _UNSAID) -> Peeked:
        """When a claim from these would find something to do, and when a schedule is to be looked at. Of 16 that are
        empty that costs poller and store 0.2 % of a core; to claim and to look at schedules took 1.1. Raises
        StoreUnavailable if no server answers."""
        return self._peeking.peek(partitions, load)

    @property
    def partitions(self) -> int:
        return self._link.partitions

    @property
    def unanswered(self) -> bool:
        """Whether a claim was sent whose reply never came: the store may hold timers for us that we do not know of."""
        return bool(self._claiming.open)

    def recall(self, load: Load = _UNSAID) -> list[Claim]:
        """The timers of unanswered claims, without claiming more."""
        return self._claiming.recall(Taking(0, (), _UNLIMITED, load, ()))

    def renew(self, claims: Sequence[tuple[Claim, int]], load: Load = _UNSAID) -> set[str]:
        """Extend leases to end so many ms from now. Returns the ids that are no longer ours. Raises HalfDone with the
        same, and the claims that are left, where a server is away."""

        def args(share: list[tuple[Claim, int]]) -> list[str | int]:
            words: list[str | int] = [self._lease_ms, self._poller, *load]
            for claim, ms in share:
                words += [claim.id, claim.fence, ms]
            return words

        found = self._each("renew", claims, lambda pair: pair[0].id, args)
        return set(_whole(found, [timer_id.decode() for _, refused in found.done for timer_id in refused]))

    @property
    def clock_is_turned(self) -> bool:
        """By somebody who waits until everything is done that is due by it."""
        return self._link.clock == VIRTUAL

    def end_expired(self) -> bool:
        """End what has expired while it waits for room, which no claim looks at; says whether there may be more."""
        calls = [(it, it, [self._keep_failed_ms, BATCH]) for it in range(self._link.partitions)]
        found = run_each_alone(self._link, "expire", calls)
        found.expect_some(self._link)
        return any(looked == BATCH for _, looked in found.done)

    def release(self, claims: Sequence[Claim]) -> None:
        """Give claims back unsent: due at once for any poller, no attempt counted. Raises HalfDone with those that are
        left where a server is away."""

        def args(share: list[Claim]) -> list[str | int]:
            return [word for claim in share for word in (claim.id, claim.fence)]

        _whole(self._each("release", claims, lambda claim: claim.id, args), [])

    def settle(self, settlements: Sequence[Settlement]) -> list[Settlement]:
        """End claims. Returns those refused, because the claim was no longer ours. Raises HalfDone with the same, and
        with those that are left, where a server is away."""
        return self.send_settle(settlements)()

    def send_settle(self, settlements: Sequence[Settlement]) -> Callable[[], list[Settlement]]:
        """The same, sent now; what is returned is to be called once, and reads who was refused. It raises the same."""
        memory = self._memory.read() if self._permissions.granted else self._memory.last

        def args(share: list[Settlement]) -> list[str | int]:
            words: list[str | int] = [self._keep_delivered_ms, self._keep_failed_ms]
            for settlement in share:
                words += settle_words(settlement, keeps_answer=not memory.is_full)
            return words

        calls = self._calls(settlements, lambda settlement: settlement.timer_id, args)
        sent = SentEachAlone(self._link, "settle", calls)

        def refused() -> list[Settlement]:
            found = self._answered(sent.found())
            codes = [(it, code) for share, codes in found.done for it, code in zip(share, codes, strict=True)]
            return _whole(found, [settlement for settlement, code in codes if code < 0])

        return refused

    def observe(self, sums: Sequence[Sum]) -> None:
        """Add to the sums of destinations what this poller has seen."""
        report(self._link, self._poller, sums)

    def last_answered(self, tag: str) -> Answered | None:
        """By a destination, below 500: as any poller has reported it."""
        return last_answered(self._link, tag, self.clock.now_us() // 1000)

    def _took(self, partition: int, now_us: int, holds: bytes, asked_at: float) -> None:
        """What a claim has told beside timers."""
        self.clock.observe(now_us, partition, asked_at)
        self._memory.read()  # for the next claim: a store that has just answered answers this too
        self.held.told(partition, holds, asked_at)

    def _put_off(self, row: ClaimRow, fence: str) -> None:
        """A timer that this version cannot read: another may, however much later, so it never fails of that."""
        log_unreadable(row.id)
        timer_id, number = row.id.decode(), read_progress(row.progress).attempts or 1
        attempt = Attempt(number=number, outcome=Outcome.RETRYABLE, error="unreadable", poller=self._poller)
        try:
            self.settle([Settlement(timer_id, fence, attempt, retry_ms=_UNREADABLE_WAIT_MS)])
            partition = keys.partition_of(timer_id, self._link.partitions) or 0
            name = keys.counters(partition)
            self._link.ask("HINCRBY", name, lambda client: client.hincrby(name, "unreadable_claims", 1))
        except StoreUnavailable:  # its lease will end; those that were claimed beside it can be sent
            log.warning("timer %s is left to its lease: the store is away", timer_id)

    def _each(
        self,
        script: str,
        items: Sequence[T],
        timer_id: Callable[[T], str],
        args: Callable[[list[T]], Sequence[str | int]],
    ) -> EachAlone[list[T], Any]:
        """Run a script on the timers of each partition. Raises StoreUnavailable if no server answers."""
        return self._answered(run_each_alone(self._link, script, self._calls(items, timer_id, args)))

    def _calls(
        self, items: Sequence[T], timer_id: Callable[[T], str], args: Callable[[list[T]], Sequence[str | int]]
    ) -> list[tuple[int, list[T], Sequence[str | int]]]:
        """Of each partition, with its part of them."""
        batches = keys.batches(items, timer_id, self._link.partitions, BATCH)
        return [(partition, share, args(share)) for partition, share in batches]

    def _answered(self, found: EachAlone[T, Any]) -> EachAlone[T, Any]:
        """What some have answered. Raises StoreUnavailable if no server answers."""
        if found.error is not None:
            self._permissions.doubt()
        found.expect_some(self._link)
        return found


def _whole(found: EachAlone[list[T], Any], answers: list[R]) -> list[R]:
    """The answers. Raises HalfDone with them if some are missing."""
    if found.error is not None:
        raise HalfDone(found.error, answers, [it for _, share in found.left for it in share])
    return answers
