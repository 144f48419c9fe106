"""Any expression in any zone has the moments that a walk over each minute finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.recurrence import moments, zone_of
from scheduler.schedule import Fold, Gap, Plan
from tests.recurrence.oracle import Oracle, utc

#: Each way that a clock was turned since 1973, and when: an hour, half an hour, at midnight, just after midnight, from
#: a half-hour offset, over the date line both ways, and twice within days.
CHANGES = (
    ("Europe/Berlin", "2027-03-28T01:00"),
    ("Europe/Berlin", "2027-10-31T01:00"),
    ("America/New_York", "2027-03-14T07:00"),
    ("America/New_York", "2027-11-07T06:00"),
    ("Australia/Lord_Howe", "2027-10-02T15:30"),
    ("Australia/Lord_Howe", "2027-04-03T15:00"),
    ("America/Sao_Paulo", "2018-11-04T03:00"),
    ("America/Sao_Paulo", "2018-02-18T02:00"),
    ("Asia/Beirut", "2027-03-27T22:00"),
    ("Asia/Beirut", "2027-10-30T21:00"),
    ("Africa/Cairo", "2027-04-29T22:00"),
    ("Africa/Cairo", "2027-10-28T21:00"),
    ("America/Asuncion", "2023-10-01T04:00"),
    ("America/St_Johns", "2008-03-09T03:31"),
    ("America/St_Johns", "2008-11-02T02:31"),
    ("Pacific/Apia", "2011-12-30T10:00"),
    ("Pacific/Kwajalein", "1993-08-21T12:00"),
    ("Pacific/Kiritimati", "1994-12-31T10:00"),
    ("Asia/Gaza", "2010-08-10T21:00"),
    ("Africa/Casablanca", "2024-03-10T02:00"),
    ("Antarctica/Troll", "2027-03-28T01:00"),
    ("Antarctica/Casey", "2020-10-03T16:01"),
    ("Asia/Kathmandu", "1985-12-31T18:30"),
    ("Asia/Pyongyang", "2018-05-04T15:00"),
    ("America/Caracas", "2007-12-09T07:00"),
    ("America/Caracas", "2016-05-01T07:00"),
    ("UTC", "2028-02-29T00:00"),
)


def _field(low: int, high: int, *more: str) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda it: f"{min(it)}-{max(it)}")
    step = st.integers(1, high - low)
    item = st.one_of(
        number.map(str),
        span,
        st.builds("{}/{}".format, span | st.just("*") | number.map(str), step),
        *([st.sampled_from(more)] if more else []),
    )
    return st.just("*") | st.lists(item, min_size=1, max_size=3).map(",".join)


CRONS = st.builds(
    lambda *fields: " ".join(fields),
    _field(0, 59) | st.sampled_from(["0", "30", "*/15", "15,45", "0,30", "*"]),
    _field(0, 23) | st.sampled_from(["*", "0", "1", "2", "23", "0-3"]),
    st.just("*") | _field(1, 31, "L"),
    st.just("*") | st.sampled_from(["1-6", "7-12", "*/2"]),
    st.just("*") | _field(0, 6, "5L", "0L", "0#1", "6#1", "4#5", "1#2"),
)


@settings(max_examples=100)
@given(
    cron=CRONS,
    change=st.sampled_from(CHANGES),
    hours=st.integers(-30, 30),
    gap=st.sampled_from(Gap),
    fold=st.sampled_from(Fold),
)
def test_any_expression_has_the_moments_that_the_clock_on_the_wall_shows(
    cron: str, change: tuple[str, str], hours: int, gap: Gap, fold: Fold
) -> None:
    name, at = change
    after = utc(at) + timedelta(hours=hours)
    until = after + timedelta(hours=40)
    expected = Oracle(cron, zone_of(name), gap, fold).moments(after, until)
    assert found(Plan(cron=cron, time_zone=name, gap=gap, fold=fold), after, until) == expected


def test_a_day_around_each_kind_of_change_is_right_for_what_people_write() -> None:
    for name, at in CHANGES:
        for cron in ("15,45 0-2 * * *", "*/20 1,3 * * *"):
            after, until = utc(at) - timedelta(hours=26), utc(at) + timedelta(hours=26)
            expected = Oracle(cron, zone_of(name)).moments(after, until)
            assert found(Plan(cron=cron, time_zone=name), after, until) == expected, (name, cron)


def test_each_kind_of_change_that_is_tried_turns_the_clock() -> None:
    for name, at in CHANGES[:-1]:
        zone = zone_of(name)
        around = [(utc(at) + timedelta(minutes=it)).astimezone(zone).utcoffset() for it in (-3, 3)]
        assert around[0] != around[1], name


def found(plan: Plan, after: datetime, until: datetime) -> list[datetime]:
    later = moments(plan, _ms(after))
    return [datetime.fromtimestamp(it.at / 1000, UTC) for it in takewhile(lambda it: it.at <= _ms(until), later)]


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
