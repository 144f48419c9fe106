"""What the page says of changes of clocks and of a schedule's rules. Pure."""

from __future__ import annotations

from itertools import islice

import pytest

from scheduler import Fold, Plan, Skipped, recurrence, rfc3339
from timer_service.web.pages.schedules.clocks import mark
from timer_service.web.pages.schedules.moments import moment_rows
from timer_service.web.pages.schedules.plan_words import described, skipped_short, skipped_why


def marks(cron: str, zone: str, after: str, count: int = 5, fold: Fold = Fold.FIRST) -> list[str]:
    """Of the moments after one, what stands beside those at a change of clocks."""
    plan = Plan(cron=cron, time_zone=zone, fold=fold)
    found = (mark(plan, it) for it in islice(recurrence.moments(plan, rfc3339.parse(after)), count))
    return [f"{it.words}; {it.more}" for it in found if it]


@pytest.mark.parametrize(
    ("cron", "zone", "after", "said"),
    [
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2027-03-27T00:00:00Z",
            "no 02:30 that day; clocks go forward from 02:00 to 03:00",
        ),
        (
            "30 2 * * *",
            "America/New_York",
            "2027-03-13T00:00:00Z",
            "no 02:30 that day; clocks go forward from 02:00 to 03:00",
        ),
        (
            "10 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-02T00:00:00Z",
            "no 02:10 that day; clocks go forward from 02:00 to 02:30",
        ),
        (
            "15,45 2 * * *",
            "Europe/Berlin",
            "2027-03-27T00:00:00Z",
            "no 02:15 that day; clocks go forward from 02:00 to 03:00",
        ),
        (
            "30 0 * * *",
            "Asia/Beirut",
            "2027-03-26T00:00:00Z",
            "no 00:30 that day; clocks go forward from 00:00 to 01:00",
        ),
        (
            "0 9 * * *",
            "Pacific/Apia",
            "2011-12-29T00:00:00Z",
            "no 09:00 that day; clocks go forward from Fri 30 Dec, 00:00 to Sat 31 Dec, 00:00",
        ),
    ],
)
def test_a_gap_is_told_with_what_is_left_out_and_how_clocks_are_turned(
    cron: str, zone: str, after: str, said: str
) -> None:
    assert marks(cron, zone, after) == [f"{said}; runs at the first moment after"]


@pytest.mark.parametrize("fold", Fold)
@pytest.mark.parametrize(
    ("cron", "zone", "after", "said"),
    [
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T03:00:00Z",
            "02:30 comes twice; clocks go back from 03:00 to 02:00",
        ),
        ("0 2 * * *", "Europe/Berlin", "2026-10-24T03:00:00Z", "02:00 comes twice; clocks go back from 03:00 to 02:00"),
        (
            "59 1 * * *",
            "America/New_York",
            "2026-10-31T12:00:00Z",
            "01:59 comes twice; clocks go back from 02:00 to 01:00",
        ),
        (
            "45 1 * * *",
            "Australia/Lord_Howe",
            "2026-04-03T20:00:00Z",
            "01:45 comes twice; clocks go back from 02:00 to 01:30",
        ),
        (
            "30 23 * * *",
            "America/Santiago",
            "2026-04-03T12:00:00Z",
            "23:30 comes twice; clocks go back from Sun 5 Apr, 00:00 to Sat 4 Apr, 23:00",
        ),
    ],
)
def test_a_fold_is_told_whichever_of_both_it_runs_at(cron: str, zone: str, after: str, said: str, fold: Fold) -> None:
    assert marks(cron, zone, after, 3, fold) == [f"{said}; runs at the {fold.value}"]


def test_what_means_intervals_runs_both_times() -> None:
    found = marks("*/30 * * * *", "Europe/Berlin", "2026-10-24T23:00:00Z", 8)
    assert found == [
        f"02:{minute} comes twice; clocks go back from 03:00 to 02:00; runs both times" for minute in ("00", "30") * 2
    ]


def test_where_no_clock_is_turned_nothing_is_said() -> None:
    assert marks("30 2 * * *", "Asia/Kolkata", "2026-01-01T00:00:00Z", 400) == []
    assert marks("*/15 * * * *", "Europe/Berlin", "2027-03-28T00:00:00Z", 20) == []


def test_a_run_that_is_spread_is_marked_by_its_moment() -> None:
    plan = Plan(cron="30 2 * * *", time_zone="Europe/Berlin")
    (found,) = islice(recurrence.moments(plan, rfc3339.parse("2027-03-27T12:00:00Z")), 1)
    (row,) = moment_rows(plan, [found._replace(at=found.at + 5_400_000)], 5_400_000)
    assert (row.local, row.offset) == ("Sun 28 Mar, 04:30", "+02:00")
    assert row.mark is not None
    assert row.mark.words == "no 02:30 that day"


def test_seconds_are_told_where_a_moment_has_some() -> None:
    plan = Plan(every_ms=1500, starts_at=rfc3339.parse("2026-01-01T00:00:58.500Z"))
    rows = moment_rows(plan, islice(recurrence.moments(plan, plan.starts_at), 2))
    assert [(it.local, it.utc) for it in rows] == [
        ("Thu 1 Jan, 00:01", "2026-01-01 00:01"),
        ("Thu 1 Jan, 00:01:01", "2026-01-01 00:01:01"),
    ]


def test_a_start_is_told_only_while_it_is_ahead() -> None:
    plan = Plan(cron="0 9 * * *", starts_at=rfc3339.parse("2026-01-01T00:00:00Z"))
    assert "from 2026" not in described(plan, plan.starts_at)
    assert described(plan, plan.starts_at - 1) == "at 09:00, in UTC, from 2026-01-01 00:00 UTC"
    interval = Plan(every_ms=1000, starts_at=plan.starts_at + 5, ends_at=plan.starts_at + 9000)
    assert described(interval, plan.starts_at) == (
        "every second, from 2026-01-01 00:00:00.005 UTC, until 2026-01-01 00:00:09 UTC"
    )
    assert described(interval, plan.starts_at + 5) == "every second, until 2026-01-01 00:00:09 UTC"


def test_a_plan_that_cannot_be_followed_any_more_is_told_as_such() -> None:
    assert described(Plan(cron="0 9 * * *", time_zone="Mars/Base"), 0) == "a plan that this version cannot follow"


def test_each_reason_for_a_skip_has_its_count_and_its_sentence() -> None:
    assert skipped_short(Skipped()) == "none"
    assert skipped_short(Skipped(overlap=1400, gap=1)) == "1,400 overlap, 1 gap"
    assert [word for _, word, _ in skipped_why(Skipped(1, 2, 3, 4))] == ["overlap", "missed", "paused", "gap"]
