"""What becomes of the moments of a schedule that a poller looks at: runs, or counts of why not. Pure."""

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

#: ms: runs of schedules that allow overlaps are made so long before they are due, and wait as any timer does.
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
    #: Moments that passed before it, for which it stands too.
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
    #: Bytes of the record of one run.
    size: int = 0
    #: Moments that became runs.
    runs: int = 0
    #: Moments that passed, and that the next run made up for tells of: a look ended among them.
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


def decide(draft: ScheduleDraft, it: Standing, now: int, jitter: float, left: Allowance) -> Decision:
    """Look at the moments of a schedule up to now, and a little ahead. `jitter`: 0 to 1. Takes what it does from what
    is left. Raises PlanError."""
    decision = Decision([], it.after)
    is_over = it.is_paused and 0 < it.paused_until <= now
    if is_over:
        it = replace(it, is_paused=False, resumed_at=it.paused_until, resumed_how=None)
        decision.resumed_at = it.resumed_at
    if draft.max_runs is not None and it.runs >= draft.max_runs:
        return decision
    ahead = AHEAD if draft.overlap is Overlap.ALLOW and not it.is_paused else 0
    found = _look(draft.plan, it, now + ahead - it.offset, left)
    _sort_out(draft, it, decision, found, now, max(1, min(left.runs, left.bytes // max(1, it.size))))
    left.runs -= len(decision.runs)
    left.bytes -= len(decision.runs) * it.size
    decision.look_at = _look_at(it, decision, found, ahead, now, jitter)
    return decision


class _Found(NamedTuple):
    moments: list[Moment]
    #: The first that is not among them; None if there is no other.
    following: int | None
    #: It is only not among them because enough were looked at.
    is_cut: bool


def _look(plan: Plan, it: Standing, until: int, left: Allowance) -> _Found:
    cost = _CRON if plan.cron else 1
    most = max(2, left.moments // cost)
    found: list[Moment] = []
    left.moments -= cost  # for the one that is only looked at
    for moment in islice(_with_gaps(plan, it.after), most + 1):
        if moment.at > until:
            return _Found(found, moment.at, False)
        if len(found) == most:
            return _Found(found, moment.at, True)
        found.append(moment)
        left.moments -= cost
    return _Found(found, None, False)


def _with_gaps(plan: Plan, after: int) -> Iterator[Moment]:
    """The moments, and with `gap: skip` also those that a change of clocks leaves out, which say `gap`."""
    if plan.gap is Gap.RUN:
        yield from (Moment(moment.at) for moment in moments(plan, after))
        return
    for moment in moments(replace(plan, gap=Gap.RUN), after):
        is_left_out = moment.note == "gap" and next(moments(plan, moment.at - 1), Moment(0)).at != moment.at
        yield Moment(moment.at, "gap" if is_left_out else None)


def _sort_out(draft: ScheduleDraft, it: Standing, decision: Decision, look: _Found, now: int, most_runs: int) -> None:
    found, following, is_cut = look
    last_past = max((moment.at for moment in found if moment.at + it.offset <= now), default=None)
    if is_cut and following is not None and following + it.offset <= now:
        last_past = None  # a later one has passed too
    missed = it.missed
    nexts = [*(moment.at for moment in found[1:]), following]
    for moment, after_it in zip(found, nexts, strict=False):
        due_at = moment.at + it.offset
        if len(decision.runs) == most_runs:
            break
        decision.after = moment.at
        if moment.note == "gap":
            decision.skipped_gap += 1
            continue
        catch_up = draft.catch_up
        if it.is_paused or due_at <= it.resumed_at:
            if it.is_paused or it.resumed_how is None:
                decision.skipped_paused += 1
                continue
            catch_up = it.resumed_how
        if due_at > now:
            decision.runs.append(ToMake(moment.at, due_at))
        elif _is_made_up_for(
            catch_up, draft, now - due_at, is_last=moment.at == last_past, to_next=after_it and after_it - moment.at
        ):
            decision.runs.append(ToMake(moment.at, due_at, missed if catch_up is CatchUp.LAST else 0))
            missed = 0
        else:
            decision.skipped_missed += 1
            missed += 1
    decision.missed = missed if is_cut and last_past is None else 0


def _is_made_up_for(catch_up: CatchUp, draft: ScheduleDraft, late: int, *, is_last: bool, to_next: int | None) -> bool:
    """Whether a moment that has passed becomes a run; `late` and `to_next` are ms."""
    # What is hardly late was not missed, however short the window.
    if late > max(draft.catch_up_window_ms, 1000):
        return False
    if catch_up is CatchUp.ALL:
        return True
    if catch_up is CatchUp.LAST or not is_last:
        return is_last
    return late <= (_PUNCTUAL if to_next is None else min(_PUNCTUAL, to_next // 2))


def _look_at(it: Standing, decision: Decision, look: _Found, ahead: int, now: int, jitter: float) -> int | None:
    found, following, is_cut = look
    again = now + round(LOOK_AGAIN * (1 + jitter) / 2)
    if is_cut or (found and decision.after < found[-1].at):
        return now
    if it.is_paused:
        return min(again, it.paused_until) if it.paused_until else again
    if following is not None:
        comes = following + it.offset - ahead
        return max(now, comes if comes <= now + LOOK_AGAIN else again)
    # It ends once its last run is due: until then a pause can take that back.
    last = decision.after + it.offset
    return min(again, last) if last > now else None


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
        found = moments(draft.plan, since - offset)
    except PlanError:
        return []
    return [Moment(moment.at + offset, moment.note) for moment in islice(found, most)]


def run_seed(name: str, version: str, moment: int) -> bytes:
    """What the id of a run is made of: whoever makes it again makes the same."""
    return sha256(f"{name}\0{version}\0{moment}".encode()).digest()


def offset_of(draft: ScheduleDraft) -> int:
    """ms from a moment of this schedule to when its run is due."""
    return spread_offset(draft.name, draft.spread_ms)
