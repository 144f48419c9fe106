"""Lengths of time as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler import duration


@given(st.integers(0, duration.MAX_DELAY))
def test_what_is_told_as_text_is_read_as_the_same(milliseconds: int) -> None:
    assert duration.parse(duration.text(milliseconds)) == milliseconds


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(0, "0s"), (500, "500ms"), (5_400_000, "1h30m"), (90_061_001, "1d1h1m1s1ms")]
)
def test_the_longest_units_come_first(milliseconds: int, text: str) -> None:
    assert duration.text(milliseconds) == text
