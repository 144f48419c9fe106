"""The poller's side of the store: claim, renew, release, settle."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from scheduler.claim import Claim, Settlement, reason_of
from scheduler.clock import StoreClock
from scheduler.errors import StoreUnavailable
from scheduler.holds.breaker import Answered
from scheduler.holds.sums import Sum
from scheduler.rounding import ceil_div
from scheduler.store import keys
from scheduler.store.attempt_record import encode_attempt
from scheduler.store.claim_row import ClaimRow, read_claim
from scheduler.store.held import Held
from scheduler.store.link import Link
from scheduler.store.memory import StoreMemory
from scheduler.store.observing import last_answered, report
from scheduler.store.permissions import Permissions
from scheduler.store.permits import Permits
from scheduler.store.progress import read_progress
from scheduler.store.reading import log_unreadable
from scheduler.store.record import UNREADABLE
from scheduler.store.room import BATCH, SUSPECTS, Load, Permitted, Room, between_blanks
from scheduler.store.rules import Rules
from scheduler.store.unread_limit import UnreadLimit
from scheduler.timer import Attempt, Outcome

#: Until a timer that could not be read is looked at again.
_UNREADABLE_WAIT_MS = 60_000

T = TypeVar("T")

log = logging.getLogger(__name__)


_NONE: Mapping[str, int] = MappingProxyType({})
_UNLIMITED = Room()
_UNSAID = Load()


class Batch(NamedTuple):
    """What one claim brought, and the seconds until the next should be made (0: now; None: nothing is scheduled)."""

    claims: list[Claim]
    next_due: float | None
    #: Held destinations whose permits may be asked for, by their tags: how many due timers wait there.
    ready: Mapping[str, int] = _NONE


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
        self._share = share
        self._lease_ms = lease_ms
        self._keep_delivered_ms = keep_delivered_ms
        self._keep_failed_ms = keep_failed_ms
        self._keep_finished = keep_finished
        self._unread_limit = UnreadLimit(unread_most, max_bytes)
        #: Per partition the id and moment of a claim whose reply was lost: it is asked for again before anything new.
        self._unanswered: dict[int, tuple[str, float]] = {}
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

    def claim(
        self,
        limit: int,
        saturated: Collection[str] = (),
        room: Room = _UNLIMITED,
        load: Load = _UNSAID,
        permits: Sequence[Permitted] = (),
    ) -> Batch:
        """Take up to `limit` due timers: none of the tags in `saturated`, of no other more than there is room for; and
        of a destination that is held as many as there are permits."""
        self._permissions.check()
        batch = Batch([], None)
        count = self._link.partitions
        self._first_partition = (self._first_partition + 1) % count
        for offset in range(count):
            try:
                more = self._claim_from((self._first_partition + offset) % count, limit, saturated, room, load, permits)
            except StoreUnavailable:
                if batch.claims:
                    return batch._replace(next_due=0.0)
                raise
            limit -= len(more.claims)
            load = load._replace(in_flight=load.in_flight + len(more.claims))
            waits = [wait for wait in (batch.next_due, more.next_due) if wait is not None]
            batch = Batch(batch.claims + more.claims, min(waits, default=None), _sums(batch.ready, more.ready))
            if limit <= 0:
                return batch._replace(next_due=0.0)
            if not more.claims:
                continue
            room = room.without(more.claims)
            permits = [it.without(more.claims) for it in permits]
            if any(claim.suspect for claim in more.claims):
                saturated = {*saturated, SUSPECTS}
        return batch

    @property
    def unanswered(self) -> bool:
        """Whether a claim was sent whose reply never came: the store may hold timers for us that we do not know of."""
        return bool(self._unanswered)

    def recall(self, load: Load = _UNSAID) -> list[Claim]:
        """The timers of unanswered claims, without claiming more."""
        found: list[Claim] = []
        for partition in list(self._unanswered):
            try:
                found += self._claim_from(partition, 0, (), _UNLIMITED, load, ()).claims
            except StoreUnavailable:
                if found:  # what is known by now has to be given back; the rest can be asked for again
                    break
                raise
        return found

    def renew(self, claims: Sequence[tuple[Claim, int]], load: Load = _UNSAID) -> set[str]:
        """Extend leases to end so many ms from now. Returns the ids that are no longer ours."""
        refused: set[str] = set()
        for partition, share in self._batches(claims, lambda pair: pair[0].id):
            args: list[str | int] = [self._lease_ms, self._poller, *load]
            for claim, ms in share:
                args += [claim.id, claim.fence, ms]
            refused |= {timer_id.decode() for timer_id in self._run("renew", partition, args)}
        return refused

    def end_expired(self) -> bool:
        """End what has expired while it waits for room, which no claim looks at; says whether there may be more."""
        looked: list[int] = [
            self._run("expire", it, [self._keep_failed_ms, BATCH]) for it in range(self._link.partitions)
        ]
        return max(looked) == BATCH

    def release(self, claims: Sequence[Claim]) -> None:
        """Give claims back unsent: due at once for any poller, no attempt counted."""
        for partition, share in self._batches(claims, lambda claim: claim.id):
            self._run("release", partition, [word for claim in share for word in (claim.id, claim.fence)])

    def settle(self, settlements: Sequence[Settlement]) -> list[Settlement]:
        """End claims. Returns those refused, because the claim was no longer ours."""
        refused: list[Settlement] = []
        for partition, share in self._batches(settlements, lambda settlement: settlement.timer_id):
            memory = self._memory.read() if self._permissions.granted else self._memory.last
            args: list[str | int] = [self._keep_delivered_ms, self._keep_failed_ms]
            for settlement in share:
                args += _settle_args(settlement, keeps_answer=not memory.is_full)
            codes = self._run("settle", partition, args)
            refused += [settlement for settlement, code in zip(share, codes, strict=True) if code < 0]
        return refused

    def observe(self, sums: Sequence[Sum]) -> None:
        """Add to the sums of destinations what this poller has seen."""
        report(self._link, self._poller, sums)

    def last_answered(self, tag: str) -> Answered | None:
        """By a destination, below 500: as any poller has reported it."""
        return last_answered(self._link, tag, self.clock.now_us() // 1000)

    def _run(self, script: str, partition: int, args: Sequence[str | int]) -> Any:
        try:
            return self._link.run(script, partition, args)
        except StoreUnavailable:
            self._permissions.doubt()
            raise

    def _claim_from(
        self,
        partition: int,
        limit: int,
        saturated: Collection[str],
        room: Room,
        load: Load,
        permits: Sequence[Permitted],
    ) -> Batch:
        fresh = (secrets.token_urlsafe(12), time.monotonic())
        was_unanswered = partition in self._unanswered
        fence, claimed_at = self._unanswered.setdefault(partition, fresh)
        args: list[str | int] = [
            self._poller,
            fence,
            min(limit, BATCH),
            self._share if room.share is None else room.share,
            self._lease_ms,
            self._keep_failed_ms,
            ceil_div(self._keep_finished, self._link.partitions),
            *room.words(saturated),
            *load,
            between_blanks([it.word for it in permits]),
            self._unread_limit.of(self._memory.last, self._link.partitions),
        ]
        asked_at = time.monotonic()
        try:
            reply = self._run("claim", partition, args)
        except StoreUnavailable as error:
            if not (was_unanswered or error.maybe_done):
                del self._unanswered[partition]
            raise
        del self._unanswered[partition]
        values = iter(reply)
        now_us, wait_us, holds, ready = next(values), next(values), next(values), next(values)
        self.clock.observe(now_us)
        self._memory.read()  # for the next claim: a store that has just answered answers this too
        self.held.told(partition, holds, asked_at)
        claims = self._read_claims(values, fence, claimed_at, now_us)
        return Batch(claims, None if wait_us < 0 else wait_us / 1_000_000, _read_ready(ready) if ready else _NONE)

    def _read_claims(self, values: Iterator[Any], fence: str, claimed_at: float, now_us: int) -> list[Claim]:
        claims = []
        for row in zip(*[values] * len(ClaimRow._fields), strict=True):
            try:
                claims.append(read_claim(fence, claimed_at, now_us, row))
            except UNREADABLE:
                self._put_off(ClaimRow(*row), fence)
        return claims

    def _put_off(self, row: ClaimRow, fence: str) -> None:
        """A timer that this version cannot read: another may, however much later, so it never fails of that."""
        log_unreadable(row.id)
        timer_id, number = row.id.decode(), read_progress(row.progress).attempts or 1
        attempt = Attempt(number=number, outcome=Outcome.RETRYABLE, error="unreadable", poller=self._poller)
        try:
            self.settle([Settlement(timer_id, fence, attempt, retry_ms=_UNREADABLE_WAIT_MS)])
            partition = keys.partition_of(timer_id, self._link.partitions) or 0
            with self._link.translated("HINCRBY"):
                self._link.client.hincrby(keys.counters(partition), "unreadable_claims", 1)
        except StoreUnavailable:  # its lease will end; those that were claimed beside it can be sent
            log.warning("timer %s is left to its lease: the store is away", timer_id)

    def _batches(self, items: Sequence[T], timer_id: Callable[[T], str]) -> Iterator[tuple[int, list[T]]]:
        return keys.batches(items, timer_id, self._link.partitions, BATCH)


def _read_ready(values: Sequence[Any]) -> Mapping[str, int]:
    return {tag.decode(): count for tag, count in zip(*[iter(values)] * 2, strict=True)}


def _sums(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    if not (one and other):
        return one or other
    return {tag: one.get(tag, 0) + other.get(tag, 0) for tag in {**one, **other}}


def _settle_args(settlement: Settlement, *, keeps_answer: bool) -> list[str | int]:
    """A full store keeps no answer's text."""
    attempt, text = encode_attempt(settlement.attempt)
    reschedule, ms = settlement.reschedule, settlement.retry_ms
    if ms is not None:
        verdict = "retry"
    elif reschedule is None:
        verdict = settlement.reason or reason_of(settlement.attempt.outcome, settlement.attempt.error)
    elif reschedule.due_at is not None:
        verdict, ms = "at", reschedule.due_at
    else:
        verdict, ms = "in", reschedule.delay_ms
    lateness = settlement.attempt.lateness_ms
    return [
        settlement.timer_id,
        settlement.fence,
        verdict,
        ms or 0,
        "" if lateness is None else lateness,
        attempt + text if keeps_answer else attempt,
    ]
