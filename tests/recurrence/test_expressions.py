"""What is read as a cron expression, what is refused and why, and how a plan is said in words."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.errors import PlanError
from scheduler.recurrence import describe, moments, parse, spread_offset, zone_of
from scheduler.recurrence.cron import MOST_CHARACTERS, SHORTHANDS
from scheduler.schedule import Plan


@pytest.mark.parametrize(
    ("text", "same"),
    [
        *SHORTHANDS.items(),
        ("@Daily", "0 0 * * *"),
        ("0 9 * * MON-FRI", "0 9 * * 1-5"),
        ("  0\t9  * jan-mar,JUL  sun ", "0 9 * 1-3,7 0"),
        ("0 9 * * 7", "0 9 * * 0"),
        ("0 9 * * FRI-SUN", "0 9 * * 0,5,6"),
        ("0 9 * * 5-7", "0 9 * * 0,5,6"),
        ("05 09 * * *", "5 9 * * *"),
        ("5/15 * * * *", "5,20,35,50 * * * *"),
        ("1-30/10 * * * *", "1,11,21 * * * *"),
        ("0 9 ? * MON", "0 9 * * MON"),
        ("0 9 1 * ?", "0 9 1 * *"),
        ("0 9 * * 5L", "0 9 * * FRIL"),
        ("0 9 * * 7L", "0 9 * * SUNL"),
        ("0 9 * * 1#2", "0 9 * * MON#2"),
    ],
)
def test_an_expression_means_the_same_however_it_is_written(text: str, same: str) -> None:
    one, other = parse(text), parse(same)
    assert (one.minutes, one.hours, one.days, one.months, one.weekdays) == (
        (other.minutes, other.hours, other.days, other.months, other.weekdays)
    )
    assert one.is_either == other.is_either


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("0 0 9 * * *", 'Seconds and years are not served; `"every": "10s"` is.'),
        ("0 0 9 * * MON 2027", "7 fields"),
        ("60 * * * *", "minute: 60 is not from 0 to 59"),
        ("0 24 * * *", "hour: 24 is not from 0 to 23"),
        ("0 0 0 * *", "day of month: 0 is not"),
        ("0 0 32 * *", "day of month: 32 is not"),
        ("0 0 * 13 *", "month: 13 is not"),
        ("0 0 * * 8", "day of week: 8 is not"),
        ("0 0 * JANUARY *", "month: 'JANUARY' is not a number from 1 to 12 or JAN to DEC"),
        ("0 0 * * MONDAY", "day of week: 'MONDAY'"),
        ("0 0 31 4 *", "day of month: month 4 has no day 31"),
        ("0 0 30 2 *", "day of month: month 2 has no day 30"),
        ("0 0 30,31 FEB *", "day of month: month FEB has no day 30,31"),
        ("0 0 */30 2 MON#5", "is ever on weekday MON#5"),
        ("0 22-2 * * *", "hour: '22-2' ends before it begins; write 22-23,0-2"),
        ("*/90 * * * *", "minute: the step '90' is not from 1 to 59; longer intervals are what `every` is for"),
        ("*/0 * * * *", "minute: the step '0'"),
        ("1,,2 * * * *", "minute: an item of the list is empty"),
        ("*-5 * * * *", "minute: '*-5'"),
        ("-5 * * * *", "minute: '-5'"),
        ("1.5 * * * *", "minute: '1.5'"),
        ("٣ * * * *", "minute: "),
        ("? * * * *", "minute: '?'"),
        ("0 0 ? * 2", "day of week: next to a ?, numbers of weekdays begin at 1 for some"),
        ("0 0 15W * *", "day of month: '15W' is not served"),
        ("0 0 L-3 * *", "day of month: 'L-3' is not served"),
        ("0 0 * * L", "day of week: L needs a weekday"),
        ("0 0 * * MON#6", "day of week: 'MON#6'"),
        ("0 0 * * #2", "day of week: '#2'"),
        ("@reboot", "'@reboot' is none of @hourly"),
        ("0" * (MOST_CHARACTERS + 1), f"At most {MOST_CHARACTERS} characters"),
    ],
)
def test_what_makes_no_sense_is_refused_by_field_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(PlanError) as refused:
        parse(text)
    assert refused.value.field == "cron"
    assert why in refused.value.detail


@settings(max_examples=150)
@given(st.text("0123456789*,-/#LW?@JANMOFRI \t\n\0é", max_size=40) | st.text(max_size=40))
def test_any_text_is_read_or_refused_and_what_is_read_has_moments(text: str) -> None:
    with suppress(PlanError):
        parse(text)
        assert next(moments(Plan(cron=text), 0)).at > 0


def test_a_plan_that_makes_no_sense_is_refused_before_the_first_moment() -> None:
    for plan, field in (
        (Plan(), "cron"),
        (Plan(cron="* * * * *", every_ms=1000), "cron"),
        (Plan(cron="x"), "cron"),
        (Plan(every_ms=999), "every"),
        (Plan(cron="* * * * *", time_zone="Mars/Olympus"), "time_zone"),
    ):
        with pytest.raises(PlanError) as refused:
            moments(plan, 0)
        assert refused.value.field == field


@pytest.mark.parametrize(
    "name",
    [
        *("../../etc/passwd", "/etc/localtime", "localtime", "posixrules", "Europe/../UTC", "Europe", "", ".", "zones"),
        *("UTC\0", "Europe/Berlin ", "europe\\berlin", "tzdata.zi", "__init__.py", "x" * 10_000, "Europe/" * 2_000),
    ],
)
def test_a_zone_is_one_of_the_list_and_never_a_path(name: str) -> None:
    with pytest.raises(PlanError) as refused:
        zone_of(name)
    assert refused.value.field == "time_zone"
    assert len(refused.value.detail) < 120


@pytest.mark.parametrize("name", ["europe/BERLIN", "Berlin", "berlin"])
def test_a_zone_in_the_wrong_case_or_without_its_area_is_refused_with_the_right_one(name: str) -> None:
    with pytest.raises(PlanError, match="did you mean Europe/Berlin"):
        zone_of(name)


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("0 9 * * MON-FRI", "at 09:00, Monday to Friday"),
        ("*/15 * * * *", "every 15 minutes"),
        ("* * * * *", "every minute"),
        ("0 * * * *", "every hour on the hour"),
        ("5 * * * *", "every hour at minute 5"),
        ("*/7 * * * *", "every hour at minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56"),
        ("0 */2 * * *", "every 2 hours on the hour"),
        ("* 9 * * *", "every minute, in the hour 09"),
        ("*/10 9-17 * * 6,0", "every 10 minutes, in each of the hours 09 to 17, on Saturday and Sunday"),
        ("0 9,17 * * *", "at 09:00 and 17:00"),
        ("0 0 L * ?", "at 00:00, on the last day of the month"),
        ("0 0 1,15 2 *", "at 00:00, on days 1 and 15 of the month, in February"),
        ("0 0 * * MON#2", "at 00:00, on the second Monday of the month"),
        ("0 0 * 6-8,12 FRIL", "at 00:00, on the last Friday of the month, in June to August and December"),
        ("0 0 13 * FRI", "at 00:00, on day 13 of the month or on Friday"),
        ("0 0 */16 * MON,TUE", "at 00:00, on days 1 and 17 of the month if that is Monday or Tuesday"),
    ],
)
def test_a_plan_is_said_in_words(cron: str, words: str) -> None:
    assert describe(Plan(cron=cron, time_zone="Europe/Berlin")) == f"{words}, in Europe/Berlin"


def test_an_interval_is_said_with_where_it_starts_and_ends() -> None:
    plan = Plan(every_ms=5_400_000, starts_at=1_800_000_000_000, ends_at=1_900_000_000_000)
    said = "every 1 hour and 30 minutes from 2027-01-15T08:00:00.000Z, until 2030-03-17T17:46:40.000Z"
    assert describe(plan) == said
    assert describe(Plan(every_ms=3_600_000)).startswith("every hour from 1970")


def test_spread_is_fixed_by_name_even_and_less_than_its_length() -> None:
    offsets = [spread_offset(f"schedule-{number}", 60_000) for number in range(6000)]
    assert offsets == [spread_offset(f"schedule-{number}", 60_000) for number in range(6000)]
    assert all(0 <= it < 60_000 for it in offsets)
    seconds = Counter(it // 1000 for it in offsets)
    assert len(seconds) == 60
    assert max(seconds.values()) < 160  # 100 on average, of which ten is the deviation
    assert spread_offset("any", 0) == 0
    assert {spread_offset(str(number), 1) for number in range(50)} == {0}
