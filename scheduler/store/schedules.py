"""The API's side of schedules: set, read, list, pause, resume, fire and delete them."""

from __future__ import annotations

import heapq
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

from scheduler.due_moments import offset_of
from scheduler.errors import PlanError, ScheduleExists, StoreUnavailable, UnknownSchedule, VersionChanged
from scheduler.schedule import CatchUp
from scheduler.schedules import NO_VERSION, Schedule, ScheduleDraft, SchedulePage, ScheduleStatus
from scheduler.store import keys
from scheduler.store.capacity import Capacity
from scheduler.store.schedule_fields import asked_for, names_others, passed_over
from scheduler.store.schedule_rows import ScheduleRow, read_schedule
from scheduler.store.script_runner import ScriptRunner
from scheduler.store.timers import Timers
from scheduler.timer import Timer

#: Times a write is begun anew because the schedule was changed meanwhile.
_TRIES = 100
#: Schedules that one call tells: 2 ms, if each tells ten runs.
_ROWS = 20
#: Schedules that a page looks at, at most: then it stops short and says where it goes on.
_PAGE_LOOK = 2000


class Schedules:
    """Schedules by their names. Shared by threads; owns nothing to close.

    Every call is repeatable: made again after a lost reply, it changes nothing more. Each raises StoreUnavailable, also
    where others change the same schedule all the time. All but delete() raise UnreadableSchedule, and then change
    nothing.
    """

    def __init__(self, link: ScriptRunner, timers: Timers, capacity: Capacity, *, keep_cancelled_ms: int) -> None:
        self._link = link
        self._timers = timers
        self._capacity = capacity
        self._keep_cancelled_ms = keep_cancelled_ms

    def over(self, runner: ScriptRunner) -> Schedules:
        """The same, its scripts run by another."""
        timers, keep = self._timers.over(runner), self._keep_cancelled_ms
        return Schedules(runner, timers, self._capacity, keep_cancelled_ms=keep)

    def put(self, draft: ScheduleDraft, if_version: str | None = None) -> tuple[Schedule, bool]:
        """Create a schedule or replace the one of this name; returns it, and whether it is new.

        One that stands so already is left as it is, version and all. Another keeps what was made, counted and paused;
        moments up to the last that was made are not made again, and runs that were made ahead are taken back. Where it
        names other moments than before, or had ended, it makes none that has passed.
        Raises VersionChanged if `if_version` is given and another stands, or none; ScheduleExists if it is NO_VERSION
        and one stands; PlanError, also for a new one whose end has passed; TimerTooLarge, or StoreNearCapacity.
        """
        self._capacity.check()
        for _ in range(_TRIES):
            now, row = self._read(draft.name)
            if if_version == NO_VERSION and row is not None:
                raise ScheduleExists(draft.name)
            if if_version and (row is None or row.version.decode() != if_version):
                raise VersionChanged(draft.name)
            before = None if row is None else read_schedule(now, row).draft
            wanted = draft.starting(now if before is None else before.plan.starts_at)
            if before is not None and row is not None and _same(wanted, before):
                return read_schedule(now, row), False
            if row is None and wanted.plan.ends_at is not None and wanted.plan.ends_at <= now:
                raise PlanError("ends_at", "Must be later than now: it would never run.")
            fields, from_ = asked_for(wanted), None
            if row is None or before is None:
                fields |= {"created": now, "after": now}  # moments before it is set were never promised
            elif row.ended or names_others(before.plan, wanted.plan):
                fields |= {} if row.ended else passed_over(before, row, now)
                from_ = now - offset_of(wanted)
            written = self._write(draft.name, "put", row, fields, from_)
            if written is not None:
                return written, row is None
        raise _changed_all_the_time()

    def change(
        self, name: str, changed: Callable[[Schedule], ScheduleDraft], if_version: str | None = None
    ) -> Schedule:
        """Replace a schedule by what `changed` makes of it as it stands; that is called again if others were first.

        Raises UnknownSchedule, and what put() does.
        """
        for _ in range(_TRIES):
            before = self.get(name)
            if if_version is not None and before.version != if_version:
                raise VersionChanged(name)
            try:
                return self.put(changed(before), before.version)[0]
            except VersionChanged:
                continue
        raise _changed_all_the_time()

    def now(self) -> int:
        """ms, by the store's clock."""
        return self._rows(0, "[", "[", 1)[0]  # no name is empty: it tells no schedule

    def get(self, name: str) -> Schedule:
        """Raises UnknownSchedule."""
        return read_schedule(*self._known(name))

    def page(
        self, *, status: ScheduleStatus | None = None, tag: str | None = None, after: str = "", limit: int = 100
    ) -> SchedulePage:
        """Schedules by name, those after `after`. A short or empty page may have a next all the same."""
        looked, found, last = 0, list[Schedule](), ""
        by_partition = (self._from(partition, after) for partition in range(self._link.partitions))
        for schedule in heapq.merge(*by_partition, key=lambda it: it.name):
            if len(found) >= limit or looked >= _PAGE_LOOK:
                return SchedulePage(found, last)
            looked, last = looked + 1, schedule.name
            if (status is None or schedule.status is status) and (tag is None or tag in schedule.draft.tags):
                found.append(schedule)
        return SchedulePage(found, None)

    def pause(self, name: str, reason: str, by: str, until: int | None = None) -> Schedule:
        """No runs from now on; those that were made ahead are taken back, and moments meanwhile skipped and counted.

        One that is paused already is so for another reason, and until then. `until`: ms. Raises UnknownSchedule.
        """

        def fields(now: int, row: ScheduleRow) -> dict[str, str | int]:
            at = int(row.paused) if row.paused else now
            said: dict[str, str | int] = {"paused": at, "paused_until": until or "", "paused_reason": reason}
            return {**said, "paused_by": by, "resumed": "", "resumed_how": ""}

        return self._change(name, "pause", fields)

    def resume(self, name: str, catch_up: CatchUp | None = None) -> Schedule:
        """End a pause. Moments that passed during it stay skipped, unless `catch_up` says what is to become of them.

        One that is not paused is left as it is. Raises UnknownSchedule.
        """

        def fields(now: int, row: ScheduleRow) -> dict[str, str | int] | None:
            if row.paused is None:
                return None
            said: dict[str, str | int] = {"resumed": now, "resumed_how": catch_up or "", "failed": ""}
            said |= dict.fromkeys(("paused", "paused_until", "paused_by", "paused_reason"), "")
            return {**said, "paused_after": "", "paused_skipped": ""}

        return self._change(name, "resume" if catch_up is None else "make_up", fields)

    def fire(self, name: str, timer_id: str | None = None) -> Timer:
        """Make one run now, beside all others: its plan, its pause and max_runs have no part in it.

        `timer_id`: from new_run_id(); under the same one no second run is made. Raises UnknownSchedule, or
        StoreNearCapacity.
        """
        self._capacity.check()
        timer_id = timer_id or self.new_run_id(name)
        if not self._link.run("run", self._partition(name), [name, timer_id]):
            raise UnknownSchedule(name)
        return self._timers.get(timer_id)

    def new_run_id(self, name: str) -> str:
        return keys.id_in(keys.slot_of_key(name))

    def delete(self, name: str, open: Literal["cancel", "keep"] = "cancel", if_version: str | None = None) -> None:
        """`open`: what becomes of runs that are due and wait; what is in flight goes on.

        Raises UnknownSchedule, or VersionChanged if `if_version` is given and another stands.
        """
        self._known(name)
        looked: bytes | int = 0
        version = if_version or ""
        while looked != b"done":
            args: list[str | int | bytes] = [name, open, self._keep_cancelled_ms, looked, version]
            looked = self._link.run("unschedule", self._partition(name), args)
            if not looked:
                return  # somebody else was first; or this call, whose reply was lost and which was made again
            if looked == b"changed":
                raise VersionChanged(name)
            version = ""

    def _change(
        self, name: str, kind: str, fields: Callable[[int, ScheduleRow], dict[str, str | int] | None]
    ) -> Schedule:
        for _ in range(_TRIES):
            now, row = self._known(name)
            before = read_schedule(now, row)
            said = fields(now, row)
            if said is None:
                return before
            written = self._write(name, kind, row, said)
            if written is not None:
                return written
        raise _changed_all_the_time()

    def _write(
        self, name: str, kind: str, row: ScheduleRow | None, fields: dict[str, Any], from_: int | None = None
    ) -> Schedule | None:
        """The schedule as it was written; None if it is no longer as it was read.

        `from_`: ms up to which no moment is made any more that is not decided yet.
        """
        args: list[Any] = [name, kind, b"" if row is None else row.revision, secrets.token_hex(8)]
        args += ["", ""] if row is None or from_ is None else [row.after, from_]
        for field, value in fields.items():
            args += [field, value]
        answer: bytes | list[Any] = self._link.run("schedule", self._partition(name), args)
        if isinstance(answer, bytes):
            return None
        now, *values = answer
        return read_schedule(now, ScheduleRow(*values))

    def _known(self, name: str) -> tuple[int, ScheduleRow]:
        now, row = self._read(name)
        if row is None:
            raise UnknownSchedule(name)
        return now, row

    def _read(self, name: str) -> tuple[int, ScheduleRow | None]:
        now, rows = self._rows(self._partition(name), f"[{name}", f"[{name}", 1)
        return now, rows[0] if rows else None

    def _from(self, partition: int, after: str) -> Iterator[Schedule]:
        while True:
            now, rows = self._rows(partition, f"({after}" if after else "-", "+", _ROWS)
            for row in rows:
                yield read_schedule(now, row)
            if not rows:
                return
            after = rows[-1].name.decode()

    def _rows(self, partition: int, first: str, last: str, count: int) -> tuple[int, list[ScheduleRow]]:
        now, *values = self._link.run("schedules", partition, [first, last, count])
        return now, [ScheduleRow(*row) for row in zip(*[iter(values)] * len(ScheduleRow._fields), strict=True)]

    def _partition(self, name: str) -> int:
        return keys.partition_of_key(name, self._link.partitions)


def _same(wanted: ScheduleDraft, before: ScheduleDraft) -> bool:
    """Whoever puts what stands already has not set it: the span that did so stays the one of its runs."""
    return replace(wanted, webhook=wanted.webhook._replace(trace=before.webhook.trace)) == before


def _changed_all_the_time() -> StoreUnavailable:
    return StoreUnavailable("this schedule is being changed by others all the time")
