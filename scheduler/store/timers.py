"""The API's side of the store: schedule, get, cancel, stats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scheduler.errors import UnknownTimer, WrongState
from scheduler.store import keys
from scheduler.store.link import Link
from scheduler.store.record import decode, decode_attempt, encode
from scheduler.timer import Attempt, Draft, Stats, Status, Timer


class Timers:
    def __init__(self, link: Link, *, keep_cancelled_ms: int) -> None:
        self._link = link
        self._keep_cancelled_ms = keep_cancelled_ms

    def new_id(self) -> str:
        return keys.new_id(self._link.partitions)

    def schedule(self, *drafts: Draft) -> list[Timer]:
        """Store timers durably, in one round trip a partition. Repeated, it answers what stands."""
        timers: dict[str, Timer] = {}
        for partition, share in self._by_partition(drafts).items():
            args: list[str | bytes | int] = []
            for draft in share:
                when = ("in", draft.delay_ms) if draft.due_at is None else ("at", draft.due_at)
                args += [draft.id, when[0], when[1] or 0, encode(draft.webhook)]
            reply = self._link.run("schedule", partition, args)
            for draft, created_at, due_at in zip(share, reply[::2], reply[1::2], strict=True):
                timers[draft.id] = Timer(
                    id=draft.id,
                    webhook=draft.webhook,
                    status=Status.SCHEDULED,
                    created_at=created_at,
                    due_at=due_at,
                    read_at=created_at,
                )
        return [timers[draft.id] for draft in drafts]

    def get(self, timer_id: str) -> Timer:
        """Raises UnknownTimer."""
        now, status, record, due_at, planned_at, attempts, *last = self._read(timer_id, 1)
        created_at, _, webhook = decode(record)
        waits_for_retry = status == b"scheduled" and attempts > 0 and planned_at != due_at
        return Timer(
            id=timer_id,
            webhook=webhook,
            status=Status(status.decode()),
            created_at=created_at,
            due_at=due_at,
            read_at=now,
            attempts=attempts,
            last_attempt=decode_attempt(last[0]) if last else None,
            next_attempt_at=planned_at if waits_for_retry else None,
        )

    def attempts(self, timer_id: str) -> list[Attempt]:
        """The last ten attempts that have ended, oldest first. Raises UnknownTimer."""
        return [decode_attempt(raw) for raw in self._read(timer_id, 10)[6:]]

    def cancel(self, timer_id: str) -> None:
        """Withdraw a timer; done already is done.

        Raises UnknownTimer, or WrongState once a poller has it or it has ended.
        """
        status = self._link.run("cancel", self._partition(timer_id), [timer_id, self._keep_cancelled_ms])
        if status is None:
            raise UnknownTimer(timer_id)
        if status != b"cancelled":
            raise WrongState(timer_id, status.decode())

    def stats(self) -> Stats:
        replies = [self._link.run("stats", partition) for partition in range(self._link.partitions)]
        scheduled, overdue, delivering, delivered, failed, cancelled, waiting, lost, refused = (
            sum(reply[i] for reply in replies) for i in (*range(1, 7), 8, 10, 11)
        )
        oldest = max((reply[0] - reply[7] for reply in replies if reply[7] >= 0), default=0)
        expired = max((reply[0] - reply[9] for reply in replies if reply[9] >= 0), default=0)
        lateness = sorted(ms for reply in replies for ms in reply[12:])
        return Stats(
            scheduled=scheduled,
            overdue=overdue,
            delivering=delivering,
            delivered=delivered,
            failed=failed,
            cancelled=cancelled,
            oldest_overdue_ms=max(0, oldest),
            lateness_p50_ms=_percentile(lateness, 50),
            lateness_p99_ms=_percentile(lateness, 99),
            waiting_destinations=waiting,
            oldest_expired_lease_ms=max(0, expired),
            lost_leases=lost,
            refused_settles=refused,
        )

    def _read(self, timer_id: str, attempts: int) -> Any:
        reply = self._link.run("read", self._partition(timer_id), [timer_id, attempts])
        if reply is None:
            raise UnknownTimer(timer_id)
        return reply

    def _partition(self, timer_id: str) -> int:
        partition = keys.partition_of(timer_id, self._link.partitions)
        if partition is None:
            raise UnknownTimer(timer_id)
        return partition

    def _by_partition(self, drafts: Sequence[Draft]) -> dict[int, list[Draft]]:
        shares: dict[int, list[Draft]] = {}
        for draft in drafts:
            shares.setdefault(self._partition(draft.id), []).append(draft)
        return shares


def _percentile(ordered: Sequence[int], percent: int) -> int | None:
    """Nearest rank."""
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else None
