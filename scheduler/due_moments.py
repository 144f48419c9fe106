"""What becomes of the moments of a schedule that a poller looks at: runs, or counts of why not. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from typing import NamedTuple

from scheduler.errors import PlanError
from scheduler.recurrence import moments, spread_offset
from scheduler.schedule import CatchUp, Gap, Moment, Overlap, Plan
from scheduler.schedules import Schedule, ScheduleDraft, ScheduleStatus

#: ms: runs of schedules that allow overlaps and make up for what is missed are made so long before they are due, and
#: wait as any timer does.
AHEAD = 10_000
#: ms: a schedule is looked at again after so long at the latest, and after half of it at the soonest if it has nothing
#: to do until then: changed rules of time zones are met within a day, and 100,000 schedules do not look at one moment.
LOOK_AGAIN = 86_400_000
#: How much longer the next moment of a cron expression takes than the next multiple of an interval: 40 us and 2.
_CRON = 20
#: ms: with catch_up none, a run is made so late at most, and no later than half the time to the next moment.
_PUNCTUAL = 60_000


class ToMake(NamedTuple):
    """One run that is to be made."""

    moment: int
    due_at: int
    #: Moments that were missed since the run before it: it tells of them.
    missed: int = 0


@dataclass(slots=True)
class Allowance:
    """What one pass of a poller may still do, for all schedules that it looks at. However little is left, each of them
    goes on by a run or two moments."""

    #: Multiples of an interval that are gone through; a moment of a cron expression counts for 20. 4 ms.
    moments: int = 2000
    #: To be made: the store serves nobody else for 4 ms.
    runs: int = 300
    #: Of their records.
    bytes: int = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of a schedule beside what was asked for. Moments are ms, and 0 where there is none."""

    #: The last moment that was decided.
    after: int
    #: ms from a moment to when its run is due.
    offset: int
    #: Of the record of one run.
    run_bytes: int = 0
    #: Moments that became runs.
    runs: int = 0
    #: Moments that were missed, and that no run has told of yet.
    missed: int = 0
    is_paused: bool = False
    paused_until: int = 0
    #: When a pause ended, and what was asked to become of the moments during it; None: they are skipped.
    resumed_at: int = 0
    resumed_how: CatchUp | None = None


@dataclass(slots=True)
class Decision:
    """What one look at a schedule found."""

    runs: list[ToMake]
    #: The last moment that was decided.
    after: int
    #: ms at which it is to be looked at again; None: it has ended.
    look_at: int | None = None
    #: As in Standing.
    missed: int = 0
    skipped_missed: int = 0
    skipped_paused: int = 0
    skipped_gap: int = 0
    #: ms of the end of a pause that this look found over.
    resumed_at: int = 0


def decide(draft: ScheduleDraft, standing: Standing, now: int, jitter: float, allowance: Allowance) -> Decision:
    """Look at the moments of a schedule up to now, and a little ahead. `jitter`: 0 to 1. What it does is taken from the
    allowance. Raises PlanError."""
    decision = Decision([], standing.after, missed=standing.missed)
    if standing.is_paused and 0 < standing.paused_until <= now:
        standing = replace(standing, is_paused=False, resumed_at=standing.paused_until, resumed_how=None)
        decision.resumed_at = standing.resumed_at
    if draft.max_runs is not None and standing.runs >= draft.max_runs:
        return decision
    ahead = 0 if standing.is_paused else _ahead_of(draft)
    found = _find(draft.plan, standing.after, now + ahead - standing.offset, allowance)
    most_runs = max(1, min(allowance.runs, allowance.bytes // max(1, standing.run_bytes)))
    look = _Look(draft, standing, found, now, decision)
    look.decide_each(most_runs)
    decision.look_at = look.next_look(ahead, now + round(LOOK_AGAIN * (1 + jitter) / 2))
    allowance.runs -= len(decision.runs)
    allowance.bytes -= len(decision.runs) * standing.run_bytes
    return decision


def _ahead_of(draft: ScheduleDraft) -> int:
    """ms. A run that is made is sent, however late: where nothing is to be made up for, none is made ahead."""
    return AHEAD if draft.overlap is Overlap.ALLOW and draft.catch_up is not CatchUp.NONE else 0


class _Found(NamedTuple):
    """The moments of a plan between two others."""

    moments: list[Moment]
    #: The first that is not among them; None if there is no other.
    following: int | None
    #: It is only not among them because enough were looked at.
    is_cut: bool


def _find(plan: Plan, after: int, until: int, allowance: Allowance) -> _Found:
    cost = _CRON if plan.cron else 1
    most = max(2, allowance.moments // cost)
    found: list[Moment] = []
    allowance.moments -= cost  # for the one that is only looked at
    for moment in islice(_with_gaps(plan, after), most + 1):
        if moment.at > until:
            return _Found(found, moment.at, False)
        if len(found) == most:
            return _Found(found, moment.at, True)
        found.append(moment)
        allowance.moments -= cost
    return _Found(found, None, False)


def _with_gaps(plan: Plan, after: int) -> Iterator[Moment]:
    """The moments, and with `gap: skip` also those that a change of clocks leaves out, which say `gap`."""
    if plan.gap is Gap.RUN:
        yield from (Moment(moment.at) for moment in moments(plan, after))
        return
    for moment in moments(replace(plan, gap=Gap.RUN), after):
        is_left_out = moment.note == "gap" and next(moments(plan, moment.at - 1), Moment(0)).at != moment.at
        yield Moment(moment.at, "gap" if is_left_out else None)


class _Look:
    """One look at a schedule: decide_each() fills in its decision, and then next_look() knows when the next is due."""

    def __init__(self, draft: ScheduleDraft, standing: Standing, found: _Found, now: int, decision: Decision) -> None:
        self._draft = draft
        self._standing = standing
        self._found = found
        self._now = now
        self._decision = decision
        #: The latest moment that has passed; None if there is none, or if one that is not found yet has passed too.
        self._last_past = max((moment.at for moment in found.moments if self._has_passed(moment.at)), default=None)
        if found.is_cut and found.following is not None and self._has_passed(found.following):
            self._last_past = None

    def decide_each(self, most_runs: int) -> None:
        """Each moment becomes a run or is counted by why not, until there are so many runs."""
        found, decision = self._found, self._decision
        nexts = [*(moment.at for moment in found.moments[1:]), found.following]
        for moment, next_at in zip(found.moments, nexts, strict=False):
            if len(decision.runs) == most_runs:
                break
            decision.after = moment.at
            due_at = moment.at + self._standing.offset
            catch_up = self._catch_up_of(due_at)
            if moment.note == "gap":
                decision.skipped_gap += 1
            elif catch_up is None:
                decision.skipped_paused += 1
            elif due_at > self._now or self._is_made_up_for(moment.at, next_at, catch_up):
                decision.runs.append(ToMake(moment.at, due_at, decision.missed if catch_up is CatchUp.LAST else 0))
                decision.missed = 0
            else:
                decision.skipped_missed += 1
                decision.missed += 1

    def next_look(self, ahead: int, latest: int) -> int | None:
        """When to look again, at `latest`, if ever. `ahead`: ms by which runs are made before they are due."""
        found, following, is_cut = self._found
        if is_cut or (found and self._decision.after < found[-1].at):
            return self._now
        if self._standing.is_paused:
            return min(latest, self._standing.paused_until) if self._standing.paused_until else latest
        if following is not None:
            comes = following + self._standing.offset - ahead
            return max(self._now, comes if comes <= self._now + LOOK_AGAIN else latest)
        # It ends once its last run is due: until then a pause can take that back.
        last = self._decision.after + self._standing.offset
        return min(latest, last) if last > self._now else None

    def _has_passed(self, moment: int) -> bool:
        return moment + self._standing.offset <= self._now

    def _catch_up_of(self, due_at: int) -> CatchUp | None:
        """What is to become of a moment if it was missed; None if it is skipped for a pause."""
        if self._standing.is_paused:
            return None
        return self._standing.resumed_how if due_at <= self._standing.resumed_at else self._draft.catch_up

    def _is_made_up_for(self, moment: int, next_at: int | None, catch_up: CatchUp) -> bool:
        """Whether a moment that has passed becomes a run."""
        late = self._now - moment - self._standing.offset
        # What is hardly late was not missed, however short the window.
        if late > max(self._draft.catch_up_window_ms, 1000):
            return False
        if catch_up is CatchUp.ALL:
            return True
        if moment != self._last_past:
            return False
        if catch_up is CatchUp.LAST:
            return True
        if moment + self._standing.offset <= self._standing.resumed_at:
            return False  # it is not late but was paused, and none of those is to run
        return late <= (_PUNCTUAL if next_at is None else min(_PUNCTUAL, (next_at - moment) // 2))


def upcoming(schedule: Schedule, count: int) -> list[Moment]:
    """The next moments that are to become runs, as when these are due; fewer if there are no more.

    None of one that has ended, or is paused and nobody knows until when, or has a plan that this version cannot follow,
    such as one in a time zone that there is no more. Of one that is paused those after its pause.
    """
    if schedule.status is ScheduleStatus.ENDED or (schedule.paused and schedule.paused.until is None):
        return []
    draft, offset = schedule.draft, offset_of(schedule.draft)
    most = count if schedule.runs_left is None else min(count, schedule.runs_left)
    since = schedule.read_at
    if schedule.paused and schedule.paused.until:
        since = max(since, schedule.paused.until)
    try:
        found = moments(draft.plan, max(since - offset, schedule.decided))
    except PlanError:
        return []
    return [Moment(moment.at + offset, moment.note) for moment in islice(found, most)]


def run_seed(name: str, version: str, moment: int) -> bytes:
    """What the id of a run is made of: whoever makes it again makes the same."""
    return sha256(f"{name}\0{version}\0{moment}".encode()).digest()


def offset_of(draft: ScheduleDraft) -> int:
    """ms from a moment of this schedule to when its run is due."""
    return spread_offset(draft.name, draft.spread_ms)
