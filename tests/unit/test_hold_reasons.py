"""Why a destination is held: what is stored in words is read again as what it was made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.destinations import DestinationSettings, Rate
from scheduler.hold_reasons import ASKED_TO_WAIT, SLOWLY, BreakerFailures, limits_text, read_limits

STORED = {
    "10 attempts in a row failed, the last one: connect": BreakerFailures("10 attempts in a row failed", "connect"),
    "9 of 10 attempts in 10 s failed, the last one: 503; probe 12 failed: too-large": BreakerFailures(
        "9 of 10 attempts in 10 s failed", "503", 12, "too-large"
    ),
    "of a later version; probe 0 failed: 503": BreakerFailures("of a later version; probe 0 failed: 503"),
    "": BreakerFailures(""),
}


@pytest.mark.parametrize("text", STORED)
def test_failures_that_are_stored_are_read_as_data(text: str) -> None:
    assert BreakerFailures.read(text) == STORED[text]


@given(
    st.text() | st.lists(st.sampled_from([", the last one: ", "; probe ", "2", " failed: ", "connect"])).map("".join)
)
def test_any_words_are_read_and_none_is_lost(text: str) -> None:
    assert BreakerFailures.read(text).text == text


@pytest.mark.parametrize("rate", [None, Rate(10), Rate(3, 1500), Rate(1_000_000, 86_400_000)])
@pytest.mark.parametrize("concurrency", [None, 1, 5000])
def test_limits_are_read_from_their_words(rate: Rate | None, concurrency: int | None) -> None:
    settings = DestinationSettings(rate, concurrency)
    assert read_limits(limits_text(settings)) == settings


@pytest.mark.parametrize("words", [SLOWLY, ASKED_TO_WAIT, "", "at most 10 in 1 s and more"])
def test_other_words_tell_of_no_limits(words: str) -> None:
    assert read_limits(words) is None
