"""The API's side of the store: set, read, cancel, fire and replay timers, and count them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from copy import copy

from scheduler.errors import Expired, KeyTaken, LaterFormat, TimerError, UnknownTimer, WrongState
from scheduler.queries import Stats
from scheduler.store import keys
from scheduler.store.attempt_record import decode_attempts
from scheduler.store.capacity import Capacity
from scheduler.store.link import Link
from scheduler.store.pending import PendingLimit
from scheduler.store.reading import UNREADABLE_WEBHOOK, TimerRow, read_timer
from scheduler.store.record import FORMAT, format_of
from scheduler.store.script_runner import ScriptRunner
from scheduler.store.set_timers import set_timers
from scheduler.store.timer_counts import TimerCounts
from scheduler.timer import Attempt, Draft, Standing, Status, Timer

#: Timers that one script call reads at most: the store serves nobody else meanwhile.
_BATCH = 100
#: The same of timers that are cancelled or replayed: 2 ms if each has ten tags.
_CHANGES = 24
#: The same of timers whose standing is asked for: 2 ms if they have ended, each in the last place that is looked at.
_STANDINGS = 64


class Timers:
    """Sets timers, reads them, ends them early or sends them again. Shared by threads; owns nothing to close.

    Every call is repeatable: made again after a lost reply, it changes nothing more. Each raises StoreUnavailable, and
    TimerError of the kinds that it names.
    """

    def __init__(
        self, link: Link, *, keep_cancelled_ms: int, max_pending: int = 0, capacity: Capacity | None = None
    ) -> None:
        """`max_pending`: timers that may be scheduled or delivering, 0 for any number."""
        self._link: ScriptRunner = link
        #: The bytes that the store may hold.
        self.capacity = capacity or Capacity(link)
        self._keep_cancelled_ms = keep_cancelled_ms
        self._pending = PendingLimit(link, max_pending)
        self._counts = TimerCounts(link)

    def over(self, runner: ScriptRunner) -> Timers:
        """The same, with the same limits, its scripts run by another."""
        twin = copy(self)
        twin._link = runner
        return twin

    def new_id(self, key: str | None = None) -> str:
        """Of a timer with a key in the slot that the key gives, where its key can be looked up."""
        return keys.new_id() if key is None else keys.id_in(keys.slot_of_key(key))

    def id_from(self, seed: bytes, key: str | None = None) -> str:
        """The same, always the same for the same seed and key."""
        return keys.id_from(seed, None if key is None else keys.slot_of_key(key))

    def set(self, *drafts: Draft) -> list[Timer]:
        """Store timers durably. Repeated, it answers what stands. Raises KeyTaken, TooManyPending, ExpiresTooSoon or
        TimerTooLarge for the first that is refused; the others are stored. Raises StoreNearCapacity if nothing may be
        added."""
        timers = []
        for found in self.set_each(drafts):
            if isinstance(found, TimerError):
                raise found
            timers.append(found)
        return timers

    def set_each(self, drafts: Sequence[Draft]) -> list[Timer | TimerError]:
        """The same, for many that stand on their own: each one's timer or refusal, in order."""
        self.capacity.check()
        return set_timers(self._link, self._pending, drafts)

    def get(self, timer_id: str) -> Timer:
        """Raises UnknownTimer."""
        return self._read(timer_id)[0]

    def read(self, timer_id: str) -> tuple[Timer, bytes]:
        """A timer, and its record as it is stored: what a change compares. Raises UnknownTimer, or WrongState for one
        that this version cannot read, and so cannot rewrite; LaterFormat if a later one can."""
        timer, record = self._read(timer_id)
        if timer.webhook is UNREADABLE_WEBHOOK:
            _expect_format(timer_id, record)
            raise WrongState(timer_id, "unreadable")
        return timer, record

    def _read(self, timer_id: str) -> tuple[Timer, bytes]:
        now, _, *values = self._link.run("read", self._partition(timer_id), [timer_id])
        if not values:
            raise UnknownTimer(timer_id)
        row = TimerRow(*values)
        return read_timer(now, row), row.record

    def get_each(self, timer_ids: Iterable[str], most_bytes: int) -> tuple[int, dict[str, Timer]]:
        """When they were read, ms, and those that are known, until so many bytes were read, the last ones more."""
        read_at, left, found = 0, most_bytes, dict[str, Timer]()
        for partition, batch in keys.batches(self._possible(timer_ids), str, self._link.partitions, _BATCH):
            looked = 0
            while looked < len(batch) and left > 0:
                read_at, more, *values = self._link.run("read", partition, batch[looked:])
                looked += more
                for values_of_one in zip(*[iter(values)] * len(TimerRow._fields), strict=True):
                    row = TimerRow(*values_of_one)
                    left -= row.size
                    found[row.id.decode()] = read_timer(read_at, row)
        return read_at, found

    def id_of(self, webhook_id: str) -> str:
        """The id of the timer that a webhook-id belongs to: `<id>`, or from its second occurrence on `<id>-<n>`.

        Raises UnknownTimer for an occurrence that has not come about.
        """
        timer_id, dash, number = webhook_id.partition("-")
        if not dash:
            return webhook_id
        if not re.fullmatch(r"[1-9]\d{0,8}", number, re.ASCII) or not 1 < int(number) <= self.get(timer_id).occurrence:
            raise UnknownTimer(webhook_id)
        return timer_id

    def standings(self, timer_ids: Iterable[str]) -> list[Standing]:
        """How those stand that are known, each once, in any order; without what they hold, which may be much."""
        found = []
        for partition, batch in keys.batches(self._possible(timer_ids), str, self._link.partitions, _STANDINGS):
            reply = self._link.run("stand", partition, batch)
            for timer_id, status, attempts, due in zip(batch, reply[::3], reply[1::3], reply[2::3], strict=True):
                if status:
                    found.append(Standing(timer_id, Status(status.decode()), attempts, int(due)))
        return found

    def callback_of(self, timer: Timer) -> str | None:
        """The id of the timer that tells how this one ended; None where it asked for none, or that is forgotten."""
        webhook = timer.webhook
        if not {Status.DELIVERED: webhook.on_delivered, Status.FAILED: webhook.on_failed}.get(timer.status):
            return None
        made = keys.callback_id(timer.id, timer.occurrence, timer.attempts)
        return made if self.standings([made]) else None

    def find(self, key: str) -> str:
        """The id of the unfinished timer with this key. Raises UnknownTimer."""
        found: bytes | None = self._link.run("find", keys.partition_of_key(key, self._link.partitions), [key])
        if found is None:
            raise UnknownTimer(key)
        return found.decode()

    def attempts(self, timer_id: str) -> list[Attempt]:
        """The last ten attempts that have ended, oldest first. Raises UnknownTimer."""
        found = self._link.run("attempts", self._partition(timer_id), [timer_id])
        if found is None:
            raise UnknownTimer(timer_id)
        return decode_attempts(found)

    def cancel(self, timer_id: str) -> None:
        """Withdraw a timer; done already is done.

        Raises UnknownTimer, or WrongState once a poller has it or it has ended.
        """
        self._partition(timer_id)
        (status,) = self.cancel_each([timer_id])
        _expect(timer_id, status, "cancelled")

    def cancel_each(self, timer_ids: Sequence[str]) -> list[str]:
        """The same for many: the status of each, in order; cancelled is done, '' is unknown."""
        return self._each("cancel", timer_ids, lambda timer_id: [timer_id], [self._keep_cancelled_ms])

    def fire(self, timer: Timer) -> None:
        """Make a scheduled timer due now; one that was attempted since it was read has been.

        Raises UnknownTimer or WrongState.
        """
        status = self._link.run("fire", self._partition(timer.id), [timer.id, timer.attempts]).decode()
        _expect(timer.id, status, "done")

    def replay(self, timer: Timer) -> None:
        """Send a delivered or failed timer once more. Raises UnknownTimer, WrongState, KeyTaken or Expired."""
        if timer.status not in (Status.DELIVERED, Status.FAILED):
            raise WrongState(timer.id, timer.status)
        (status,) = self.replay_each([timer])
        _expect(timer.id, status, "done")

    def replay_each(self, timers: Sequence[Timer | Standing]) -> list[str]:
        """The same for many, each as it was read: 'done', its status ('' is unknown), 'key <id>' of the holder, or
        'expired'."""
        attempts = {timer.id: timer.attempts for timer in timers}
        return self._each("replay", list(attempts), lambda timer_id: [timer_id, attempts[timer_id]])

    def stats(self) -> Stats:
        return self._counts.stats()

    def _each(
        self,
        script: str,
        timer_ids: Sequence[str],
        words: Callable[[str], list[str | int]],
        first: Sequence[str | int] = (),
    ) -> list[str]:
        """Run a script that answers a word for each timer; '' for an id that no timer can have."""
        found = dict.fromkeys(timer_ids, "")
        for partition, batch in keys.batches(self._possible(found), str, self._link.partitions, _CHANGES):
            args = [*first, *(word for timer_id in batch for word in words(timer_id))]
            reply = self._link.run(script, partition, args)
            found.update(zip(batch, (status.decode() for status in reply), strict=True))
        return [found[timer_id] for timer_id in timer_ids]

    def _possible(self, timer_ids: Iterable[str]) -> list[str]:
        """Those that a timer of this store can have, each once."""
        once = dict.fromkeys(timer_ids)
        return [timer_id for timer_id in once if keys.partition_of(timer_id, self._link.partitions) is not None]

    def _partition(self, timer_id: str) -> int:
        partition = keys.partition_of(timer_id, self._link.partitions)
        if partition is None:
            raise UnknownTimer(timer_id)
        return partition


def _expect(timer_id: str, status: str, wanted: str) -> None:
    """Raises UnknownTimer, KeyTaken, LaterFormat, Expired or WrongState for any other word of a script."""
    if status == wanted:
        return
    if not status:
        raise UnknownTimer(timer_id)
    word, _, what = status.partition(" ")
    if word == "key":
        raise KeyTaken(what)
    if word == "format":
        raise LaterFormat(timer_id, int(what))
    if word == "expired":
        raise Expired(timer_id)
    raise WrongState(timer_id, status)


def _expect_format(timer_id: str, record: bytes) -> None:
    """Raises LaterFormat for a record of one."""
    with suppress(ValueError):
        needed = format_of(record.partition(b"\n")[0].decode().split(" "))
        if needed > FORMAT:
            raise LaterFormat(timer_id, needed)
