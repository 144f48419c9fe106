"""What people write of a moment, on a machine whose clock goes through an hour twice and leaves one out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from timer_service.terminal.local_time import parse

NOW = datetime(2026, 11, 25, 11, 39, 56)


@pytest.fixture(autouse=True)
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as there:
        there.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-25 11:39:56 CET", "2026-11-25T11:39:56+01:00"),
        ("2026-07-01 11:39:56 CEST", "2026-07-01T11:39:56+02:00"),
        ("2026-11-25 11:39:56 UTC", "2026-11-25T11:39:56+00:00"),
        ("2026-12-01T09:00", "2026-12-01T09:00:00+01:00"),
        ("2026-12-01 9:00", "2026-12-01T09:00:00+01:00"),
        (" 2026-07-01t09:00:30 ", "2026-07-01T09:00:30+02:00"),
        ("tomorrow 9:00", "2026-11-26T09:00:00+01:00"),
        ("Tomorrow at 09:00:01", "2026-11-26T09:00:01+01:00"),
        ("today 18:00", "2026-11-25T18:00:00+01:00"),
        ("2026-10-25 02:30", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25 02:30:00 CEST", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25 02:30:00 CET", "2026-10-25T02:30:00+01:00"),
        ("2026-03-29 02:30", "2026-03-29T03:30:00+02:00"),
    ],
)
def test_a_moment_of_the_local_clock_gets_its_offset(text: str, moment: str) -> None:
    found = parse(text, NOW)
    assert found is not None
    assert found.isoformat() == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-25 11:39:56 CEST",  # it is winter
        "2026-11-25 11:39:56 PST",
        "2026-11-25 11:39:56 +0100",
        "2026-11-25",
        "9:00",
        "yesterday 9:00",
        "tomorrow",
        "2026-02-30 09:00",
        "2026-12-01 24:00",
        "tomorrow 9:60",
        "0000-01-01 09:00",
        "٢٠٢٦-12-01 09:00",
        "",
    ],
)
def test_what_is_no_moment_of_the_local_clock_is_none(text: str) -> None:
    assert parse(text, NOW) is None
