"""Stores new timers, as many in one script call as the store's other callers can wait for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from scheduler.errors import ExpiresTooSoon, KeyTaken, StoreUnavailable, TimerError, TimerTooLarge, TooManyPending
from scheduler.store import keys
from scheduler.store.pending import PendingLimit
from scheduler.store.record import encode
from scheduler.store.script_runner import ScriptRunner
from scheduler.timer import Draft, Timer

#: Timers that one script call takes at most, and bytes of their records: the store serves nobody else meanwhile.
_BATCH, _BATCH_BYTES = 100, 256 * 1024
#: Bytes that take as long to store as to note a key or a tag.
_NAME_BYTES = 500


def set_timers(link: ScriptRunner, pending: PendingLimit, drafts: Sequence[Draft]) -> list[Timer | TimerError]:
    """Each one's timer or refusal, in order. Raises StoreUnavailable; then some may be stored."""
    found: dict[int, Timer | TimerError] = {}
    records: dict[int, bytes] = {}
    done = False
    for number, draft in enumerate(drafts):
        try:
            records[number] = encode(draft.webhook, draft.key, draft.tags)
        except TimerTooLarge as error:
            found[number] = error
    for partition, batch in _batches(link, drafts, records):
        args: list[str | bytes | int] = [pending.of(partition)]
        for number in batch:
            draft = drafts[number]
            when = ("in", draft.delay_ms) if draft.due_at is None else ("at", draft.due_at)
            args += [draft.id, when[0], when[1] or 0, records[number]]
        try:
            reply = link.run("set", partition, args)
        except StoreUnavailable as error:
            error.maybe_done = error.maybe_done or done
            raise
        done = True
        for number, created_at, due_at in zip(batch, reply[::2], reply[1::2], strict=True):
            found[number] = _timer_or_refusal(drafts[number], created_at, due_at)
    return [found[number] for number in range(len(drafts))]


def _batches(
    link: ScriptRunner, drafts: Sequence[Draft], records: Mapping[int, bytes]
) -> Iterator[tuple[int, Collection[int]]]:
    """Numbers of drafts by their partitions, as many at a time as one call takes."""
    for partition, batch in keys.batches(records, lambda number: drafts[number].id, link.partitions, _BATCH):
        part: list[int] = []
        held = 0
        for number in batch:
            draft = drafts[number]
            more = len(records[number]) + _NAME_BYTES * (len(draft.tags) + (draft.key is not None))
            if part and held + more > _BATCH_BYTES:
                yield partition, part
                part, held = [], 0
            part.append(number)
            held += more
        yield partition, part


def _timer_or_refusal(draft: Draft, created_at: int, due_at: int | bytes) -> Timer | TimerError:
    """What set.lua answers for one timer."""
    if created_at == -1:
        assert isinstance(due_at, bytes)
        return KeyTaken(due_at.decode())
    if created_at == -2:
        return TooManyPending("as many timers are pending as TIMER_MAX_PENDING allows")
    if created_at == -3:
        return ExpiresTooSoon(draft.id)
    return draft.stored(created_at, int(due_at))
