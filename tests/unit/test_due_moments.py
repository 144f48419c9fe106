"""What becomes of the moments that a look at a schedule finds: each one run, or one count, whatever the looks are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler import CatchUp, Overlap, Plan, ScheduleDraft, Webhook
from scheduler.due_moments import AHEAD, LOOK_AGAIN, Allowance, Decision, Standing, decide
from scheduler.recurrence import moments

START = 1_767_225_600_000
HOUR = 3_600_000
DAY = 24 * HOUR


def draft(**said: object) -> ScheduleDraft:
    plan = said.pop("plan", Plan(every_ms=1000, starts_at=START))
    return ScheduleDraft(name="s", plan=plan, webhook=Webhook(url="http://r/"), **said)  # type: ignore[arg-type]


def after(it: Standing, decision: Decision) -> Standing:
    """How the schedule stands once what was decided has been written."""
    is_over = decision.resumed_at > 0
    return replace(
        it,
        after=decision.after,
        runs=it.runs + len(decision.runs),
        missed=decision.missed,
        is_paused=it.is_paused and not is_over,
        resumed_at=decision.resumed_at or it.resumed_at,
    )


PLANS = st.sampled_from(
    [
        Plan(every_ms=1000, starts_at=START),
        Plan(every_ms=90_000, starts_at=START, ends_at=START + 2 * HOUR),
        Plan(cron="*/7 * * * *", starts_at=START),
        Plan(cron="0 9 * * *", time_zone="Europe/Berlin", starts_at=START),
    ]
)
#: ms between two looks: as they are asked for, a little late, or after nothing ran for hours.
DELAYS = st.lists(st.sampled_from([0, 3, 1500, 70_000, 5 * HOUR]), min_size=1, max_size=12)


@settings(max_examples=30)
@given(
    PLANS,
    st.sampled_from(CatchUp),
    st.sampled_from(Overlap),
    st.sampled_from([0, 400, 50_000]),
    DELAYS,
    st.booleans(),
    st.sampled_from([2000, 100]),
)
def test_each_moment_up_to_the_last_look_is_a_run_or_counted_once_and_told_of_if_it_was_missed(
    plan: Plan, catch_up: CatchUp, overlap: Overlap, offset: int, delays: list[int], is_paused: bool, left: int
) -> None:
    asked = draft(plan=plan, catch_up=catch_up, overlap=overlap, catch_up_window_ms=2 * HOUR)
    it = Standing(after=START, offset=offset, is_paused=is_paused, paused_until=START + HOUR if is_paused else 0)
    now, made, counted, missed, told = START, [], 0, 0, 0
    for delay in delays:
        now += delay
        while True:
            decision = decide(asked, it, now, 0.5, Allowance(moments=left))
            made += [run.moment for run in decision.runs]
            counted += decision.skipped_missed + decision.skipped_paused + decision.skipped_gap
            missed, told = missed + decision.skipped_missed, told + sum(run.missed for run in decision.runs)
            it = after(it, decision)
            if decision.look_at != now:
                break
        assert decision.look_at is None or now < decision.look_at <= now + LOOK_AGAIN
        if decision.look_at is not None and delay < HOUR:
            now = max(now, min(decision.look_at, now + 10 * HOUR))
    expected = []
    for moment in moments(plan, START):
        if moment.at > it.after:
            break
        expected.append(moment.at)
    assert len(made) + counted == len(expected)
    assert sorted(set(made)) == made
    assert set(made) <= set(expected)
    assert told + it.missed == missed if catch_up is CatchUp.LAST else told == 0


@pytest.mark.parametrize("change", [{}, {"is_paused": True}, {"runs": 9}], ids=["active", "paused", "ended"])
def test_a_look_without_moments_forgets_no_missed_one_that_a_run_has_yet_to_tell_of(change: dict[str, Any]) -> None:
    asked = draft(plan=Plan(every_ms=2 * DAY, starts_at=START), max_runs=9)
    it = replace(Standing(after=START, offset=0, missed=3), **change)
    assert decide(asked, it, START + DAY, 0.5, Allowance()).missed == 3


def test_a_look_at_a_year_of_seconds_goes_through_few_thousand_of_them_and_asks_to_come_again_at_once() -> None:
    now = START + 365 * DAY
    it = Standing(after=START, offset=0)
    decision = decide(draft(), it, now, 0.5, Allowance())
    assert decision.look_at == now
    assert 1000 <= decision.skipped_missed <= 4000
    assert decision.missed == decision.skipped_missed
    assert decision.runs == []


def test_runs_of_large_records_are_made_few_at_a_time() -> None:
    now = START + 500_000
    it = Standing(after=START, offset=0, run_bytes=200_000)
    decision = decide(draft(catch_up=CatchUp.ALL), it, now, 0.5, Allowance())
    assert 1 <= len(decision.runs) <= 6
    assert decision.look_at == now


def test_a_pass_makes_few_hundred_runs_however_many_schedules_it_looks_at() -> None:
    now, left = START + 1_500_000, Allowance()
    asked = draft(catch_up=CatchUp.ALL)
    decisions = [decide(asked, Standing(after=START, offset=0), now, 0.5, left) for _ in range(32)]
    assert [len(it.runs) for it in decisions] == [300] + 31 * [1]
    assert {it.look_at for it in decisions} == {now}
    assert decisions[0].after == START + 300_000


def test_a_pass_goes_through_a_hundred_moments_of_cron_however_many_schedules_it_looks_at() -> None:
    now, left = START + 30 * DAY, Allowance()
    asked = draft(plan=Plan(cron="* * * * *", starts_at=START))
    missed = [decide(asked, Standing(after=START, offset=0), now, 0.5, left).missed for _ in range(32)]
    assert missed == [100] + 31 * [2]


def test_looks_at_idle_schedules_are_spread_over_half_a_day_and_none_is_later_than_a_day() -> None:
    plan = Plan(cron="0 0 1 1 *", starts_at=START)
    looks = [
        decide(draft(plan=plan), Standing(after=START, offset=0), START, jitter, Allowance()).look_at
        for jitter in (0, 0.5, 1)
    ]
    assert looks == [START + DAY // 2, START + 3 * DAY // 4, START + DAY]


@pytest.mark.parametrize("overlap", list(Overlap))
def test_a_daily_schedule_is_looked_at_once_a_day(overlap: Overlap) -> None:
    """Red with a look half a day before each run, at which there is nothing to do: a year took twice the steps."""
    asked = draft(plan=Plan(cron="0 9 * * *", starts_at=START), overlap=overlap)
    it, now, looks = Standing(after=START, offset=0), START, 0
    while now < START + 30 * DAY:
        decision = decide(asked, it, now, 0.0, Allowance())
        assert decision.look_at is not None
        it, now, looks = after(it, decision), max(now + 3, decision.look_at + 3), looks + 1  # a little late, as always
    assert looks <= 32


def test_with_catch_up_none_a_moment_that_is_hardly_late_still_runs() -> None:
    """A busy minute is no time in which nothing ran; nor does one wait for half the time to the next."""
    plan = Plan(every_ms=HOUR, starts_at=START)
    asked = draft(plan=plan, catch_up=CatchUp.NONE, overlap=Overlap.SKIP)
    it = Standing(after=START, offset=0)
    assert len(decide(asked, it, START + HOUR + 59_000, 0.5, Allowance()).runs) == 1
    assert decide(asked, it, START + HOUR + 61_000, 0.5, Allowance()).skipped_missed == 1
    quick = draft(catch_up=CatchUp.NONE, overlap=Overlap.SKIP)
    assert len(decide(quick, it, START + 1400, 0.5, Allowance()).runs) == 1
    assert decide(quick, it, START + 1600, 0.5, Allowance()).skipped_missed == 1


def test_resumed_with_catch_up_none_no_moment_of_the_pause_runs_however_short_ago_it_was() -> None:
    asked = draft(plan=Plan(every_ms=HOUR, starts_at=START), overlap=Overlap.SKIP)
    it = Standing(after=START, offset=0, resumed_at=START + HOUR + 5000, resumed_how=CatchUp.NONE)
    decision = decide(asked, it, START + HOUR + 5100, 0.5, Allowance())
    assert (decision.runs, decision.skipped_missed) == ([], 1)
    assert len(decide(asked, after(it, decision), START + 2 * HOUR + 100, 0.5, Allowance()).runs) == 1


def test_only_schedules_that_allow_overlaps_and_make_up_for_what_is_missed_are_planned_ahead() -> None:
    it = Standing(after=START, offset=0)
    assert len(decide(draft(), it, START, 0.5, Allowance()).runs) == AHEAD // 1000
    for asked in (draft(overlap=Overlap.SKIP), draft(overlap=Overlap.REPLACE), draft(catch_up=CatchUp.NONE)):
        decision = decide(asked, it, START, 0.5, Allowance())
        assert (decision.runs, decision.look_at) == ([], START + 1000)
