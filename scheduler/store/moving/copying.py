"""Copies all that the source of a move has into its target, key by key; what stands there already is passed over."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scheduler.store import keys
from scheduler.store.moving.filling import Filling
from scheduler.store.moving.kinds import Key, key_of
from scheduler.store.moving.parts import whole
from scheduler.store.moving.reading import (
    read_rules,
    read_schedules,
    read_strings,
    read_sums,
    read_timers,
    read_told,
)
from scheduler.store.moving.side import Side
from scheduler.store.moving.sums import put_together
from scheduler.store.moving.whole_timer import part_of


class Copying:
    """While nobody changes either store. Raises MoveError."""

    def __init__(self, source: Side, target: Side, move: str, on_timers: Callable[[int], object]) -> None:
        """`on_timers` is called with the number of timers that were looked at since the last call."""
        self._source = source
        self._target = target
        self._move = move
        self._on_timers = on_timers

    def run(self) -> int:
        """One pass over all keys. Returns how many timers, idempotency keys, sessions and rules were not there before:
        after a whole pass there are none."""
        filling = Filling(self._target, self._move)
        for write in read_told(self._source):  # first: whoever waits behind a destination is found by its hold
            for partition in range(self._target.partitions):
                filling.put(whole(partition, *write))
        sums: dict[tuple[int, str], Key] = {}
        rules = 0
        for _, names in self._source.names():
            found: dict[str, list[Key]] = {}
            for name in names:
                key = key_of(name, self._source.partitions)
                found.setdefault(key.kind, []).append(key)
            sums |= {(key.partition, key.rest): key for key in found.get("sums", ())}
            filling.put(read_strings(self._source, found.get("string", ()), self._target.partitions))
            filling.put(read_schedules(self._source, found.get("schedule", ()), self._target.partitions))
            rules += self._put_rules([key.name for key in found.get("rule", ())])
            timers = found.get("timer", ())
            missing = self._missing([key.name for key in timers])
            wanted = [(key.partition, key.name) for key in timers if key.name in missing]
            filling.put(part_of(row, self._target.partitions) for row in read_timers(self._source, wanted))
            filling.write()
            self._on_timers(len(timers))
        filling.put(put_together(read_sums(self._source, list(sums.values())), self._target.partitions))
        filling.write()
        return filling.written + rules

    def _missing(self, ids: Sequence[str]) -> set[str]:
        """Those that the target does not have yet. What is no id is nothing that could be served."""
        shares: dict[int, list[str]] = {}
        for timer_id in ids:
            partition = keys.partition_of(timer_id, self._target.partitions)
            if partition is not None:
                shares.setdefault(partition, []).append(timer_id)
        replies = self._target.run_each("missing", list(shares.items())) if shares else []
        return {timer_id.decode() for reply in replies for timer_id in reply}

    def _put_rules(self, tags: Sequence[str]) -> int:
        link = self._target.link
        calls = list(read_rules(self._source, tags))
        return sum(
            self._target.call(lambda key=key, args=args: link.run_on("put_rule", key, args))  # type: ignore[misc]
            for key, args in calls
        )
