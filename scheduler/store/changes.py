"""Changes of a scheduled timer: read, merged by the caller, written by compare-and-set."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scheduler.errors import (
    AlreadySent,
    ExpiresTooSoon,
    KeyTaken,
    LaterFormat,
    StoreUnavailable,
    UnknownTimer,
    WrongState,
)
from scheduler.store import keys
from scheduler.store.record import encode, unknown
from scheduler.store.script_runner import ScriptRunner
from scheduler.store.timers import Timers
from scheduler.timer import Draft, Status, Timer, Webhook

#: Times a change is begun anew because the timer was changed meanwhile: of 50 clients that put one key at once, every
#: twentieth needs more than ten.
_TRIES = 200
#: What a receiver gets to see of a webhook.
_SENT = ("url", "method", "headers", "body", "body_is_json")


class Changes:
    """Changes timers that wait, under their id or their key. Shared by threads; owns nothing to close.

    Both calls can be made again after a lost reply. Each raises StoreUnavailable, also where others change the same
    timer all the time; TimerTooLarge, ExpiresTooSoon, StoreNearCapacity, or LaterFormat.
    """

    def __init__(self, link: ScriptRunner, timers: Timers, *, keep_cancelled_ms: int) -> None:
        self._link = link
        self._timers = timers
        self._keep_cancelled_ms = keep_cancelled_ms

    def over(self, runner: ScriptRunner) -> Changes:
        """The same, its scripts run by another."""
        return Changes(runner, self._timers.over(runner), keep_cancelled_ms=self._keep_cancelled_ms)

    def change(self, timer_id: str, merge: Callable[[Timer], Draft]) -> Timer:
        """Rewrite a timer as `merge` says; a draft with neither due_at nor delay_ms leaves it due when it is.

        Its key stays. Raises UnknownTimer, WrongState unless it is scheduled, or AlreadySent if an attempt of this
        occurrence was made and what is sent would change.
        """
        due_at: int | None = None
        for _ in range(_TRIES):
            timer, before = self._timers.read(timer_id)
            if timer.status is not Status.SCHEDULED:
                raise WrongState(timer.id, timer.status)
            draft = merge(timer)
            # A delay counts from the first look at the timer, so that a repeat changes nothing.
            due_at = due_at or _due_at(draft, timer)
            if timer.occurrence_attempts and _differs(timer.webhook, draft.webhook):
                raise AlreadySent(timer.id)
            _expect_time(timer, draft, due_at)
            if self._write(timer, before, draft, due_at):
                return self._timers.get(timer_id)
        raise _changing_all_the_time()

    def put(self, key: str, draft: Draft) -> tuple[Timer, bool]:
        """The unfinished timer with this key becomes as the draft says, under the same id unless it has been sent
        something else. Returns it, and whether it is new. Raises WrongState while it is being delivered.
        """
        due_at: int | None = None
        for _ in range(_TRIES):
            try:
                timer, before = self._timers.read(self._timers.find(key))
            except UnknownTimer:
                try:
                    return self._timers.set(draft)[0], True
                except KeyTaken:
                    continue
            if timer.status is Status.DELIVERING:
                raise WrongState(timer.id, timer.status)
            if timer.status is not Status.SCHEDULED:  # it has ended since it was found
                continue
            due_at = due_at or _due_at(draft, timer)
            assert due_at is not None
            _expect_time(timer, draft, due_at)
            if timer.occurrence_attempts and _differs(timer.webhook, draft.webhook):
                if self._supersede(timer, before, draft, due_at):
                    return self._timers.get(draft.id), True
            elif self._write(timer, before, draft, due_at):
                return self._timers.get(timer.id), False
        raise _changing_all_the_time()

    def _write(self, timer: Timer, before: bytes, draft: Draft, due_at: int | None) -> bool:
        """False if the timer is no longer as it was read."""
        # A key says where its timer is looked up: it is never changed.
        record = encode(draft.webhook, timer.key, draft.tags, unknown(before))
        if len(record) > len(before):
            self._timers.capacity.check()
        due = "" if due_at is None else due_at
        return self._run("change", timer.id, [timer.id, before, timer.attempts, record, due]) == "done"

    def _supersede(self, timer: Timer, before: bytes, draft: Draft, due_at: int) -> bool:
        """False if the timer is no longer as it was read."""
        self._timers.capacity.check()
        record = encode(draft.webhook, draft.key, draft.tags, unknown(before))
        answer = self._run(
            "supersede", timer.id, [timer.id, timer.attempts, self._keep_cancelled_ms, draft.id, due_at, record]
        )
        return answer == "done"

    def _run(self, script: str, timer_id: str, args: Sequence[str | int | bytes]) -> str:
        partition = keys.partition_of(timer_id, self._link.partitions) or 0
        answer: bytes = self._link.run(script, partition, args)
        word, _, what = answer.decode().partition(" ")
        if word == "format":
            raise LaterFormat(timer_id, int(what))
        return word


def _due_at(draft: Draft, timer: Timer) -> int | None:
    """The moment that a draft asks for, by the clock that the timer was read by; one in the past means now."""
    if draft.due_at is not None:
        return max(timer.read_at, draft.due_at)
    return None if draft.delay_ms is None else timer.read_at + draft.delay_ms


def _expect_time(timer: Timer, draft: Draft, due_at: int | None) -> None:
    """Raises ExpiresTooSoon for what is asked for now; what was asked for before stands, however late it is by now."""
    expires_at = draft.webhook.expires_at
    if expires_at is None or (expires_at == timer.webhook.expires_at and due_at is None):
        return
    if expires_at <= max(timer.read_at, due_at or timer.due_at):
        raise ExpiresTooSoon(timer.id)


def _differs(one: Webhook, other: Webhook) -> bool:
    """Whether a receiver could tell them apart: it drops repeats of a webhook-id, whatever they hold."""
    return any(getattr(one, name) != getattr(other, name) for name in _SENT)


def _changing_all_the_time() -> StoreUnavailable:
    return StoreUnavailable("this timer is being changed by others all the time")
