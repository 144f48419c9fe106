"""What people read: lengths, columns, and nothing that could harm their terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.client.test_retries import TIMER
from timer_service.client import Timer
from timer_service.printable import printable, printable_json
from timer_service.terminal.tables import aligned, detail_rows, length, time_left, timer_rows

LENGTHS = [
    (timedelta(0), "0ms"),
    (timedelta(milliseconds=999), "999ms"),
    (timedelta(seconds=1), "1.0s"),
    (timedelta(seconds=59.94), "59.9s"),
    (timedelta(seconds=59.99), "59.9s"),
    (timedelta(seconds=60), "1m00s"),
    (timedelta(minutes=59, seconds=59), "59m59s"),
    (timedelta(hours=1), "1h00m"),
    (timedelta(days=1) - timedelta(seconds=1), "23h59m"),
    (timedelta(days=1), "1d00h"),
    (timedelta(days=366, hours=5), "366d05h"),
    (None, "-"),
]


@pytest.mark.parametrize(("time", "text"), LENGTHS)
def test_a_length_is_written_in_its_two_largest_units(time: timedelta | None, text: str) -> None:
    assert length(time) == text


def test_columns_are_aligned_and_the_last_is_cut_at_the_width() -> None:
    rows = [("A", "LONG", "REST"), ("aaa", "b", "c" * 30)]
    assert list(aligned(rows)) == ["A    LONG  REST", f"aaa  b     {'c' * 30}"]
    cut = list(aligned(rows, 20))
    assert cut == ["A    LONG  REST", f"aaa  b     {'c' * 8}…"]
    assert len(cut[1]) == 20


def test_what_could_move_the_cursor_is_written_out() -> None:
    assert printable("a\x1b[2J\r\n\t\x9b\u202eé🎉") == "a\\x1b[2J\\r\\n\\t\\x9b\\u202eé🎉"


def test_json_for_a_terminal_has_nothing_raw_that_it_would_obey_and_is_the_same_value() -> None:
    """Tried: every code point below U+3000, the tags, an astral format character, a lone surrogate; in names too."""
    codes = [*range(0x3000), *range(0xE0000, 0xE0100), 0x1D173, 0x1F389, 0xFEFF, 0xFFF9, 0xD800]
    for value in (everything := "".join(map(chr, codes)), {everything: [everything]}):
        text = printable_json(value)
        assert json.loads(text) == value
        assert text.isprintable()
    assert "é" in printable_json("é")
    assert printable(everything).isprintable()


def test_what_is_left_is_counted_to_the_next_attempt_and_never_below_nothing() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    timer = Timer.from_json(TIMER)
    assert time_left(timer, now - timedelta(milliseconds=1)) == "1m01s"
    assert time_left(timer, now + timedelta(milliseconds=1)) == "1m00s"
    assert time_left(timer, now + timedelta(seconds=53)) == "7.5s"
    assert time_left(timer, now + timedelta(hours=1)) == "0ms"
    waiting = Timer.from_json({**TIMER, "next_attempt_at": "2026-01-01T02:00:00.000Z"})
    assert time_left(waiting, now) == "2h00m"
    assert time_left(Timer.from_json({**TIMER, "status": "failed"}), now) == "-"


def test_a_timer_without_key_or_tags_shows_that_it_has_none() -> None:
    _, row = timer_rows([Timer.from_json(TIMER)])
    assert row[4:] == ("0", "-", "-", "POST http://receiver/hook")
    names = [name for name, _ in detail_rows(Timer.from_json(TIMER))]
    assert not {"key", "tags", "metadata", "body", "next attempt"} & set(names)


def test_bytes_are_shown_as_they_came() -> None:
    rows = list(detail_rows(Timer.from_json({**TIMER, "body_base64": "/w=="})))
    assert ("body_base64", "/w==") in rows
