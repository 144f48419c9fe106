"""Durations, moments, backoff: the arithmetic of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler import Backoff, Webhook, duration
from scheduler import rfc3339 as moment
from scheduler.poller.retry import next_wait
from scheduler.rfc3339 import rfc3339


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("500ms", 500),
        ("1h30m", 5_400_000),
        ("1d", 86_400_000),
        ("2d3h4m5s6ms", 183_845_006),
        ("1.5s", 1500),
        ("0s", 0),
        ("0.0001ms", 1),
        ("PT30M", 1_800_000),
        ("P1DT12H", 129_600_000),
        ("P2W", 1_209_600_000),
        ("PT0.5S", 500),
    ],
)
def test_a_duration_means_what_it_says_rounded_up(text: str, ms: int) -> None:
    assert duration.parse(text) == ms


@pytest.mark.parametrize(
    "text", ["", "5", "s", "-5s", "+5s", "5 s", "5S", "1m1h", "P", "PT", "P1M", "P1Y", "1e3s", "٣s", "P1DT"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        duration.parse(text)


@pytest.mark.parametrize(("seconds", "ms"), [(0, 0), (1, 1000), (1e-9, 1), (0.1, 100), (0.1001, 101), (1.0005, 1001)])
def test_seconds_become_milliseconds_rounded_up(seconds: float, ms: int) -> None:
    assert duration.from_seconds(seconds) == ms


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-01T09:00:00Z", "2026-03-01T09:00:00.000Z"),
        ("2026-03-01t09:00:00.5z", "2026-03-01T09:00:00.500Z"),
        ("2026-03-01 09:00:00+14:00", "2026-02-28T19:00:00.000Z"),
        ("2026-03-01T09:00:00-00:30", "2026-03-01T09:30:00.000Z"),
        ("2026-03-01T09:00:00.0001Z", "2026-03-01T09:00:00.001Z"),
        ("2024-02-29T23:59:59.999999Z", "2024-03-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ("1960-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
    ],
)
def test_a_moment_is_read_with_its_offset_and_rounded_up(text: str, utc: str) -> None:
    assert rfc3339(moment.parse(text)) == utc


# fmt: off
NO_MOMENTS = [
    "", "now", "2026-03-01", "2026-03-01T09:00:00", "2026-03-01T09:00Z", "2026-02-30T00:00:00Z", "2026-03-01T24:00:00Z",
    "2016-12-31T23:59:60Z", "2026-03-01T09:00:00+24:00", "9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59.9999Z",
    "0000-01-01T00:00:00Z", "\uff12026-03-01T09:00:00Z", "2026-03-01T09:00:00Z\n",
]
# fmt: on


@pytest.mark.parametrize("text", NO_MOMENTS)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        moment.parse(text)


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)))
def test_every_moment_survives_the_way_out_and_in(value: datetime) -> None:
    ms = moment.parse(value.isoformat().replace("+00:00", "Z"))
    back = datetime.fromisoformat(rfc3339(ms))
    assert timedelta(0) <= back - value < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        (Backoff(), [5, 15, 45, 135, 405, 1215, 3600, 3600]),
        (Backoff(initial=1, factor=1, max=9), [1, 1, 1]),
        (Backoff(steps=(5, 30, 120)), [5, 30, 120, 120]),
        (Backoff(initial=10, factor=100, max=604_800), [10, 1000, 100_000, 604_800]),
    ],
)
def test_backoff_grows_as_written(backoff: Backoff, waits: list[float]) -> None:
    assert [backoff.after(number) for number in range(1, len(waits) + 1)] == waits


def test_backoff_of_a_huge_attempt_number_is_its_maximum() -> None:
    assert Backoff().after(100_000) == 3600


@pytest.mark.parametrize(
    ("number", "chance", "retry_after", "ms"),
    [
        (1, 0.0, None, 1000),
        (1, 1.0, None, 5000),
        (2, 0.5, None, 8000),
        (1, 0.0, 60.0, 60_000),
        (3, 1.0, 2.0, 45_000),
        (1, 0.0, 1e9, 3_600_000),
        (8, 0.0, None, None),
    ],
)
def test_the_wait_is_jittered_above_its_floor_and_raised_by_retry_after(
    number: int, chance: float, retry_after: float | None, ms: int | None
) -> None:
    assert next_wait(Webhook(url="http://h/"), number, retry_after, lambda: chance) == ms


def test_a_backoff_below_a_second_has_no_jitter() -> None:
    webhook = Webhook(url="http://h/", backoff=Backoff(steps=(0.2,)))
    assert [next_wait(webhook, 1, None, lambda: 0.0), next_wait(webhook, 1, None, lambda: 1.0)] == [200, 200]
