"""What a plan names where the calendar or the clock on the wall does something odd."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice, pairwise

import pytest

from scheduler.recurrence import moments, zone_of
from scheduler.rfc3339 import LATEST
from scheduler.schedule import Fold, Gap, Plan
from tests.recurrence.oracle import utc

DAY = 86_400_000


def local(plan: Plan, after: str, count: int) -> list[str]:
    """Wall clock and offset of the next moments, each with its note."""
    zone = zone_of(plan.time_zone)
    return [
        datetime.fromtimestamp(it.at / 1000, zone).isoformat(timespec="minutes") + (f" {it.note}" if it.note else "")
        for it in islice(moments(plan, ms(after)), count)
    ]


def ms(text: str) -> int:
    return int(utc(text).timestamp()) * 1000


def berlin(cron: str, gap: Gap = Gap.RUN, fold: Fold = Fold.FIRST) -> Plan:
    return Plan(cron=cron, time_zone="Europe/Berlin", gap=gap, fold=fold)


def test_a_daily_time_in_a_gap_runs_once_at_the_first_moment_after_it() -> None:
    assert local(berlin("30 2 * * *"), "2027-03-27T12:00", 2) == [
        "2027-03-28T03:00+02:00 gap",
        "2027-03-29T02:30+02:00",
    ]


def test_two_times_in_one_gap_run_once_also_where_a_third_is_the_moment_after_it() -> None:
    expected = ["2027-03-28T03:00+02:00 gap", "2027-03-29T02:15+02:00"]
    assert local(berlin("15,45 2 * * *"), "2027-03-27T12:00", 2) == expected
    assert local(berlin("0,30 2,3 * * *"), "2027-03-27T12:00", 2) == [
        "2027-03-28T03:00+02:00 gap",
        "2027-03-28T03:30+02:00",
    ]


def test_a_time_in_a_gap_is_left_out_where_the_plan_says_skip() -> None:
    assert local(berlin("30 2 * * *", gap=Gap.SKIP), "2027-03-27T12:00", 1) == ["2027-03-29T02:30+02:00"]


def test_a_daily_time_in_a_fold_runs_once_the_first_or_the_last_as_the_plan_says() -> None:
    first = ["2027-10-31T02:30+02:00 fold", "2027-11-01T02:30+01:00"]
    last = ["2027-10-31T02:30+01:00 fold", "2027-11-01T02:30+01:00"]
    assert local(berlin("30 2 * * *"), "2027-10-30T12:00", 2) == first
    assert local(berlin("30 2 * * *", fold=Fold.LAST), "2027-10-30T12:00", 2) == last


def test_nothing_runs_again_for_a_start_inside_of_a_repeated_hour() -> None:
    assert local(berlin("30 2 * * *"), "2027-10-31T00:30", 1) == ["2027-11-01T02:30+01:00"]
    assert local(berlin("30 2 * * *"), "2027-10-31T01:15", 1) == ["2027-11-01T02:30+01:00"]


@pytest.mark.parametrize(
    ("cron", "minutes"), [("*/15 * * * *", 15), ("0 * * * *", 60), ("* * * * *", 1), ("5 * * * *", 60)]
)
@pytest.mark.parametrize("start", ["2027-03-27T23:00", "2027-10-30T22:00"])
def test_wildcards_keep_real_intervals_through_gap_and_fold(cron: str, minutes: int, start: str) -> None:
    found = [it.at for it in islice(moments(berlin(cron), ms(start)), 8 * 60 // minutes)]
    assert {later - earlier for earlier, later in pairwise(found)} == {minutes * 60_000}


def test_a_change_of_half_an_hour_is_followed_by_minutes_and_hours() -> None:
    plan = Plan(cron="*/15 * * * *", time_zone="Australia/Lord_Howe")
    found = [it.at for it in islice(moments(plan, ms("2027-10-02T14:00")), 12)]
    assert {later - earlier for earlier, later in pairwise(found)} == {900_000}
    fixed = Plan(cron="15 2 * * *", time_zone="Australia/Lord_Howe")
    assert local(fixed, "2027-10-02T12:00", 2) == ["2027-10-03T02:30+11:00 gap", "2027-10-04T02:15+11:00"]
    hours = Plan(cron="*/15 3 * * *", time_zone="Australia/Lord_Howe")
    assert local(hours, "2027-10-02T14:00", 1) == ["2027-10-03T03:00+11:00"]


def test_a_day_that_does_not_exist_is_one_long_gap() -> None:
    """What is to run once a week or a month is not lost with it: it runs as the next day begins."""
    samoa = Plan(cron="0 9 * * FRI", time_zone="Pacific/Apia")
    assert local(samoa, "2011-12-28T00:00", 2) == ["2011-12-31T00:00+14:00 gap", "2012-01-06T09:00+14:00"]
    kwajalein = Plan(cron="0 9 21 8 *", time_zone="Pacific/Kwajalein")
    assert local(kwajalein, "1993-08-01T00:00", 1) == ["1993-08-22T00:00+12:00 gap"]
    skipped = Plan(cron="0 9 * * *", time_zone="Pacific/Apia", gap=Gap.SKIP)
    assert local(skipped, "2011-12-29T00:00", 2) == ["2011-12-29T09:00-10:00", "2011-12-31T09:00+14:00"]
    inside = local(Plan(cron="0 9 * * FRI", time_zone="Pacific/Apia"), "2011-12-30T10:00", 1)
    assert inside == ["2012-01-06T09:00+14:00"]


@pytest.mark.parametrize(
    ("zone", "after", "first"),
    [
        ("America/Sao_Paulo", "2018-11-03T12:00", "2018-11-04T01:00-02:00 gap"),
        ("Asia/Beirut", "2027-03-27T12:00", "2027-03-28T01:00+03:00 gap"),
        ("Africa/Cairo", "2027-04-29T12:00", "2027-04-30T01:00+03:00 gap"),
        ("America/Asuncion", "2023-09-30T12:00", "2023-10-01T01:00-03:00 gap"),
    ],
)
def test_midnight_that_a_change_leaves_out_runs_when_the_day_begins(zone: str, after: str, first: str) -> None:
    assert local(Plan(cron="@daily", time_zone=zone), after, 1) == [first]


def test_midnight_runs_once_where_the_clock_is_turned_back_just_after_it() -> None:
    plan = Plan(cron="0 0 * * *", time_zone="America/St_Johns")
    assert local(plan, "2008-11-01T12:00", 2) == ["2008-11-02T00:00-02:30 fold", "2008-11-03T00:00-03:30"]


def test_minutes_of_a_day_that_comes_again_after_midnight_run_again() -> None:
    plan = Plan(cron="*/30 * 1 11 *", time_zone="America/St_Johns")
    assert local(plan, "2008-11-02T01:45", 4) == [
        "2008-11-01T23:30-02:30 fold",
        "2008-11-01T23:30-03:30 fold",
        "2009-11-01T00:00-02:30 fold",
        "2009-11-01T00:00-03:30 fold",
    ]


def test_each_change_of_one_night_is_followed_where_there_are_two() -> None:
    """Cairo 2014: summer time went away for Ramadan and came back; no date is lost or doubled."""
    plan = Plan(cron="30 0 * * *", time_zone="Africa/Cairo")
    dates = [it[:10] for it in local(plan, "2014-05-01T00:00", 240)]
    assert len(set(dates)) == 240


def test_the_29th_of_february_is_found_over_a_century_without_one() -> None:
    found = local(Plan(cron="0 12 29 2 *"), "2096-03-01T00:00", 2)
    assert found == ["2104-02-29T12:00+00:00", "2108-02-29T12:00+00:00"]
    monday = local(Plan(cron="0 12 */7 2 MON#5"), "2088-03-01T00:00", 1)
    assert monday == ["2112-02-29T12:00+00:00"]


def test_the_last_day_of_the_month_is_that_of_each_month() -> None:
    found = local(Plan(cron="0 0 L * ?"), "2028-01-01T00:00", 3)
    assert [it[:10] for it in found] == ["2028-01-31", "2028-02-29", "2028-03-31"]


def test_the_second_monday_and_the_last_friday_are_found() -> None:
    assert [it[:10] for it in local(Plan(cron="0 8 * * MON#2"), "2027-01-01T00:00", 2)] == ["2027-01-11", "2027-02-08"]
    assert [it[:10] for it in local(Plan(cron="0 8 * * FRIL"), "2027-01-01T00:00", 2)] == ["2027-01-29", "2027-02-26"]
    assert local(Plan(cron="0 8 * * 5L"), "2027-01-01T00:00", 9) == local(
        Plan(cron="0 8 * * FRIL"), "2027-01-01T00:00", 9
    )


def test_either_kind_of_day_is_enough_where_both_are_given() -> None:
    found = local(Plan(cron="0 0 13 * FRI"), "2027-01-09T00:00", 4)
    assert [it[:10] for it in found] == ["2027-01-13", "2027-01-15", "2027-01-22", "2027-01-29"]


def test_an_interval_is_free_of_drift_over_years_and_starts_where_it_says() -> None:
    plan = Plan(every_ms=7_000, starts_at=1_800_000_000_123)
    assert [it.at for it in islice(moments(plan, 0), 2)] == [1_800_000_000_123, 1_800_000_007_123]
    years = 1_800_000_000_123 + 7_000 * 100_000_000
    assert next(moments(plan, years)).at == years + 7_000
    assert next(moments(plan, years - 1)).at == years


def test_nothing_runs_before_the_start_or_after_the_end_of_a_plan() -> None:
    plan = Plan(cron="0 9 * * *", starts_at=ms("2027-01-02T09:00"), ends_at=ms("2027-01-04T09:00"))
    assert [it[:10] for it in local(plan, "2020-01-01T00:00", 9)] == ["2027-01-02", "2027-01-03", "2027-01-04"]
    every = Plan(every_ms=DAY, starts_at=ms("2027-01-02T09:00"), ends_at=ms("2027-01-04T08:59"))
    assert [it[:10] for it in local(every, "2020-01-01T00:00", 9)] == ["2027-01-02", "2027-01-03"]


@pytest.mark.parametrize("cron", ["0 9 * * *", "* * * * *", "0 0 29 2 *", "0 0 L * *"])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Etc/GMT+12", "Europe/Berlin"])
def test_the_moments_end_in_the_last_year_that_can_be_written(cron: str, zone: str) -> None:
    plan = Plan(cron=cron, time_zone=zone)
    for before_the_end in (0, 5 * DAY, 31 * DAY, 33 * DAY):
        found = [it.at for it in moments(plan, LATEST - before_the_end)]
        assert all(LATEST - before_the_end < it <= LATEST for it in found)
    assert [it.at for it in moments(Plan(every_ms=DAY), LATEST - DAY)] == [LATEST + 1 - DAY]


def test_an_offset_of_odd_seconds_is_followed_to_the_second() -> None:
    """Liberia was 44 minutes and 30 seconds behind until 1972."""
    found = [
        it.at
        for it in islice(moments(Plan(cron="*/30 * * * *", time_zone="Africa/Monrovia"), ms("1971-06-01T00:00")), 2)
    ]
    assert [datetime.fromtimestamp(it / 1000, UTC).isoformat()[11:19] for it in found] == ["00:14:30", "00:44:30"]
