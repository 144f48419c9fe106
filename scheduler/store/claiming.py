"""One claim from several partitions: in turns, or at once where nothing is held back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from scheduler.claim import Claim
from scheduler.errors import StoreUnavailable
from scheduler.rounding import ceil_div
from scheduler.store.claim_row import ClaimRow, read_claim
from scheduler.store.each_alone import EachAlone, each_alone, run_each_alone
from scheduler.store.link import Link
from scheduler.store.memory import StoreMemory
from scheduler.store.open_claims import OpenClaims
from scheduler.store.permissions import Permissions
from scheduler.store.record import UNREADABLE
from scheduler.store.room import BATCH, between_blanks
from scheduler.store.taking import NOTHING, Batch, Taking
from scheduler.store.unread_limit import UnreadLimit


class ClaimWords(NamedTuple):
    """What all claims of a poller say."""

    poller: str
    share: int
    lease_ms: int
    keep_failed_ms: int
    keep_finished: int
    unread_limit: UnreadLimit


class Claiming:
    """Used by one poller's thread. Where a server is away, the others are asked all the same."""

    def __init__(
        self,
        link: Link,
        said: ClaimWords,
        permissions: Permissions,
        memory: StoreMemory,
        told: Callable[[int, int, bytes, float], None],
        put_off: Callable[[ClaimRow, str], None],
    ) -> None:
        """`told` is called with each answer's partition, us of its clock and `holds`, and with when it was asked, in
        seconds of the monotonic clock; `put_off` with a timer that this version cannot read, and the claim's id."""
        self._link = link
        self._said = said
        self._permissions = permissions
        self._memory = memory
        self._told = told
        self._put_off = put_off
        self.open = OpenClaims()

    def send(self, partitions: Sequence[int], taking: Taking) -> Callable[[], Batch]:
        """A claim from these partitions, in this order. It is sent now if they are one, else once what is returned is
        called, which reads what it brings; to be called once. Both raise StoreUnavailable if no server answers."""
        if len(partitions) != 1:
            return lambda: self._claim(partitions, taking)
        self._permissions.check(partitions[0])
        take = self._send_to(partitions[0], taking)

        def read() -> Batch:
            take()
            return taking.batch(is_whole=True)

        return read

    def _claim(self, partitions: Sequence[int], taking: Taking) -> Batch:
        if not (taking.is_free and 1 < len(partitions) <= taking.limit):
            return self.claim_in_turns(partitions, taking)
        return self._batch(self._take_at_once(partitions, taking), taking)

    def claim_in_turns(self, partitions: Sequence[int], taking: Taking) -> Batch:
        """From each what those before it have left room for. Raises StoreUnavailable if no server answers."""

        def take(partition: int, _: int) -> None:
            if taking.is_over:
                taking.skip(partition)
                return
            self._permissions.check(partition)
            self._take_from(partition, taking)

        return self._batch(each_alone(self._link, [(it, it) for it in partitions], take), taking)

    def recall(self, taking: Taking) -> list[Claim]:
        """The timers of claims that were not answered. Raises StoreUnavailable if no server answers."""
        asked = [(it, it) for it in self.open.partitions]
        found = each_alone(self._link, asked, lambda partition, _: self._take_from(partition, taking))
        if not taking.claims:  # what is known by now has to be given back; the rest can be asked for again
            found.expect_some(self._link)
        return taking.claims

    def _batch(self, found: EachAlone[int, Any], taking: Taking) -> Batch:
        if not taking.claims:
            found.expect_some(self._link)
        return taking.batch(is_whole=not found.left)

    def _take_at_once(self, partitions: Sequence[int], taking: Taking) -> EachAlone[int, Any]:
        """From each its part of the room, in one round trip a server."""
        allowed = each_alone(self._link, [(it, it) for it in partitions], lambda it, _: self._permissions.check(it))
        asked = [partition for partition, _ in allowed.done]
        if not asked:
            return allowed
        parts = taking.parts(len(asked))
        calls = [(it, it, self._claim_args(it, part)) for it, part in zip(asked, parts, strict=True)]
        asked_at = time.monotonic()
        found = run_each_alone(self._link, "claim", calls)
        for partition, reply in found.done:
            self._took(partition, reply, taking, asked_at)
        for partition, _ in found.left:
            error = found.errors.get(partition)
            self.open.failed(partition, maybe_done=error is not None and error.maybe_done)
            self._permissions.doubt()
        found.join(allowed)
        return found

    def _take_from(self, partition: int, taking: Taking) -> None:
        self._send_to(partition, taking)()

    def _send_to(self, partition: int, taking: Taking) -> Callable[[], None]:
        asked_at = time.monotonic()
        answers = self._link.send_each("claim", [(partition, self._claim_args(partition, taking))])

        def take() -> None:
            (reply,) = answers()
            if isinstance(reply, StoreUnavailable):
                self.open.failed(partition, maybe_done=reply.maybe_done)
                self._permissions.doubt()
                raise reply
            self._took(partition, reply, taking, asked_at)

        return take

    def _claim_args(self, partition: int, taking: Taking) -> list[str | int]:
        said, room = self._said, taking.room
        return [
            said.poller,
            self.open.begin(partition),
            min(taking.limit, BATCH),
            said.share if room.share is None else room.share,
            said.lease_ms,
            said.keep_failed_ms,
            ceil_div(said.keep_finished, self._link.partitions),
            *room.words(taking.saturated),
            *taking.load,
            between_blanks([it.word for it in taking.permits]),
            said.unread_limit.of(self._memory.last, self._link.partitions),
        ]

    def _took(self, partition: int, reply: Sequence[Any], taking: Taking, asked_at: float) -> None:
        fence, claimed_at = self.open.answered(partition)
        values = iter(reply)
        now_us, wait_us, holds, ready = next(values), next(values), next(values), next(values)
        self._told(partition, now_us, holds, asked_at)
        claims = self._read_claims(values, fence, claimed_at, partition, now_us)
        wait = None if wait_us < 0 else wait_us / 1_000_000
        taking.add(partition, claims, wait, _read_ready(ready) if ready else NOTHING)

    def _read_claims(
        self, values: Iterator[Any], fence: str, claimed_at: float, partition: int, now_us: int
    ) -> list[Claim]:
        claims = []
        for row in zip(*[values] * len(ClaimRow._fields), strict=True):
            try:
                claims.append(read_claim(fence, claimed_at, partition, now_us, row))
            except UNREADABLE:
                self._put_off(ClaimRow(*row), fence)
        return claims


def _read_ready(values: Sequence[Any]) -> Mapping[str, int]:
    return {tag.decode(): count for tag, count in zip(*[iter(values)] * 2, strict=True)}
