"""Moves a store to another: nobody serves the one any more before the other is filled, and never both."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace

from scheduler.errors import MoveError
from scheduler.settings import Settings
from scheduler.store import layout
from scheduler.store.layout import Layout
from scheduler.store.moving import fences
from scheduler.store.moving.copying import Copying
from scheduler.store.moving.next_step import Step, next_step
from scheduler.store.moving.progress import Moved, MoveProgress
from scheduler.store.moving.side import Side
from scheduler.store.moving.survey import MoveSurvey, look
from scheduler.store.moving.under_way import under_way
from scheduler.store.timer_counts import TimerCounts

#: Seconds for which a store that is away is waited for.
_PATIENCE = 60.0
#: Seconds that a call may take: all of a large hash is read in one.
_TIMEOUT = 10.0
#: Seconds between two looks at what is still under way.
_LOOK = 0.2
#: Passes over all keys, of which the last finds nothing to be copied.
_PASSES = 10


class Move:
    """For one thread. Every call raises MoveError; then nothing is lost, and run() goes on where it was.

    What protects it from sending twice is in docs/operations.md, *Moving to another store*.
    """

    def __init__(
        self,
        settings: Settings,
        target_url: str,
        on_progress: Callable[[MoveProgress], object] = lambda _: None,
        patience: float = _PATIENCE,
    ) -> None:
        """`settings`: with the URL of the source, and the partitions of the target. ValueError for one that is none."""
        settings = replace(settings, store_timeout=max(settings.store_timeout, _TIMEOUT))
        self._source = Side("--from", replace(settings, partitions=0), patience)
        self._target = Side("--to", replace(settings, redis_url=target_url), patience)
        self._on_progress = on_progress
        self._lease_ms = round(1000 * settings.lease)

    @property
    def target(self) -> str:
        """Its URL without user and password."""
        return self._target.where

    def survey(self) -> MoveSurvey:
        """Look at both stores; nothing is done. Raises MoveError where they are none of which one is moved to the
        other, or that has begun."""
        step = self._look()
        if step.do == "nothing":
            raise MoveError("--from: the move has ended; there is nothing to move")
        return look(self._source, self._target)

    def run(self) -> Moved:
        step = self._look()
        if step.do == "nothing":
            return Moved(is_new=False)
        began, timers = time.monotonic(), 0
        if step.do != "open":
            if step.do == "begin" and (refusals := look(self._source, self._target).refusals):
                raise MoveError("; ".join(refusals))
            began = time.monotonic()
            step = Step("go on", self._fence(step.move or secrets.token_hex(8)))
            self._on_progress(MoveProgress("waiting", 0))
            self._close_target(step.move)
            self._wait_for_attempts()
            timers = self._copy(step.move)
            self._decide(step.move)
        self._open_target()
        return Moved(True, timers, time.monotonic() - began)

    def give_up(self) -> bool:
        """Let the source be served again, and remove what was copied. Returns False if the target was not emptied: it
        is away, or not of this move.

        Raises MoveError once the move is decided, or if none has begun.
        """
        first = self._read_source()
        if first.moved and not first.is_moving:
            raise MoveError(f"--from: the move is decided: the store is at {first.moved}; run it to its end instead")
        fences_of = [fences.read(self._source.layout(it)) for it in range(self._source.partitions)]
        moves = {it.move for it in fences_of if it is not None and it.is_moving}
        if not moves:
            raise MoveError("--from: no move of this store has begun")
        for partition in range(self._source.partitions):
            self._source.change_layout(partition, lambda raw, at=partition: self._lifted(raw, at))  # type: ignore[misc]
        try:
            found = [it for it in map(fences.read, self._target.layouts()) if it is not None]
            if any(not it.is_filling or it.move not in moves for it in found):
                return False
            if found:  # else nothing was copied yet
                self._target.remove_all()
        except MoveError:
            return False
        return True

    def close(self) -> None:
        self._source.close()
        self._target.close()

    def _look(self) -> Step:
        """What is to be done next. From now on both know how many partitions they have."""
        first = self._read_source()
        found = [it for it in map(fences.read, self._target.layouts()) if it is not None]
        step = next_step(first, found, self._target.where)
        self._target.link.assume(found[0].partitions if found else self._target.at_birth)
        if not found and any(self._target.names()):
            raise MoveError("--to: the store there is not empty: it has keys named timers:*; empty it first (FLUSHDB)")
        return step

    def _read_source(self) -> Layout:
        raw = self._source.layouts()
        first = next(filter(None, raw), None)
        if first is None:
            raise MoveError("--from: no timer service has used the store there")
        if layout.read(first).clock != layout.REAL:
            raise MoveError("--from: a store with a virtual clock is for tests, and is not moved")
        self._source.refuse_unless_served(first)
        partitions = layout.read(first).partitions
        self._source.link.assume(partitions)
        return layout.read(raw[0] or f"{layout.begins(partitions)}born=0".encode())

    def _fence(self, move: str) -> str:
        """From now on no claim and no write of others is made there. Returns the id: of another run, if that was
        first."""

        def closed(raw: bytes) -> bytes:
            nonlocal move
            stands = fences.read(raw)
            if stands is not None and stands.moved:
                if partition == 0 and stands.move != move:
                    if not stands.is_moving or stands.moved != self._target.where:
                        raise MoveError(f"--from: another run moves the store to {stands.moved} meanwhile")
                    move = stands.move
                if stands.move == move:
                    return raw
            return fences.fenced(raw, self._source.partitions, self._target.where, move)

        for partition in range(self._source.partitions):
            self._source.change_layout(partition, closed)
        return move

    def _close_target(self, move: str) -> None:
        found = [self._source.layout(partition) for partition in range(self._source.partitions)]
        born, partitions = self._target.now_ms(), self._target.partitions
        whole = fences.filling(partitions, born, self._source.where, move, found)

        def closed(raw: bytes) -> bytes:
            stands = fences.read(raw)
            if stands is None:
                return whole
            if not stands.is_filling or stands.move != move:
                raise MoveError("--to: somebody else began to use the store there")
            return raw

        for partition in range(partitions):
            self._target.change_layout(partition, closed)

    def _wait_for_attempts(self) -> None:
        """Until every lease has ended: then nothing that was claimed here will begin to be sent. One that a living
        poller has is renewed long before; so what ended a lease ago is of one that died, or is cut off."""
        while count := under_way(self._source, self._lease_ms):
            self._on_progress(MoveProgress("waiting", count))
            time.sleep(_LOOK)

    def _copy(self, move: str) -> int:
        """Returns how many timers there are."""
        stats = self._source.call(TimerCounts(self._source.link).stats)
        of = stats.scheduled + stats.delivering + stats.delivered + stats.failed + stats.cancelled
        for number in range(_PASSES):
            done = 0

            def note(count: int) -> None:
                nonlocal done
                done += count
                self._on_progress(MoveProgress("checking" if number else "copying", done, max(of, done)))  # noqa: B023

            note(0)
            if Copying(self._source, self._target, move, note).run() == 0:
                return done
        raise MoveError("--from: the store there still changes: who writes to it without asking how it is laid out?")

    def _decide(self, move: str) -> None:
        """From now on the store is the target, whatever becomes of us: the first partition decides."""

        def decided(raw: bytes) -> bytes:
            stands = fences.read(raw)
            if stands is None or stands.move != move:
                raise MoveError("--from: the move was given up meanwhile")
            return fences.moved(raw, there)

        there = ""
        for partition in range(self._target.partitions):  # an empty one would be opened, had it lost all meanwhile
            stands = fences.read(self._target.layout(partition))
            if stands is None or stands.move != move:
                raise MoveError("--to: the store there lost what was copied; run the same command again")
            there = there or stands.born
        for partition in range(self._source.partitions):
            self._source.change_layout(partition, decided)

    def _open_target(self) -> None:
        there = layout.read(self._source.layout(0)).there
        for partition in range(1, self._source.partitions):  # what a run that died had left
            self._source.change_layout(partition, lambda raw: fences.moved(raw, there))
        for partition in range(self._target.partitions):
            self._target.change_layout(partition, fences.opened)

    @staticmethod
    def _lifted(raw: bytes, partition: int) -> bytes:
        stands = fences.read(raw)
        if partition == 0 and stands is not None and stands.moved and not stands.is_moving:
            raise MoveError("--from: the move was decided meanwhile; run it to its end instead")
        return fences.lifted(raw)
