"""The poller's side of schedules: takes those that are to be looked at, and makes the runs that were found."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import random
from typing import Any, NamedTuple

from scheduler.clock import StoreClock
from scheduler.due_moments import Allowance, Decision, Standing, decide, run_seed
from scheduler.errors import PlanError, StoreUnavailable
from scheduler.schedule import CatchUp
from scheduler.schedules import ScheduleDraft
from scheduler.store import keys
from scheduler.store.each_alone import run_each_alone
from scheduler.store.link import Link
from scheduler.store.record import UNREADABLE
from scheduler.store.schedule_record import decode_plan

#: Schedules that one pass looks at, for which timers wait: of 16 each costs the store 83 us, of 32 63, of 64 59.
BATCH = 32
#: ms that a look may take, after which another poller takes its schedules: so late a run is where a poller dies that
#: was about to make it.
LOOK = 5_000
#: ms for which a schedule that cannot be read is put off, twice as long each time, and at most: while versions are
#: rolled, another poller may read it; for good, 100,000 of them are 28 looks a second.
_PUT_OFF, _PUT_OFF_MOST = LOOK, 3_600_000
#: Seconds between two lines about schedules that cannot be read.
_LOG_EVERY = 60.0

log = logging.getLogger(__name__)


class PlanRow(NamedTuple):
    """What plan.lua tells of each schedule; None where it has none."""

    name: bytes
    plan: bytes
    version: bytes
    size: bytes
    offset: bytes
    after: bytes
    runs: bytes | None
    missed: bytes | None
    paused: bytes | None
    paused_until: bytes | None
    resumed: bytes | None
    resumed_how: bytes | None


@dataclass(frozen=True, slots=True)
class Looked:
    """What one pass found."""

    #: Runs that were made.
    made: int
    #: Seconds until a schedule is to be looked at (0: now); None: there is none.
    wait: float | None


class Plans:
    """Looks at schedules and makes their runs. Used by one poller's thread; owns nothing to close.

    Raises StoreUnavailable; what was not made then another look makes, for a moment's run has one id.
    """

    def __init__(self, link: Link, clock: StoreClock, *, keep_cancelled_ms: int) -> None:
        self._link = link
        self._clock = clock
        self._keep_cancelled_ms = keep_cancelled_ms
        self._logged_at = float("-inf")

    @property
    def partitions(self) -> int:
        return self._link.partitions

    def look(self, partition: int) -> Looked:
        """Take up to 32 schedules of one partition whose time has come, and make the runs of their moments."""
        ((_, found),) = self.look_at([partition])
        return found

    def look_at(self, partitions: Sequence[int]) -> Iterator[tuple[int, Looked]]:
        """The same of several, each with its partition; where a server is away, of the others. Raises StoreUnavailable
        after those if any failed."""
        look_id = secrets.token_urlsafe(12)
        found = run_each_alone(self._link, "plan", [(it, it, [look_id, BATCH, LOOK]) for it in partitions])
        failed = found.error
        for partition, reply in found.done:
            try:
                made = self._made(partition, look_id, reply)
            except StoreUnavailable as error:
                failed = error
            else:
                yield partition, made
        if failed is not None:
            raise failed

    def _made(self, partition: int, look_id: str, reply: Sequence[Any]) -> Looked:
        """The runs of what a look has taken."""
        now_us, wait_us, *values = reply
        self._clock.observe(now_us, partition)
        args: list[str | int | bytes] = [look_id, self._keep_cancelled_ms]
        decided, unreadable, allowance = 0, list[bytes](), Allowance()
        for row in zip(*[iter(values)] * len(PlanRow._fields), strict=True):
            try:
                args += _decided(PlanRow(*row), now_us // 1000, allowance)
                decided += 1
            except (*UNREADABLE, PlanError) as error:
                unreadable.append(PlanRow(*row).name)
                self._log_unreadable(unreadable[-1].decode(), error)
        if unreadable:
            self._link.run("postpone", partition, [look_id, _PUT_OFF, _PUT_OFF_MOST, *unreadable])
        made: list[int] = []
        if decided:
            _, wait_us, *made = self._link.run("runs", partition, args)
        return Looked(sum(max(0, count) for count in made), None if wait_us < 0 else wait_us / 1_000_000)

    def _log_unreadable(self, name: str, error: Exception) -> None:
        if time.monotonic() - self._logged_at >= _LOG_EVERY:
            self._logged_at = time.monotonic()
            log.warning("schedule %s cannot be read by this version, perhaps others: %s", name, error)


def _decided(row: PlanRow, now: int, allowance: Allowance) -> list[str | int | bytes]:
    """A schedule's arguments of runs.lua."""
    name = row.name.decode()
    draft = decode_plan(name, row.plan)
    decision = decide(draft, _standing(row), now, random(), allowance)
    slot, version = keys.slot_of_key(name), row.version.decode()
    args: list[str | int | bytes] = [*_fields(draft, decision), len(decision.runs)]
    for run in decision.runs:
        args += [keys.id_from(run_seed(name, version, run.moment), slot), run.due_at, run.missed]
    return args


def _fields(draft: ScheduleDraft, decision: Decision) -> list[str | int]:
    return [
        draft.name,
        decision.after,
        "" if decision.look_at is None else decision.look_at,
        decision.missed,
        decision.skipped_missed,
        decision.skipped_paused,
        decision.skipped_gap,
        decision.resumed_at or "",
        draft.overlap,
        "" if draft.max_runs is None else draft.max_runs,
    ]


def _standing(row: PlanRow) -> Standing:
    return Standing(
        after=int(row.after),
        offset=int(row.offset),
        run_bytes=int(row.size),
        runs=int(row.runs or 0),
        missed=int(row.missed or 0),
        is_paused=row.paused is not None,
        paused_until=int(row.paused_until or 0),
        resumed_at=int(row.resumed or 0),
        resumed_how=CatchUp(row.resumed_how.decode()) if row.resumed_how else None,
    )
